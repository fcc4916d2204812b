from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_runtime.assistant.caching.answers import KeptAnswers, KeptReply
from edge_runtime.assistant.caching.known import CacheQuestion
from edge_runtime.assistant.caching.question import Floats, cosines, question
from edge_runtime.routing.keeping import CachePolicy
from tests.assistant.clocks import Board

ON = CachePolicy(on=True, ttl_s=100.0)
REPLY = KeptReply("Melville", "big")
SCOPE = ("ask", None)


def vector(*values: float) -> Floats:
    return np.array(values, dtype=np.float32) / np.float32(np.linalg.norm(values))


def asked(text: str, *values: float, scope: tuple[object, ...] = SCOPE) -> CacheQuestion:
    return question(text, scope, intent="oos", vector=vector(*values) if values else None)


def test_the_same_text_has_the_same_answer_with_and_without_a_vector() -> None:
    answers = KeptAnswers(Board().memory())
    answers.keep("app", asked("who wrote Moby Dick?", 1, 0), REPLY, ON)
    found = answers.find("app", asked(" who wrote  Moby Dick?"), ON)
    assert found is not None
    assert (found.reply, found.similarity, found.age_s) == (REPLY, None, 0)


def test_other_words_for_the_same_count_from_the_threshold_on() -> None:
    answers = KeptAnswers(Board().memory())
    answers.keep("app", asked("who wrote Moby Dick?", 1, 0), REPLY, ON)
    near = asked("please tell me who wrote moby dick", 0.9, np.sqrt(1 - 0.81))
    found = answers.find("app", near, msgspec.structs.replace(ON, similarity=0.89))
    assert found is not None
    assert found.similarity == pytest.approx(0.9, abs=0.002)
    assert answers.find("app", near, msgspec.structs.replace(ON, similarity=0.91)) is None


def test_another_name_is_never_found_however_near_it_lies() -> None:
    answers = KeptAnswers(Board().memory())
    answers.keep("app", asked("what is the capital of France", 1, 0), REPLY, ON)
    assert answers.find("app", asked("what is the capital of Spain", 1, 0), ON) is None


def test_another_intent_or_scope_is_another_question() -> None:
    answers = KeptAnswers(Board().memory())
    answers.keep("app", asked("who wrote it", 1, 0), REPLY, ON)
    assert answers.find("app", asked("who wrote it", 1, 0, scope=("ask", "de")), ON) is None
    other = question("Who wrote it", SCOPE, intent="other", vector=vector(1, 0))
    assert answers.find("app", other, ON) is None


def test_one_client_does_not_get_anothers_answer_unless_the_owner_says_so() -> None:
    answers = KeptAnswers(Board().memory())
    answers.keep("app", asked("who wrote it", 1, 0), REPLY, ON)
    assert answers.find("other", asked("who wrote it", 1, 0), ON) is None
    shared = msgspec.structs.replace(ON, across_clients=True)
    assert answers.find("other", asked("who wrote it", 1, 0), shared) is not None


def test_an_answer_is_gone_after_its_time_and_after_the_owners_shorter_one() -> None:
    board = Board()
    answers = KeptAnswers(board.memory())
    answers.keep("app", asked("who wrote it"), REPLY, ON)
    board.run(50)
    assert answers.find("app", asked("who wrote it"), ON) is not None
    assert answers.find("app", asked("who wrote it"), CachePolicy(on=True, ttl_s=49)) is None
    board.run(50)
    assert answers.find("app", asked("who wrote it"), ON) is None


def test_the_oldest_go_when_there_are_too_many() -> None:
    answers = KeptAnswers(Board().memory())
    few = CachePolicy(on=True, most_answers=2)
    for text in ("one", "two", "three"):
        answers.keep("app", asked(text), KeptReply(text, "big"), few)
    found = {text: answers.find("app", asked(text), few) for text in ("one", "two", "three")}
    assert [text for text, hit in found.items() if hit is not None] == ["two", "three"]


def test_the_newest_answer_to_a_text_replaces_the_one_before() -> None:
    answers = KeptAnswers(Board().memory())
    for text in ("old", "new"):
        answers.keep("app", asked("who wrote it", 1, 0), KeptReply(text, "big"), ON)
    found = answers.find("app", asked("who wrote it", 1, 0), ON)
    assert found is not None
    assert found.reply.text == "new"


def test_the_words_of_a_question_are_not_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    KeptAnswers(Board().memory(path)).keep("app", asked("who is zyxwvut", 1, 0), REPLY, ON)
    assert b"zyxwvut" not in path.read_bytes()
    assert b"Melville" in path.read_bytes()


def test_vectors_of_another_bundle_are_not_compared() -> None:
    form = vector(1, 0).astype("<f2").tobytes()
    longer = vector(1, 0, 0).astype("<f2").tobytes()
    assert cosines([form, longer], form).tolist() == [1, -1]
