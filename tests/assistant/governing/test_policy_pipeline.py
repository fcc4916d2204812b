"""The owner's policy in the assistant: what leaves, what is refused, what is logged."""

from __future__ import annotations

import functools
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings

from edge_runtime.assistant.asking import NobodyToAskError, ask
from edge_runtime.assistant.governing.governor import Governor
from edge_runtime.assistant.governing.query_log import QueryLog
from edge_runtime.assistant.governing.sensors import Sensors
from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.errors import ExpiredError, NotSentError, PolicyDeniedError, UnavailableError
from edge_runtime.messages import Answer, Escalation, Reply, Request, RequestPolicy, encode
from edge_runtime.routing.budget import Budget, Limits
from edge_runtime.routing.gates import Conditions, Gates
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.query_records import QueryRecord, Record, ReplyRecord, read_record
from edge_runtime.routing.rules import Rule
from tests.routing import policies

QUESTION = "who wrote the novel Moby Dick?"
COMMAND = "turn on the kitchen light"


@functools.cache
def bundle() -> Bundle:
    return Store(None).open()


class Switched:
    """An assistant whose owner changes their mind; loads its bundle once."""

    policy = OwnerPolicy()

    def __init__(self) -> None:
        self.assistant = Assistant(bundle(), Governor(lambda: self.policy))


@functools.cache
def switched() -> Switched:
    return Switched()


def under(policy: OwnerPolicy, log: QueryLog | None = None, **sensors: object) -> Assistant:
    """Return an assistant with a policy and a ledger of its own, but without a model of its own."""
    assistant = switched().assistant
    assistant.governor = Governor(policy, sensors=Sensors(**sensors), log=log)  # type: ignore[arg-type]
    return assistant


@pytest.fixture(autouse=True)
def _own_governor() -> None:
    switched().assistant.governor = Governor(lambda: switched().policy)
    switched().assistant.facts()


def answering(cost_usd: float = 0.01) -> Callable[[Escalation, float], Reply]:
    return lambda escalation, _timeout_s: Reply(
        id=escalation.id, text="Melville", model="big", cost_usd=cost_usd, prompt_tokens=40,
        generation_tokens=2,
    )  # fmt: skip


@settings(max_examples=60)
@given(policies.owners, policies.requests, policies.conditions)
def test_whatever_rules_gates_and_budget_say_local_stays_local(
    owner: OwnerPolicy, asked: RequestPolicy, conditions: Conditions
) -> None:
    assistant = under(
        owner,
        metered=lambda: conditions.metered,
        battery_percent=lambda: conditions.battery_percent,
        temperature_c=lambda: conditions.temperature_c,
        minute=lambda: conditions.minute,
    )
    for text in (QUESTION, COMMAND, "schalte bitte das Licht in der Küche ein"):
        try:
            begun = assistant.begin(Request(text=text, policy=asked))
        except PolicyDeniedError:
            continue
        if "local" in {owner.privacy, asked.privacy}:
            assert isinstance(begun, Answer)
            assert begun.source == "local"
        if isinstance(begun, Pending) and owner.max_cost_usd is not None:
            assert begun.escalation.max_cost_usd is not None
            assert begun.escalation.max_cost_usd <= owner.max_cost_usd


def test_a_rule_keeps_a_question_here() -> None:
    rule = Rule(name="books", topic=("novel",), privacy="local")
    answer = under(OwnerPolicy(rules=(rule,))).begin(Request(text=QUESTION))
    assert isinstance(answer, Answer)
    assert answer.reason[0] == "rule 'books': privacy local"
    assert answer.guarantee is None


def test_a_description_matches_what_it_is_about() -> None:
    rule = Rule(about=("books, novels and their authors",), privacy="local")
    assistant = under(OwnerPolicy(rules=(rule,)))
    assert isinstance(assistant.begin(Request(text=QUESTION)), Answer)
    other = assistant.begin(Request(text="explain how a diesel engine works"))
    assert isinstance(other, Pending)


def test_a_denied_query_is_an_error_and_a_fact_without_the_text() -> None:
    rule = Rule(name="guests", client=("guest-*",), deny=True)
    assistant = under(OwnerPolicy(rules=(rule,)))
    with pytest.raises(PolicyDeniedError, match="rule 'guests' refuses it") as error:
        assistant.begin(Request(text=COMMAND, client="guest-1"))
    assert error.value.code == "403"
    assert assistant.facts() == [("policy-denied", {"client": "guest-1", "by": "rule 'guests'"})]
    assert isinstance(assistant.begin(Request(text=COMMAND)), Answer)


def test_under_privacy_local_no_fact_tells_which_rule_it_was() -> None:
    rule = Rule(name="medicine", topic=("doctor",), deny=True)
    assistant = under(OwnerPolicy(privacy="local", rules=(rule,)))
    with pytest.raises(PolicyDeniedError):
        assistant.begin(Request(text="call my doctor"))
    assert assistant.facts() == [("policy-denied", {"client": "local"})]


def test_a_foreign_text_is_not_guessed_at() -> None:
    begun = under(OwnerPolicy()).begin(Request(text="schalte bitte das Licht in der Küche ein"))
    assert isinstance(begun, Pending)
    assert begun.guess.confidence == 0.0
    assert begun.guess.reason == ["language de is none of the bundle's"]


@pytest.mark.parametrize(
    ("when_offline", "status", "code"), [("local", "ok", "200"), ("fail", "error", "503")]
)
def test_a_closed_gate_is_answered_at_once(when_offline: str, status: str, code: str) -> None:
    policy = OwnerPolicy(when_offline=when_offline, gates=Gates(allow_metered=False))  # type: ignore[arg-type]
    answer = under(policy, metered=lambda: True).begin(Request(text=QUESTION))
    assert isinstance(answer, Answer)
    assert (answer.status, answer.code) == (status, code)


def test_with_queue_a_closed_gate_lets_it_wait() -> None:
    policy = OwnerPolicy(gates=Gates(allow_metered=False))
    assert isinstance(under(policy, metered=lambda: True).begin(Request(text=QUESTION)), Pending)


def test_a_sure_answer_asks_no_gate() -> None:
    def forbidden() -> None:
        raise AssertionError("a command needs no link")

    policy = OwnerPolicy(gates=Gates(allow_metered=False))
    assert isinstance(under(policy, metered=forbidden).begin(Request(text=COMMAND)), Answer)


def test_a_spent_budget_is_429_with_the_time_until_it_is_back() -> None:
    policy = OwnerPolicy(when_offline="fail", budget=Budget(day=Limits(requests=1)))
    assistant = under(policy)
    assert ask(assistant, Request(text=QUESTION), answering()).source == "cloud"
    answer = ask(assistant, Request(text=QUESTION), answering())
    assert answer.error is not None
    assert (answer.error.code, answer.error.type) == ("429", "budget")
    assert answer.error.retry_after_s is not None
    assert answer.error.retry_after_s > 86_000


def test_what_an_answer_cost_is_spent() -> None:
    assistant = under(OwnerPolicy(budget=Budget(day=Limits(cost_usd=0.03, tokens=100))))
    for left in (0.03, 0.02):
        begun = assistant.begin(Request(text=QUESTION))
        assert isinstance(begun, Pending)
        assert begun.escalation.max_cost_usd == pytest.approx(left)
        assert ask(assistant, Request(text=QUESTION), answering()).cost_usd == 0.01
    [account] = assistant.governor.accounts("local")
    assert (account.spent.requests, account.spent.tokens) == (2, 84)
    assert account.cost_left_usd == pytest.approx(0.01)


def test_after_failures_in_a_row_nobody_is_asked_any_more() -> None:
    asked = []

    def failing(escalation: Escalation, _timeout_s: float) -> Reply:
        asked.append(escalation)
        raise ExpiredError("no answer")

    assistant = under(OwnerPolicy(gates=Gates(max_failures=2)))
    for _ in range(5):
        ask(assistant, Request(text=QUESTION), failing)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("error", "charged", "failures"),
    [
        (NobodyToAskError("no link"), 0, 0),
        (NotSentError("no worker"), 0, 1),
        (UnavailableError("gone while waiting"), 1, 1),
    ],
)
def test_only_what_left_is_charged(error: UnavailableError, charged: int, failures: int) -> None:
    def failing(_escalation: Escalation, _timeout_s: float) -> Reply:
        raise error

    assistant = under(OwnerPolicy(budget=Budget(day=Limits(requests=9))))
    ask(assistant, Request(text=QUESTION), failing)
    [account] = assistant.governor.accounts("local")
    assert account.spent.requests == charged
    said = [step.said for step in assistant.explain(Request(text=QUESTION)).steps]
    assert f"link: {failures} failures in a row, 5 close it" in said


def test_an_explanation_has_the_bytes_that_leave_and_leaves_none() -> None:
    assistant = under(OwnerPolicy(budget=Budget(day=Limits(requests=1))))
    text = "Who is Angela Merkel and why did she write to angela@example.org?"
    for _ in range(3):
        explained = assistant.explain(Request(text=text))
        assert explained.outcome == "escalate"
    begun = assistant.begin(Request(text=text))
    assert isinstance(begun, Pending)
    assert explained.leaves is not None
    same = msgspec.structs.replace(explained.leaves, id=begun.escalation.id)
    assert encode(same) == encode(begun.escalation)
    assert b"Merkel" not in explained.payload


def test_what_was_known_survives_the_way_through_the_outbox() -> None:
    rule = Rule(about=("books, novels and their authors",), max_cost_usd=1.0)
    begun = under(OwnerPolicy(rules=(rule,))).begin(Request(text=QUESTION, client="app"))
    assert isinstance(begun, Pending)
    assert begun.facts.nearness is not None
    assert begun.facts.entities
    assert (begun.client, begun.privacy) == ("app", "redact")
    assert msgspec.json.decode(encode(begun), type=Pending) == begun


def records(path: Path) -> list[Record]:
    return [read_record(line) for line in path.read_bytes().splitlines()]


def test_the_query_log_has_no_text_unless_the_owner_wants_it(tmp_path: Path) -> None:
    path = tmp_path / "log" / "queries.jsonl"
    assistant = under(OwnerPolicy(), QueryLog(path))
    ask(assistant, Request(text=QUESTION), answering())
    query, reply = records(path)
    assert isinstance(query, QueryRecord)
    assert isinstance(reply, ReplyRecord)
    assert (query.id, reply.cost_usd, reply.tokens) == (reply.id, 0.01, 42)
    assert (query.outcome, query.intent, query.language) == ("escalate", "oos", "en")
    assert b"Moby" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assistant.governor.log = QueryLog(path, with_text=True)
    assistant.begin(Request(text=COMMAND))
    last = records(path)[-1]
    assert isinstance(last, QueryRecord)
    assert (last.text, last.outcome) == (COMMAND, "answer")


def test_of_a_private_query_the_log_says_only_that_it_was_there(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    assistant = under(OwnerPolicy(), QueryLog(path, with_text=True))
    assistant.begin(Request(text=QUESTION, policy=RequestPolicy(privacy="local")))
    [record] = records(path)
    assert isinstance(record, QueryRecord)
    assert record == QueryRecord(record.at, "guess", private=True)


def test_a_full_log_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    assistant = under(OwnerPolicy(), QueryLog(path, most_bytes=1000))
    for _ in range(12):
        assistant.begin(Request(text=COMMAND))
    assert path.stat().st_size <= 1000
    assert (tmp_path / "queries.jsonl.1").stat().st_size <= 1000
    assert all(isinstance(each, QueryRecord) for each in records(path))


def test_a_log_that_cannot_be_written_keeps_nobody_from_an_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assistant = under(OwnerPolicy(), QueryLog(tmp_path))
    for _ in range(3):
        assert isinstance(assistant.begin(Request(text=COMMAND)), Answer)
    assert len(caplog.records) == 1
