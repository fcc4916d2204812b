"""One run: a broker, a node and a stream of cases, and what came of it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
import msgspec
from hypothesis import strategies as st

from benchmarks.broker import Broker, broker
from benchmarks.fuzz.attacker import Attacker
from benchmarks.fuzz.cases import Case, cases
from benchmarks.fuzz.ear import Ear
from benchmarks.fuzz.recombination import Recombination
from edge_runtime.bridge.protocol.message import Message

_TOGETHER = 20
_RECOMBINED = 15  # lists of cases for each that is drawn
_ANSWER_TIMEOUT_S = 20.0
_MODEL_TIMEOUT_S = 300.0  # a text of 64 KiB is five seconds' work for an encoder
_STOP_TIMEOUT_S = 30.0
_WARM = 0.2  # of the cases, before memory is looked at
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# more than the cases that are under way
_BROKER = "max_queued_messages 100000\nmax_inflight_messages 100"
_SHOWN = 5
_LONGEST = 500


class Found(msgspec.Struct, frozen=True):
    """What came of a run; ``examples`` are some cases that were not answered."""

    cases: int
    answerable: int
    unanswered: int
    misdirected: int
    crashes: int
    failures: int
    disconnects: int
    strays: list[str]
    obeys: bool
    answers: bool
    cut_by_broker: int
    rss_before_mb: float
    rss_after_mb: float
    disk_mb: float
    seconds: float
    examples: list[str]
    log: list[str]


@dataclass
class _Sofar:
    sent: int = 0
    answerable: int = 0
    misdirected: int = 0
    unanswered: list[tuple[str, Case]] = field(default_factory=list)
    topics: set[str] = field(default_factory=set)
    wanted: set[str] = field(default_factory=set)
    rss_before_mb: float | None = None
    timeout_s: float = _ANSWER_TIMEOUT_S


def run(number: int, seed: int, *, assistant: bool = False) -> Found:
    """Send so many cases to a node, plain or with the default bundle, and return what came of it.

    Raises:
        OSError: no mosquitto can be started here.
    """
    name = f"fuzzed-{uuid.uuid4().hex[:6]}"
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="edge-fuzz-") as directory,
        broker(config_extra=_BROKER) as on,
        _node(on, name, Path(directory), assistant=assistant) as process,
        Ear(on.url, name) as ear,
    ):
        log = Path(directory) / "log"
        _until_online(ear, name)
        attacker = Attacker((on.host, on.port), lambda: ear.escalation)
        sofar = _Sofar(timeout_s=_MODEL_TIMEOUT_S if assistant else _ANSWER_TIMEOUT_S)

        more = Recombination(random.Random(seed))  # noqa: S311 - to be repeated

        def batch(found: Sequence[Case]) -> None:
            more.feed(found)
            for _ in range(_RECOMBINED + 1):
                if sofar.sent < number:
                    _try(attacker, ear, sofar, found, name)
                found = more.cases(_TOGETHER)
            if sofar.sent >= number * _WARM and sofar.rss_before_mb is None:
                sofar.rss_before_mb = _rss_mb(process.pid)

        try:
            drawn = number // (_TOGETHER * (_RECOMBINED + 1)) + 1
            while sofar.sent < number:
                _generate(batch, name, seed + sofar.sent, drawn)
        finally:
            attacker.close()
        answers = _is_answered(ear, name)
        strays = ear.strays(sofar.topics, sofar.wanted)
        obeys = _obeys(ear, name)
        crashed = process.poll() is not None
        lines = log.read_text(errors="replace").splitlines()
        return Found(
            cases=sofar.sent,
            answerable=sofar.answerable,
            unanswered=len(sofar.unanswered),
            misdirected=sofar.misdirected,
            crashes=int(crashed),
            failures=sum(_is_failure(line) for line in lines),
            disconnects=ear.offline,
            strays=sorted(strays)[:_SHOWN],
            obeys=obeys,
            answers=answers,
            cut_by_broker=attacker.cut,
            rss_before_mb=round(sofar.rss_before_mb or 0.0, 1),
            rss_after_mb=0.0 if crashed else round(_rss_mb(process.pid), 1),
            disk_mb=round(sum(p.stat().st_size for p in Path(directory).rglob("*.db*")) / 1e6, 1),
            seconds=round(time.monotonic() - started, 1),
            examples=[f"{key}: {case}"[:_LONGEST] for key, case in sofar.unanswered[:_SHOWN]],
            log=[line[:_LONGEST] for line in lines if _is_failure(line)][:_SHOWN],
        )


def _generate(batch: Callable[[Sequence[Case]], None], name: str, seed: int, most: int) -> None:
    """Call ``batch`` with lists of cases."""
    lists = st.lists(cases(name), min_size=_TOGETHER, max_size=_TOGETHER)
    settings = hypothesis.settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.seed(seed)(settings(hypothesis.given(lists)(batch)))()


def _try(attacker: Attacker, ear: Ear, sofar: _Sofar, found: Sequence[Case], name: str) -> None:
    sofar.sent += len(found)
    sofar.topics |= {case.topic.decode(errors="replace") for case in found}
    sofar.wanted |= {str(each) for case in found if (each := _wanted(case)) is not None}
    due = attacker.send(found)
    sofar.answerable += len(due)
    for key, topic in ear.await_answers(list(due), sofar.timeout_s).items():
        if topic is None:
            sofar.unanswered.append((key, due[key]))
            print(f"not answered: {due[key]}"[:_LONGEST], file=sys.stderr)
        elif not _may_hear(due[key].client, topic, name):
            sofar.misdirected += 1


def _wanted(case: Case) -> object:
    """Return where a case wants to be answered."""
    if case.response_topic is not None:
        return case.response_topic.decode(errors="replace")
    return case.body.get("reply_to") if isinstance(case.body, dict) else None


def _may_hear(client: str | None, topic: str, name: str) -> bool:
    """Whether a client is answered here; one whose name is not valid is where the others are."""
    mine = [f"edge/v1/{name}/res/{each}" for each in (client, "anon")] + [f"edge/clients/{client}"]
    return any(topic == each or topic.startswith(f"{each}/") for each in mine)


@contextmanager
def _node(
    on: Broker, name: str, directory: Path, *, assistant: bool
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "benchmarks.fuzz.node", on.url, name, str(directory)]
    if assistant:
        command = [sys.executable, "-m", "edge_runtime.cli.app", "serve", "--broker", on.url,
                   "--node", name, "--hermes", "*", "--home-assistant"]  # fmt: skip
    environ = {**os.environ, "EDGE_STATE": str(directory), "EDGE_CONFIG": os.devnull,
               "EDGE_SOCKET": "off"}  # fmt: skip
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, env=environ)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_online(ear: Ear, name: str) -> None:
    give_up_at = time.monotonic() + 60.0
    while not _is_answered(ear, name, timeout_s=1.0):
        if time.monotonic() > give_up_at:
            raise OSError("the node does not start")


def _is_answered(ear: Ear, name: str, timeout_s: float = _ANSWER_TIMEOUT_S) -> bool:
    key = uuid.uuid4().hex
    topic = f"edge/v1/{name}/req/classify/app"
    ear.publish(Message(topic=topic, payload=b"turn on the light", correlation=key.encode()))
    return ear.await_answers([key], timeout_s)[key] is not None


def _obeys(ear: Ear, name: str) -> bool:
    """Whether commands are still obeyed."""
    ear.events.clear()
    ear.publish(Message(topic=f"edge/v1/{name}/cmd/flush", payload=b"{}"))
    return ear.await_event("cmd", _ANSWER_TIMEOUT_S)


def _is_failure(line: str) -> bool:
    return "ERROR" in line or line.startswith(("Traceback", "Exception in thread", "Fatal"))


def _rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES / 2**20
