"""What the assistant remembers between queries, with the real bundle and its memory."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_runtime.assistant.governing.governor import Governor
from edge_runtime.assistant.memory.file import Memory
from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.errors import BadRequestError
from edge_runtime.messages import Answer, Candidate, Reply, Request, RequestPolicy, Turn, encode
from edge_runtime.routing.keeping import CachePolicy, SessionPolicy
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.rules import Rule
from tests.assistant.clocks import Board

QUESTION = "who wrote the novel Moby Dick?"
FOLLOWING = "why did it end like that?"
SAME_QUESTION = "Please tell me who wrote the novel moby dick"
PERSON = "Who is Angela Merkel and what is she known for?"
CACHE = CachePolicy(on=True)


@functools.cache
def bundle() -> Bundle:
    return Store(None).open()


def assistant(memory: Memory | None = None, **policy: Any) -> Assistant:
    owner = OwnerPolicy(**{"cache": CACHE, **policy})
    return Assistant(bundle(), owner, memory=memory or Board().memory())


def begin(asked: Assistant, text: str, **fields: Any) -> Answer | Pending:
    return asked.begin(msgspec.convert({"text": text, "id": "7", **fields}, Request))


def escalated(asked: Assistant, text: str, reply: str | None = None, **fields: Any) -> Pending:
    """Ask what has to escalate, and let the large model reply."""
    pending = begin(asked, text, **fields)
    assert isinstance(pending, Pending), pending
    if reply is not None:
        answer = asked.finish(pending, Reply(id=pending.escalation.id, text=reply, model="big"))
        assert answer.error is None
    return pending


def cached(asked: Assistant, text: str, **fields: Any) -> Answer | None:
    found = begin(asked, text, **fields)
    return found if isinstance(found, Answer) and found.source == "cache" else None


# the escalation


def test_the_best_guess_goes_along_with_its_confidence() -> None:
    pending = escalated(assistant(), QUESTION)
    guess = pending.escalation.context.guess
    assert guess == Candidate(pending.guess.result["intent"], pending.guess.confidence)  # type: ignore[index]
    assert 0 < guess.score < 1


def test_a_conversation_goes_along_redacted_and_its_placeholders_stay_the_same() -> None:
    asked = assistant()
    escalated(asked, PERSON, "<PERSON_1> was chancellor of Germany.", session="s")
    begin(asked, "turn on the kitchen light", session="s")
    pending = escalated(asked, "Why did Angela Merkel leave office?", session="s")
    assert pending.escalation.text == "Why did <PERSON_1> leave office?"
    assert pending.escalation.context.history == [
        Turn("user", "Who is <PERSON_1> and what is she known for?"),
        Turn("assistant", "<PERSON_1> was chancellor of Germany."),
        Turn("user", "turn on the kitchen light"),
        Turn("assistant", "HassTurnOn"),
    ]
    sent = encode(pending.escalation).decode()
    assert "Merkel" not in sent
    assert '"s"' not in sent
    answer = asked.finish(pending, Reply(id=pending.escalation.id, text="<PERSON_1> retired."))
    assert answer.result is not None
    assert answer.result["text"] == "Angela Merkel retired."


def test_a_turn_that_was_private_never_goes_along() -> None:
    asked = assistant(privacy="cloud")
    local = RequestPolicy(privacy="local")
    begin(asked, "my safe is behind the blue painting", session="s", policy=local)
    escalated(asked, "Who is Angela Merkel?", "Angela Merkel was chancellor.", session="s")
    redact = RequestPolicy(privacy="redact")
    strict = escalated(asked, FOLLOWING, session="s", policy=redact)
    lax = escalated(asked, "and how did it end?", session="s")
    assert [turn.text for turn in strict.escalation.context.history] == [
        "Who is <PERSON_1>?", "<PERSON_1> was chancellor."
    ]  # fmt: skip
    # what was asked under redact stays redacted at home, too
    assert [turn.text for turn in lax.escalation.context.history] == [
        "Who is Angela Merkel?", "Angela Merkel was chancellor."
    ]  # fmt: skip
    assert lax.escalation.text == "and how did it end?"


def test_a_turn_that_a_rule_keeps_here_never_goes_along() -> None:
    asked = assistant(rules=(Rule(topic=("safe",), escalate="never"),))
    begin(asked, "why would anybody put a safe behind the blue painting?", session="s")
    assert escalated(asked, FOLLOWING, session="s").escalation.context.history == []


def test_neither_other_sessions_nor_other_clients_see_a_conversation() -> None:
    asked = assistant()
    escalated(asked, PERSON, "<PERSON_1> was chancellor.", session="s", client="app")
    for fields in ({"session": "t", "client": "app"}, {"session": "s"}, {"client": "app"}):
        pending = escalated(asked, "why did Bob Dylan do that?", **fields)
        assert pending.escalation.context.history == []
        assert "Angela Merkel" not in pending.placeholders.values()


def test_the_owner_bounds_the_history() -> None:
    asked = assistant(sessions=SessionPolicy(history_tokens=0))
    escalated(asked, PERSON, "<PERSON_1> was chancellor.", session="s")
    assert escalated(asked, FOLLOWING, session="s").escalation.context.history == []


def test_a_conversation_survives_the_process_and_explaining_it_changes_nothing(
    tmp_path: Path,
) -> None:
    board = Board()
    first = assistant(board.memory(tmp_path / "memory.db"))
    escalated(first, PERSON, "<PERSON_1> was chancellor.", session="s")
    second = assistant(board.memory(tmp_path / "memory.db"))
    for _ in range(2):
        leaves = second.explain(Request(text=FOLLOWING, session="s")).leaves
        assert leaves is not None
        assert len(leaves.context.history) == 2


def test_without_its_file_an_answer_is_given_and_the_log_says_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "memory.db").write_bytes(b"no database" * 400)
    asked = assistant(Board().memory(tmp_path / "memory.db"))
    with caplog.at_level(logging.ERROR):
        escalated(asked, QUESTION, "Melville", session="s")
    assert {record.getMessage().split(":")[0] for record in caplog.records} >= {
        "a query is answered without its session", "a turn of a session is not kept",
    }  # fmt: skip
    assert "Moby" not in caplog.text


@pytest.mark.parametrize("name", ["", "x" * 129])
def test_a_session_has_a_name_of_some_length(name: str) -> None:
    for text in (QUESTION, "turn on the kitchen light"):
        with pytest.raises(BadRequestError, match="1 to 128 characters"):
            begin(assistant(), text, session=name)


def test_a_schema_goes_along_and_is_kept_to() -> None:
    pytest.importorskip("jsonschema", reason="needs the extra `schema`")
    asked = assistant()
    pending = escalated(asked, QUESTION, options={"schema": {"type": "array"}})
    assert pending.escalation.context.schema == {"type": "array"}
    good = asked.finish(pending, Reply(id=pending.escalation.id, text='["Melville"]'))
    assert good.result is not None
    assert good.result["json"] == ["Melville"]
    bad = asked.finish(pending, Reply(id=pending.escalation.id, text="Melville"))
    assert bad.code == "502"


def test_a_schema_that_holds_something_private_does_not_leave() -> None:
    pytest.importorskip("jsonschema", reason="needs the extra `schema`")
    for value in ("ada@example.org", "Angela Merkel"):
        options = {"schema": {"properties": {"who": {"enum": ["nobody", value]}}}}
        with pytest.raises(BadRequestError, match="something private"):
            begin(assistant(), QUESTION, options=options)
        assert isinstance(begin(assistant(privacy="cloud"), QUESTION, options=options), Pending)
    harmless = {"schema": {"title": "Book", "properties": {"author": {"type": "string"}}}}
    assert isinstance(begin(assistant(), QUESTION, options=harmless), Pending)


# kept answers


def test_the_same_question_is_answered_from_the_cache_for_nothing() -> None:
    asked = assistant()
    escalated(asked, QUESTION, "Herman Melville")
    for text in (QUESTION, SAME_QUESTION):
        answer = cached(asked, text)
        assert answer is not None
        assert answer.result is not None
        assert answer.result["text"] == "Herman Melville"
        assert (answer.status, answer.model, answer.cost_usd) == ("ok", "big", 0.0)
        assert "answer from 0 s ago" in answer.reason[-1]


def test_nothing_is_kept_unless_the_owner_wants_it(tmp_path: Path) -> None:
    asked = assistant(Board().memory(tmp_path / "memory.db"), cache=CachePolicy())
    escalated(asked, QUESTION, "Herman Melville")
    assert cached(asked, QUESTION) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "other",
    [
        "who wrote the novel War and Peace?",
        "who did not write the novel Moby Dick?",
        "when was the novel Moby Dick written?",
        "who wrote the novel Moby Dick 2?",
    ],
)
def test_a_near_miss_is_asked_again(other: str) -> None:
    asked = assistant(cache=CachePolicy(on=True, similarity=0.01))
    escalated(asked, QUESTION, "Herman Melville")
    assert cached(asked, other) is None


@pytest.mark.parametrize(
    "text", ["who won the football game last night?", "what's the weather going to be in Oslo?"]
)
def test_what_depends_on_the_moment_is_asked_again(text: str) -> None:
    asked = assistant()
    found = begin(asked, text)
    if isinstance(found, Pending):
        asked.finish(found, Reply(id=found.escalation.id, text="Ajax"))
    assert cached(asked, text) is None


@pytest.mark.parametrize(
    "fields",
    [{"text": "wer hat gestern das Spiel gewonnen und warum?"}, {"text": QUESTION, "lang": "de"}],
)
def test_what_is_not_english_is_asked_again(fields: dict[str, str]) -> None:
    asked = assistant()
    escalated(asked, reply="Ajax", **fields)
    assert cached(asked, **fields) is None


def test_private_parts_are_filled_in_anew_and_only_the_very_same_text_counts(
    tmp_path: Path,
) -> None:
    path = tmp_path / "memory.db"
    asked = assistant(Board().memory(path))
    escalated(asked, "Write a birthday poem for my friend Angela Merkel", "Dear <PERSON_1>!")
    answer = cached(asked, "Write a birthday poem for my friend Barack Obama")
    assert answer is not None
    assert answer.result is not None
    assert answer.result["text"] == "Dear Barack Obama!"
    assert cached(asked, "please write a birthday poem for my friend Barack Obama") is None
    stored = path.read_bytes()
    assert b"Merkel" not in stored
    assert b"Obama" not in stored


def test_privacy_local_neither_keeps_nor_is_given_an_answer() -> None:
    asked = assistant()
    escalated(asked, QUESTION, "Herman Melville")
    policy = RequestPolicy(privacy="local")
    answer = begin(asked, QUESTION, policy=policy)
    assert isinstance(answer, Answer)
    assert answer.source == "local"


def test_neither_another_client_nor_another_privacy_is_given_the_answer() -> None:
    asked = assistant(privacy="cloud")
    escalated(asked, QUESTION, "Herman Melville", client="app")
    assert cached(asked, QUESTION, client="app") is not None
    assert cached(asked, QUESTION, client="other") is None
    assert cached(asked, QUESTION, client="app", policy=RequestPolicy(privacy="redact")) is None


def test_a_question_in_the_middle_of_a_conversation_is_not_known_by_its_words() -> None:
    asked = assistant()
    escalated(asked, QUESTION, "Herman Melville", session="s")
    escalated(asked, "explain that in two sentences", "It is long.", session="s")
    assert cached(asked, "explain that in two sentences", session="s") is None
    assert cached(asked, "explain that in two sentences") is None


def test_a_kept_answer_is_a_turn_of_the_conversation_too() -> None:
    asked = assistant()
    escalated(asked, PERSON, "<PERSON_1> was chancellor.")
    assert cached(asked, PERSON, session="s") is not None
    pending = escalated(asked, FOLLOWING, session="s")
    assert [turn.text for turn in pending.escalation.context.history] == [
        "Who is <PERSON_1> and what is she known for?", "<PERSON_1> was chancellor."
    ]  # fmt: skip


def test_an_unusable_or_cut_answer_is_not_kept() -> None:
    asked = assistant()
    pending = escalated(asked, QUESTION)
    correlation = pending.escalation.id
    asked.finish(pending, Reply(id=correlation, text="\x00"))
    asked.finish(pending, Reply(id=correlation, text="Herman", finish_reason="length"))
    assert cached(asked, QUESTION) is None


def test_a_kept_answer_helps_while_nobody_can_be_asked() -> None:
    asked = assistant()
    escalated(asked, QUESTION, "Herman Melville")
    asked.governor = Governor(asked.governor.policy)
    for _ in range(10):
        asked.governor.failed()
    held = begin(asked, "who wrote the novel War and Peace?", policy=_local_when_offline())
    assert isinstance(held, Answer)
    assert held.source == "local"
    answer = cached(asked, QUESTION, policy=_local_when_offline())
    assert answer is not None
    assert answer.status == "ok"


def _local_when_offline() -> RequestPolicy:
    return RequestPolicy(when_offline="local")
