"""A small run of `python -m benchmarks.fuzz`; a whole one is in benchmarks/results/fuzz."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.broker import broker
from benchmarks.fuzz.attacker import Attacker
from benchmarks.fuzz.cases import Case
from benchmarks.fuzz.ear import Ear
from benchmarks.fuzz.goals import goals_met
from benchmarks.fuzz.packets import Stream, length, packet
from benchmarks.fuzz.recombination import Recombination
from benchmarks.fuzz.run import Found

RESULTS = Path(__file__).parents[3] / "benchmarks/results/fuzz/results.json"
FINE = Found(
    cases=1, answerable=1, unanswered=0, misdirected=0, crashes=0, failures=0, disconnects=0,
    strays=[], obeys=True, answers=True, cut_by_broker=0, rss_before_mb=1.0, rss_after_mb=1.0,
    disk_mb=1.0, seconds=1.0, examples=[], log=[],
)  # fmt: skip


def test_a_node_withstands_messages_of_every_shape() -> None:
    # in a process of its own: what is sent there is not to be as asyncapi.yaml says
    command = [sys.executable, "-m", "benchmarks.fuzz", "--cases", "3000", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout.splitlines()[-1])
    assert [goal for goal in found["goals"] if not goal["is_met"]] == [], found
    assert done.returncode == 0, done.stderr
    assert found["cases"] >= 3000
    assert found["answerable"] > 500


@pytest.mark.parametrize(
    "wrong",
    [{"unanswered": 1}, {"misdirected": 1}, {"crashes": 1}, {"failures": 1}, {"disconnects": 1},
     {"strays": ["x"]}, {"obeys": False}, {"answers": False}, {"rss_after_mb": 99.0},
     {"disk_mb": 999.0}],
)  # fmt: skip
def test_whatever_is_wrong_misses_a_goal(wrong: dict[str, object]) -> None:
    assert all(goal.is_met for goal in goals_met(FINE))
    assert sum(not each.is_met for each in goals_met(msgspec.structs.replace(FINE, **wrong))) == 1


def test_a_request_that_nobody_answers_is_noticed() -> None:
    with broker() as on, Ear(on.url, "nobody") as ear:
        attacker = Attacker((on.host, on.port), lambda: ear.escalation)
        topic = b"edge/v1/nobody/req/ask/app"
        due = attacker.send([Case(topic=topic, body=b"hi", is_identified=True, client="app")])
        attacker.close()
        assert len(due) == 1
        assert list(ear.await_answers(list(due), 0.2).values()) == [None]


@pytest.mark.wire("*")
def test_a_message_where_a_node_may_not_speak_is_noticed() -> None:
    with broker() as on, Ear(on.url, "n") as ear:
        attacker = Attacker((on.host, on.port), lambda: ear.escalation)
        for topic in (b"edge/v1/m/cmd/pause", b"home/x", b"edge/v1/n/res/app"):
            attacker.send([Case(topic=topic, body=b"{}", is_identified=True, client="app")])
        attacker.close()
        # the last is no stray: its key is heard, so what came before it has been heard
        assert ear.await_answers(["f-3"], 10.0)["f-3"] == "edge/v1/n/res/app"
        assert ear.strays(sent=(), wanted=()) == {"edge/v1/m/cmd/pause", "home/x"}


def test_packets_come_out_of_a_stream_as_they_were_put_in() -> None:
    for size in (0, 1, 127, 128, 16_383, 16_384, 100_000):
        stream, sent = Stream(), packet(0x30, b"x" * size)
        assert len(length(size)) == len(sent) - 1 - size
        first, second = sent[:1], sent[1:] + packet(0x40, b"ab")
        assert list(stream.packets(first)) == []
        assert list(stream.packets(second)) == [(0x30, b"x" * size), (0x40, b"ab")]


def test_recombined_cases_are_the_same_for_the_same_seed_and_keep_topic_and_client_together() -> (
    None
):
    drawn = [
        Case(topic=b"edge/v1/n/req/ask/a", client="a", body={"text": "hi"}, is_identified=True),
        Case(topic=b"edge/v1/n/req/ask/b", client="b", body=b"x", is_v5=False),
        Case(topic=b"edge/v1/n/cmd/pause", body=b"{}"),
    ]

    def recombined() -> list[Case]:
        more = Recombination(random.Random(5))  # noqa: S311 - to be repeated
        more.feed(drawn)
        return more.cases(300)

    found = recombined()
    assert found == recombined()
    for case in found:
        if case.client is not None and not case.is_odd:
            assert case.topic.decode().rpartition("/")[2] == case.client
            assert case.is_identified == (case.is_v5 or isinstance(case.body, dict))
    assert any(case.raw for case in found)


def test_the_whole_run_that_is_kept_met_every_goal() -> None:
    kept = json.loads(RESULTS.read_text())
    assert kept["cases"] >= 100_000
    assert all(goal["is_met"] for goal in kept["goals"])
