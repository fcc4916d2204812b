"""The judge of a torture run sees what is wrong."""

from __future__ import annotations

import random

import msgspec
import pytest

from benchmarks.torture.faults import Kind, due, plan_faults
from benchmarks.torture.questions import Question, because, make_questions, number_in, said
from benchmarks.torture.record import Asked, Broken, judge
from edge_runtime.errors import ExpiredError, UnavailableError
from edge_runtime.messages import Answer, encode, error_answer


def answer(text: str, status: str = "ok") -> bytes:
    given = Answer(id="1", task="ask", result={"text": text})
    return encode(msgspec.structs.replace(given, status=status))


def asked(*heard: tuple[float, bytes], sent: tuple[float, ...] = (0.0,), **kinds: bool) -> Asked:
    is_escalated = kinds.get("is_escalated", False)
    deadline_s = 2.0 if kinds.get("has_deadline") else None
    question = Question(7, is_escalated, wants_pieces=False, deadline_s=deadline_s)
    one = Asked(question, 0, sent=list(sent))
    for at, payload in heard:
        one.hear(payload, at)
    return one


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - to be repeated


RIGHT = answer(said(7))
EXPIRED = encode(error_answer("1", "ask", ExpiredError("too late")))


def test_one_right_answer_is_all_that_is_wanted() -> None:
    verdict = judge([asked((1.0, answer("?", "queued")), (2.0, RIGHT))], [])
    assert verdict.violations == []
    assert verdict.codes == {"200": 1}


def test_no_final_answer_is_a_broken_promise() -> None:
    verdict = judge([asked((1.0, answer("?", "queued")))], [])
    assert verdict.silent == 1
    assert "silent" in verdict.violations[0]


def test_another_final_answer_is_a_broken_promise_even_around_a_fault() -> None:
    other = answer(said(7) + " ")
    verdict = judge([asked((1.0, RIGHT), (2.0, other), sent=(0.0, 1.5))], [Broken("node", 1.2)])
    assert verdict.different == 1
    assert "different finals" in verdict.violations[0]
    assert "node +1.20" in verdict.violations[0]


def test_the_answer_to_another_question_is_a_broken_promise() -> None:
    for one in (asked((1.0, answer(said(8)))), asked((1.0, RIGHT), is_escalated=True)):
        assert "wrong answer" in judge([one], []).violations[0]
    right = asked((1.0, answer(because(7))), is_escalated=True)
    assert judge([right], []).violations == []


@pytest.mark.parametrize(
    ("sent", "faults", "is_explained"),
    [
        ((0.0,), [], False),
        ((0.0, 1.5), [], True),
        ((0.0, 2.5), [], False),
        ((0.0,), [Broken("cut", 0.5)], True),
        ((0.0,), [Broken("cut", 3.0)], False),
    ],
)
def test_a_repeat_needs_a_reason(
    sent: tuple[float, ...], faults: list[Broken], *, is_explained: bool
) -> None:
    verdict = judge([asked((1.0, RIGHT), (2.0, RIGHT), sent=sent)], faults)
    assert verdict.repeats == 1
    assert verdict.unexplained == (0 if is_explained else 1)
    assert (verdict.violations == []) == is_explained


def test_nothing_expires_before_its_time() -> None:
    assert judge([asked((2.0, EXPIRED), has_deadline=True)], []).violations == []
    early = judge([asked((1.0, EXPIRED), has_deadline=True)], [])
    assert "expired after 1.00 s" in early.violations[0]
    assert "without a deadline" in judge([asked((9.0, EXPIRED))], []).violations[0]


def test_an_error_that_says_when_to_come_again_is_not_final() -> None:
    busy = UnavailableError("busy")
    busy.retry_after_s = 3.0
    one = asked()
    assert one.hear(encode(error_answer("1", "ask", busy)), 1.0) == 3.0
    assert one.hear(RIGHT, 5.0) is None
    verdict = judge([one], [])
    assert verdict.violations == []
    assert verdict.refusals == {"unavailable": 1}


def test_a_third_is_escalated_and_each_question_has_an_answer_of_its_own() -> None:
    questions = make_questions(900, chance(1))
    assert 250 < sum(each.is_escalated for each in questions) < 350
    assert len({each.answer for each in questions}) == 900
    assert [number_in(each.text) for each in questions] == list(range(900))
    assert number_in("nothing") is None


def test_faults_come_in_an_order_by_chance_that_a_seed_repeats() -> None:
    counts: dict[Kind, int] = {"node": 5, "broker": 3, "worker": 0, "cut": 2, "disk": 1}
    plan = plan_faults(counts, 120, chance(1))
    assert plan == plan_faults(counts, 120, chance(1))
    assert plan != plan_faults(counts, 120, chance(2))
    assert sorted(each.kind for each in plan) == ["broker"] * 3 + ["cut"] * 2 + ["disk"] + (
        ["node"] * 5
    )
    assert [each.after for each in plan] == [10 * number for number in range(1, 12)]
    assert due(plan, 0, 9) is None
    assert due(plan, 0, 10) == plan[0]
    assert due(plan, 11, 120) is None
