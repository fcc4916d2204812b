"""Easy free questions on the device's own bundle that makes text, under its own guarantee."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
import pytest

pytestmark = pytest.mark.export
pytest.importorskip("transformers", reason="needs the extra `export`")

from edge_runtime.assistant.pending import Pending  # noqa: E402
from edge_runtime.assistant.pipeline import Assistant  # noqa: E402
from edge_runtime.bundles.manifest import Calibration  # noqa: E402
from edge_runtime.bundles.store import Bundle, Store  # noqa: E402
from edge_runtime.errors import UnsupportedTaskError  # noqa: E402
from edge_runtime.messages import Answer, Request  # noqa: E402
from edge_runtime.routing.policy import OwnerPolicy  # noqa: E402
from edge_runtime.routing.rules import Rule  # noqa: E402
from tests.assistant.clocks import Board  # noqa: E402
from tests.http.tiny_writer import tiny_writer  # noqa: E402

EASY = "Which planet is known as the red planet?"
COMMAND = "turn on the kitchen light"


@functools.cache
def reader() -> Bundle:
    return Store(None).open()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Store(None).open(str(tiny_writer(tmp_path_factory.getbasetemp())))


def calibrated(tiny: Bundle, *, log_odds: float = 9.0, alpha: float = 0.05) -> Bundle:
    """The tiny bundle, as sure of everything as is said."""
    found = Calibration(
        features=["mean_margin"], weights=[0.0], bias=log_odds, alpha=alpha, delta=0.05, n=400,
        threshold=0.9, coverage=0.5, auroc=0.8, evaluation="made", max_tokens=16,
    )  # fmt: skip
    manifest = msgspec.structs.replace(tiny.manifest, calibration={"written": found})
    return Bundle(tiny.path, manifest, verified=tiny.verified)


def asked(writes: Bundle, text: str = EASY, policy: OwnerPolicy | None = None,
          **fields: Any) -> Answer | Pending:  # fmt: skip
    assistant = Assistant(reader(), policy or OwnerPolicy(), memory=Board().memory(), writes=writes)
    return assistant.begin(Request(text=text, id="7", **fields))


def test_a_sure_text_is_the_answer_under_the_guarantee_of_the_bundle_that_wrote_it(
    tiny: Bundle,
) -> None:
    answer = asked(calibrated(tiny))
    assert isinstance(answer, Answer)
    assert (answer.status, answer.source) == ("ok", "local")
    assert answer.model.startswith("tiny-chat@")
    assert answer.result is not None
    assert answer.result["text"]
    assert answer.guarantee is not None
    assert (answer.guarantee.alpha, answer.guarantee.n) == (0.05, 400)
    assert "confidence 1.00 by margins and length >= 0.90" in answer.reason[-1]


def test_an_unsure_text_is_the_guess_and_the_question_escalates(tiny: Bundle) -> None:
    pending = asked(calibrated(tiny, log_odds=0.0))
    assert isinstance(pending, Pending)
    assert pending.guess.result is not None
    assert pending.guess.result["text"]
    assert pending.guess.guarantee is None
    assert pending.guess.result["text"] not in pending.escalation.text


@pytest.mark.parametrize(
    "policy",
    [
        OwnerPolicy(max_local_error=0.01),  # a promise of 5 % is none
        OwnerPolicy(rules=(Rule(escalate="always"),)),
    ],
)
def test_a_stricter_owner_has_it_asked_all_the_same(tiny: Bundle, policy: OwnerPolicy) -> None:
    assert isinstance(asked(calibrated(tiny), policy=policy), Pending)


def test_what_looks_harder_than_the_owner_says_is_not_tried(tiny: Bundle) -> None:
    pending = asked(calibrated(tiny), policy=OwnerPolicy(write_below=0.0))
    assert isinstance(pending, Pending)
    assert pending.guess.result is not None
    assert "text" not in pending.guess.result


@pytest.mark.parametrize("text", [COMMAND, "why is that so?", "Warum ist der Mars denn so rot?"])
def test_commands_follow_ups_and_other_languages_are_not_tried(tiny: Bundle, text: str) -> None:
    found = asked(calibrated(tiny), text)
    answer = found if isinstance(found, Answer) else found.guess
    assert answer.result is not None
    assert "text" not in answer.result


def test_under_privacy_local_an_unsure_text_is_still_the_best_guess(tiny: Bundle) -> None:
    answer = asked(calibrated(tiny, log_odds=0.0), policy=OwnerPolicy(privacy="local"))
    assert isinstance(answer, Answer)
    assert answer.result is not None
    assert answer.result["text"]
    assert answer.guarantee is None
    strict = asked(calibrated(tiny), lang="en", policy=OwnerPolicy(privacy="local"))
    assert isinstance(strict, Answer)
    assert strict.guarantee is not None


def test_a_written_answer_is_a_turn_that_later_questions_take_along(tiny: Bundle) -> None:
    assistant = Assistant(reader(), OwnerPolicy(), memory=Board().memory(), writes=calibrated(tiny))
    assert isinstance(assistant.begin(Request(text=EASY, session="s")), Answer)
    following = assistant.begin(Request(text="why is that so?", session="s"))
    assert isinstance(following, Pending)
    assert [turn.role for turn in following.escalation.context.history] == ["user", "assistant"]


def test_a_question_that_is_too_long_for_it_is_asked(tiny: Bundle) -> None:
    text = f"{EASY} {'Tell me about the planet Mars. ' * 150}"
    found = asked(calibrated(tiny), text, policy=OwnerPolicy(write_below=1.0))
    assert isinstance(found, Pending)


def test_a_bundle_that_writes_nothing_is_refused() -> None:
    with pytest.raises(UnsupportedTaskError, match="writes no answers"):
        Assistant(reader(), writes=reader())


def test_explain_says_that_it_would_be_tried_first(tiny: Bundle) -> None:
    assistant = Assistant(reader(), OwnerPolicy(), writes=calibrated(tiny))
    [step] = [s for s in assistant.explain(Request(text=EASY)).steps if s.kind == "written"]
    assert "tiny-chat would write an answer first" in step.said
    assert not [s for s in assistant.explain(Request(text=COMMAND)).steps if s.kind == "written"]
