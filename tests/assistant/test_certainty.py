from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge_runtime.assistant.certainty import certainty, other_choice
from edge_runtime.bundles.manifest import Calibration
from edge_runtime.inference.generation_config import GenerationConfig
from edge_runtime.messages import Guarantee
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.text_output import Generation

PROBED = Calibration(
    features=["least_margin", "mean_margin", "probe"], weights=[0.1, 0.1, 1.0], bias=0.0,
    alpha=0.1, delta=0.05, n=150, threshold=0.8, coverage=0.3, auroc=0.8, evaluation="x",
    max_tokens=64,
)  # fmt: skip
MADE = Generation(
    "x", 5, 9, 1.0, 1.0, 1.0, "stop", mean_margin=2.0, least_margin=0.5, probe=3.0
)  # fmt: skip


def _made(**fields: Any) -> Generation:
    return msgspec.structs.replace(MADE, **fields)


def test_a_sure_answer_of_the_calibrated_kind_stands_under_the_guarantee() -> None:
    found = certainty(PROBED, MADE, None)

    assert found.guarantee == Guarantee(0.1, 0.05, 150)
    assert found.confidence > 0.8
    assert found.reason == f"confidence {found.confidence:.2f} by probe, margins and length >= 0.80"


def test_an_unsure_one_does_not() -> None:
    found = certainty(PROBED, _made(probe=-1.0), None)

    assert found.guarantee is None
    assert found.confidence < 0.8
    assert found.reason.endswith("< 0.80")


def test_an_answer_of_another_kind_keeps_its_confidence_and_loses_the_guarantee() -> None:
    found = certainty(PROBED, MADE, "its tokens were sampled")

    assert found.guarantee is None
    assert found.confidence == certainty(PROBED, MADE, None).confidence
    assert found.reason.endswith("without guarantee: its tokens were sampled")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"generation_tokens": 65}, "longer than the 64 tokens"),
        ({"finish_reason": "length"}, "cut off"),
        ({"finish_reason": "deadline"}, "cut off"),
        ({"finish_reason": "cancelled", "generation_tokens": 64}, "cut off"),
    ],
)
def test_an_answer_that_ends_elsewhere_has_no_guarantee(fields: dict[str, Any], why: str) -> None:
    found = certainty(PROBED, _made(**fields), None)

    assert found.guarantee is None
    assert why in found.reason


def test_an_answer_that_is_cut_where_the_calibration_cut_has_it() -> None:
    made = _made(finish_reason="length", generation_tokens=64)

    assert certainty(PROBED, made, None).guarantee is not None


def test_a_calibration_that_does_not_say_its_length_gives_a_confidence_only() -> None:
    found = certainty(msgspec.structs.replace(PROBED, max_tokens=None), MADE, None)

    assert found.confidence > 0.8
    assert found.guarantee is None
    assert "calibrate again" in found.reason


def test_without_a_threshold_there_is_no_guarantee() -> None:
    found = certainty(msgspec.structs.replace(PROBED, threshold=None), MADE, None)

    assert found.guarantee is None
    assert found.reason.endswith("no threshold passed calibration")


def test_margins_alone_are_named_as_such() -> None:
    margins = msgspec.structs.replace(
        PROBED, features=["least_margin", "mean_margin"], weights=[0.1, 0.1]
    )

    assert "by margins and length" in certainty(margins, _made(probe=None), None).reason


@pytest.mark.parametrize(
    ("calibration", "fields"),
    [(None, {}), (PROBED, {"probe": None}), (PROBED, {"mean_margin": None})],
)
def test_what_was_not_measured_has_no_confidence(
    calibration: Calibration | None, fields: dict[str, Any]
) -> None:
    found = certainty(calibration, _made(**fields), None)

    assert found.confidence == 0.0
    assert found.reason.startswith("nothing is known of how right it is")


SAMPLES = GenerationConfig(eos=[2], do_sample=True, temperature=0.7)
PLAIN = GenerationConfig(eos=[2])


@pytest.mark.parametrize(
    ("options", "config", "answers", "why"),
    [
        ({}, PLAIN, True, None),
        ({"temperature": 0.0, "seed": 3, "max_tokens": 512}, SAMPLES, True, None),
        ({"prompt_lookup": False}, PLAIN, False, None),
        ({}, SAMPLES, False, None),
        ({}, SAMPLES, True, "sampled"),
        ({"temperature": 1.0}, PLAIN, False, "sampled"),
        ({"stop": ["."]}, PLAIN, True, "options"),
        ({"choice": ["yes", "no"]}, PLAIN, True, "options"),
        ({"schema": {"type": "object"}}, PLAIN, True, "options"),
        ({"repetition_penalty": 1.2}, PLAIN, True, "options"),
        ({"frequency_penalty": 0.5}, PLAIN, True, "options"),
    ],
)
def test_only_the_likeliest_tokens_are_chosen_as_for_the_calibration(
    options: dict[str, Any], config: GenerationConfig, *, answers: bool, why: str | None
) -> None:
    found = other_choice(GenerationOptions.read(options), config, answers=answers)

    assert found is None if why is None else why in (found or "")
