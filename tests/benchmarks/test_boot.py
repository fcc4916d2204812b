from __future__ import annotations

import pytest

from benchmarks.boot.app import Asked
from benchmarks.boot.cuts import Cuts, count, cut_line
from benchmarks.boot.queries import OPEN, difference, is_same


def candidates(**scores: float) -> list[dict[str, object]]:
    return [{"label": label, "score": score} for label, score in scores.items()]


def answered(*answers: tuple[str, str], text: str = "light", taken: bool = True) -> Asked:
    said = [{"status": status, "result": result} for status, result in answers]
    return Asked("ask", text, taken, said)


def test_other_scores_are_the_same_answer() -> None:
    one = {"intent": "on", "candidates": candidates(on=0.9, off=0.05)}
    other = {"intent": "on", "candidates": candidates(on=0.8, off=0.1)}
    assert difference(one, other) == pytest.approx(0.1)
    assert is_same(one, other)


def test_scores_that_are_far_apart_are_another_answer() -> None:
    assert not is_same(candidates(on=0.9), candidates(on=0.6))


def test_another_first_label_is_another_answer_however_near_the_scores() -> None:
    assert difference(candidates(on=0.41, off=0.40), candidates(off=0.41, on=0.40)) is None


def test_what_stands_behind_the_first_is_in_any_order_and_may_be_left_out() -> None:
    one, other = candidates(on=0.9, off=0.03, up=0.02), candidates(on=0.9, up=0.03, down=0.01)
    assert is_same(one, other)


@pytest.mark.parametrize(
    "change", [{"text": "bath"}, {"label": "name"}, {"start": 11}, {"score": 0.3}]
)
def test_a_span_has_to_be_the_same_span(change: dict[str, object]) -> None:
    span = {"start": 12, "end": 19, "label": "area", "text": "kitchen", "score": 0.65}
    assert is_same({"slots": [span]}, {"slots": [{**span, "score": 0.77}]})
    assert not is_same({"slots": [span]}, {"slots": [{**span, **change}]})
    assert not is_same({"slots": [span]}, {"slots": []})


def test_vectors_are_compared_by_their_angle() -> None:
    one = {"vector": [0.6, 0.8, 0.0]}
    assert is_same(one, {"vector": [0.58, 0.81, 0.05]})
    assert not is_same(one, {"vector": [0.8, 0.6, 0.0]})
    assert not is_same(one, {"vector": [0.6, 0.8]})


def test_no_answer_is_not_the_same() -> None:
    assert not is_same(None, {"intent": "on"})


def test_lost_is_what_the_broker_took_and_nobody_answered() -> None:
    found = Cuts(1, done=1)
    count(
        found,
        {
            "q0": answered(("ok", "old")),
            "q1": answered(("ok", "on")),
            "q2": answered(("queued", "guess"), ("ok", "poem"), text=OPEN.format(number=2)),
            "q3": answered(("queued", "guess")),
            "q4": answered(taken=False),
            "q5": answered(("ok", "on"), ("ok", "on")),
            "q6": answered(("ok", "on"), ("ok", "off")),
        },
        before=1,
    )
    assert (found.asked, found.open_questions, found.promised) == (6, 1, 2)
    assert found.lost == ["q3"]
    assert (found.doubled, found.different, found.errors) == (2, 1, {})
    assert not found.is_good
    assert "Lost: 1; errors: none; answered twice: 2, differently: 1" in cut_line(found)


def test_fewer_cuts_than_wanted_are_not_enough() -> None:
    assert Cuts(20, done=20).is_good
    assert not Cuts(20, done=19).is_good
    assert not Cuts(20, done=20, errors={"429 busy": 1}).is_good
    assert not Cuts(20, done=20, error="the node does not come online").is_good
