from __future__ import annotations

from pathlib import Path

from edge_runtime.assistant.memory.sessions import Exchange, Redact, Session, Sessions
from edge_runtime.routing.keeping import SessionPolicy
from edge_runtime.routing.redaction.findings import Finding
from edge_runtime.routing.redaction.redacting import redact
from tests.assistant.clocks import Board

POLICY = SessionPolicy(ttl_s=100.0, most_turns=3)


def without(text: str, *names: str) -> Redact:
    found = [Finding(text.index(name), text.index(name) + len(name), "PERSON") for name in names]
    return lambda known: redact(text, found, known)


def ask(
    sessions: Sessions,
    text: str,
    *names: str,
    name: str = "s",
    policy: SessionPolicy = POLICY,
    **changes: str,
) -> None:
    fields = {"client": "app", "name": name, "query": "1", "answered": "", **changes}
    sessions.ask(asked=without(text, *names), terms="redact", policy=policy, **fields)


def answer(sessions: Sessions, text: str, *names: str, query: str = "1") -> None:
    sessions.answer(
        client="app", name="s", query=query, answered=without(text, *names), policy=POLICY
    )


def test_a_turn_is_kept_redacted_with_the_map_of_its_session() -> None:
    sessions = Sessions(Board().memory())
    ask(sessions, "who is Ada", "Ada")
    answer(sessions, "Ada knows Bob", "Ada", "Bob")
    ask(sessions, "and Bob?", "Bob", query="2")
    assert sessions.load("app", "s") == Session(
        [
            Exchange("who is <PERSON_1>", "<PERSON_1> knows <PERSON_2>", "redact", was_asked=True),
            Exchange("and <PERSON_2>?", "", "redact", was_asked=True),
        ],
        {"<PERSON_1>": "Ada", "<PERSON_2>": "Bob"},
    )


def test_neither_clients_nor_sessions_mix() -> None:
    sessions = Sessions(Board().memory())
    ask(sessions, "who is Ada", "Ada")
    ask(sessions, "who is Bob", "Bob", client="other")
    ask(sessions, "who is Cyd", "Cyd", name="t")
    assert sessions.load("app", "s").placeholders == {"<PERSON_1>": "Ada"}
    assert sessions.load("other", "s").placeholders == {"<PERSON_1>": "Bob"}
    assert sessions.load("app", "t").placeholders == {"<PERSON_1>": "Cyd"}
    assert sessions.load("other", "t") == Session()


def test_the_oldest_turns_go_when_there_are_too_many() -> None:
    sessions = Sessions(Board().memory())
    for number in range(5):
        ask(sessions, f"question {number}")
    asked = [each.asked for each in sessions.load("app", "s").exchanges]
    assert asked == ["question 2", "question 3", "question 4"]


def test_the_least_recent_sessions_of_a_client_go_when_there_are_too_many() -> None:
    board = Board()
    sessions = Sessions(board.memory())
    few = SessionPolicy(most_sessions=2)
    for name in ("a", "b", "a", "c"):
        board.run(1)
        ask(sessions, "what", name=name, policy=few)
    ask(sessions, "what", name="a", client="other", policy=few)
    kept = {name: bool(sessions.load("app", name).exchanges) for name in ("a", "b", "c")}
    assert kept == {"a": True, "b": False, "c": True}


def test_what_is_kept_of_a_session_is_bounded() -> None:
    sessions = Sessions(Board().memory())
    ask(sessions, "word " * 10_000)
    assert len(sessions.load("app", "s").exchanges[0].asked) < 4100
    for number in range(3):
        name = f"Ada{number}" + "x" * 30_000
        ask(sessions, f"{name} is here", name)
    assert len(sessions.load("app", "s").placeholders) == 1


def test_a_session_lives_on_with_each_turn_and_then_goes_as_a_whole() -> None:
    board = Board()
    sessions = Sessions(board.memory())
    ask(sessions, "who is Ada", "Ada")
    board.run(99)
    ask(sessions, "and why", query="2")
    board.run(99)
    assert len(sessions.load("app", "s").exchanges) == 2
    board.run(1)
    assert sessions.load("app", "s") == Session()


def test_an_answer_to_what_was_forgotten_is_not_kept(tmp_path: Path) -> None:
    memory = Board().memory(tmp_path / "memory.db")
    sessions = Sessions(memory)
    ask(sessions, "who is Ada", "Ada")
    assert memory.forget("app", "s").sessions == 1
    answer(sessions, "Ada is a poet", "Ada")
    assert sessions.load("app", "s") == Session()
    assert b"poet" not in (tmp_path / "memory.db").read_bytes()


def test_forgetting_one_session_leaves_the_others() -> None:
    memory = Board().memory()
    sessions = Sessions(memory)
    ask(sessions, "one")
    ask(sessions, "two", name="t")
    assert memory.forget("app", "t").sessions == 1
    assert len(sessions.load("app", "s").exchanges) == 1
