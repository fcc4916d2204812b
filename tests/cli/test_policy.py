"""``edge-run policy``, as its owner uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

POLICY = """\
privacy = "redact"

[[rules]]
name = "books"
topic = ["novel"]
max_cost_usd = 0.01

[budget.day]
requests = 2
"""
QUESTION = "who wrote the novel Moby Dick?"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    return path


def test_the_policy_in_force_is_shown_with_what_is_left(edge_run: Any, policy: Path) -> None:
    for left in ("0 of 2 requests", "1 of 2 requests"):
        shown = edge_run("policy", "show", EDGE_POLICY_FILE=str(policy))
        assert "rule 'books': topic novel: max_cost_usd 0.01" in shown.out
        assert f"budget of all clients, day: {left}" in shown.out
        edge_run("ask", "--llm", "inspect", QUESTION, EDGE_POLICY_FILE=str(policy))
    [row] = edge_run("policy", "show", "--json", EDGE_POLICY_FILE=str(policy)).rows
    assert row["policy"]["budget"] == {"day": {"requests": 2}}


def test_a_budget_survives_the_process(edge_run: Any, policy: Path) -> None:
    run = [
        edge_run("ask", "--json", "--llm", "inspect", "--when-offline", "fail", QUESTION,
                 EDGE_POLICY_FILE=str(policy))
        for _ in range(3)
    ]  # fmt: skip
    assert [each.code for each in run] == [0, 0, 1]
    assert run[2].rows[0]["error"]["code"] == "429"


def test_explain_prints_the_steps_and_the_bytes(edge_run: Any, policy: Path) -> None:
    text = "which novel did Angela Merkel write?"
    found = edge_run("policy", "explain", "--json", text, EDGE_POLICY_FILE=str(policy))
    [row] = found.rows
    kinds = [step["kind"] for step in row["steps"]]
    assert list(dict.fromkeys(kinds)) == [
        "owner", "rule", "policy", "language", "confidence", "difficulty", "gate", "budget",
        "redaction", "outcome",
    ]  # fmt: skip
    assert row["outcome"] == "escalate"
    assert json.loads(row["payload"]) == row["leaves"]
    assert row["payload_bytes"] == len(row["payload"].encode())
    assert "Merkel" not in row["payload"]
    printed = edge_run("policy", "explain", text, EDGE_POLICY_FILE=str(policy)).out.splitlines()
    assert "rule 'books' matches (topic novel): max_cost_usd 0.01" in printed[1]
    assert json.loads(printed[-1])["max_cost_usd"] == 0.01


def test_a_choice_of_kinds_is_shown_and_explained(edge_run: Any, tmp_path: Path) -> None:
    path = tmp_path / "choice.toml"
    path.write_text('strong_above = 0.0\n[redaction]\nPERSON = "block"\nPLACE = "redact"\n')
    shown = edge_run("policy", "show", EDGE_POLICY_FILE=str(path)).out
    assert "redaction.PERSON block" in shown
    assert "strong_above 0.0" in shown
    text = "which novel did Angela Merkel write?"
    printed = edge_run("policy", "explain", text, EDGE_POLICY_FILE=str(path)).out
    assert "PERSON block, PLACE redact" in printed
    assert "found: block PERSON" in printed
    assert "the stronger model is to answer" in printed
    assert printed.splitlines()[-1] == "nothing leaves the device"
    path.write_text('[redaction]\nPLACE = "redact"\nPERSN = "block"\n')
    wrong = edge_run("policy", "check", str(path))
    assert wrong.code == 1
    assert f"{path}:3: error: redaction: Invalid enum value 'PERSN'" in wrong.out


def test_explain_shows_an_endpoint_the_prompt_that_it_gets(edge_run: Any) -> None:
    url = "http://127.0.0.1:9/v1"
    [row] = edge_run("policy", "explain", "--json", QUESTION, EDGE_LLM_URL=url).rows
    inspected = edge_run("ask", "--llm", "inspect", "--json", QUESTION).rows[0]["result"]["text"]
    assert row["receiver"] == url
    for message in json.loads(row["payload"])["messages"]:
        assert message["content"] in inspected


def test_explain_says_when_nothing_leaves(edge_run: Any) -> None:
    found = edge_run("policy", "explain", "--privacy", "local", QUESTION)
    assert found.out.endswith("nothing leaves the device\n")
    assert "{" not in found.out


def test_check_names_file_and_line(edge_run: Any, policy: Path) -> None:
    good = edge_run("policy", "check", str(policy))
    assert (good.code, good.out) == (0, f"{policy}: nothing is wrong\n")
    policy.write_text(POLICY.replace('"redact"', '"redakt"').replace("novel", "") + "x = 1\n")
    wrong = edge_run("policy", "check", str(policy))
    assert wrong.code == 1
    assert [line.split(" ")[0] for line in wrong.out.splitlines()] == [
        f"{policy}:1:", f"{policy}:3:", f"{policy}:10:",
    ]  # fmt: skip
    policy.write_text('[[rules]]\nintent = ["wether"]\ndeny = true\n')
    warned = edge_run("policy", "check", "--json", str(policy))
    assert warned.code == 0
    assert [(row["line"], row["kind"]) for row in warned.rows] == [(2, "warning")]


def test_a_policy_within_the_settings_has_lines_too(edge_run: Any, tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text('node = "n"\n\n[policy]\nprivacy = "redakt"\n')
    for command in (("ask", "hello"), ("policy", "show")):
        assert f"{path}:4: policy.privacy" in edge_run(*command, EDGE_CONFIG=str(path)).err
    assert f"{path}:4: error: policy.privacy" in edge_run("policy", "check", str(path)).out
    path.write_text('[policy]\nprivacy = "redact"\n[[policy.rules]]\nprivacy = "cloud"\n')
    assert f"{path}:3: warning: rule 1" in edge_run("policy", "check", EDGE_CONFIG=str(path)).out


def test_two_policies_are_one_too_many(edge_run: Any, policy: Path) -> None:
    environment = {"EDGE_POLICY_FILE": str(policy), "EDGE_POLICY_PRIVACY": "cloud"}
    done = edge_run("ask", "hello", **environment)
    assert done.code == 1
    assert "two policies" in done.err


def test_a_broken_policy_stops_the_command(edge_run: Any, policy: Path) -> None:
    policy.write_text("privacy = 'local")
    done = edge_run("ask", "hello", EDGE_POLICY_FILE=str(policy))
    assert (done.code, done.out) == (1, "")
    assert f"{policy}:1: " in done.err


def test_past_queries_are_tried_under_another_policy(
    edge_run: Any, policy: Path, tmp_path: Path
) -> None:
    log = tmp_path / "queries.jsonl"
    lines = f"{QUESTION}\nturn on the kitchen light\nwhat does serendipity mean\n".encode()
    edge_run("ask", "-", "--llm", "inspect", stdin=lines, EDGE_QUERY_LOG=str(log))
    assert b"Moby" not in log.read_bytes()
    policy.write_text('privacy = "local"')
    arguments = ["policy", "simulate", str(log), "--policy", str(policy)]
    [row] = edge_run(*arguments, "--json").rows
    assert row["in force"]["escalated"] == 2
    assert row["policy.toml"]["escalated"] == 0
    assert row["policy.toml"]["queries"] == 3
    printed = edge_run(*arguments).out.splitlines()
    assert printed[0].split() == ["in", "force", "policy.toml"]
    assert ["escalated", "2", "0"] in [line.split() for line in printed]
    log.write_text("{}\n")
    assert f"{log}:1 is no line of a query log" in edge_run("policy", "simulate", str(log)).err


def test_texts_in_the_log_are_compared_with_what_rules_describe(
    edge_run: Any, policy: Path, tmp_path: Path
) -> None:
    log = tmp_path / "queries.jsonl"
    wanted = {"EDGE_QUERY_LOG": str(log), "EDGE_QUERY_LOG_TEXT": "true"}
    lines = f"{QUESTION}\nexplain how a diesel engine works\n".encode()
    edge_run("ask", "-", "--llm", "inspect", stdin=lines, **wanted)
    policy.write_text(
        '[[rules]]\nabout = ["books, novels and their authors"]\nescalate = "never"\n'
    )
    [row] = edge_run("policy", "simulate", str(log), "--policy", str(policy), "--json").rows
    assert row["policy.toml"]["escalated"] == 1
    assert row["policy.toml"]["guessed"] == 1
