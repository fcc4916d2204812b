"""Calibration of a bundle on labelled data that the model was not trained on."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge_export.evaluation.written import answer_questions, read_questions
from edge_export.fitting import fit_calibration
from edge_export.signing import rewrite_manifest
from edge_export.train.evaluation import encode_all, judge, read_labelled
from edge_export.written_fitting import fit_written
from edge_runtime.bundles.json_file import read_json
from edge_runtime.bundles.manifest import FILE_NAME, Calibration, Head
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BundleError, ConfigError, UnsupportedTaskError
from edge_runtime.routing.calibration import fewest_samples
from edge_runtime.routing.confidence import WRITTEN
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.generation import TextGenerator


def calibrate(  # noqa: PLR0913 - the options of the command
    bundle: Bundle,
    data: Path,
    *,
    head: str | None = None,
    text: str = "text",
    label: str | None = None,
    alpha: float,
    delta: float,
    seed: int = 13,
) -> tuple[str, Calibration, bool]:
    """Fit confidence and threshold of a head and write them into the bundle's manifest.

    A bundle that makes text has no head: its answers to questions are calibrated under the name
    ``written``, by how clearly their tokens were chosen and, where its graph gives hidden states
    and that pays, by a probe that is stored with it.

    The bundle's own (int8) graph reads the texts one by one, as a device does. Only ``bundle.json``
    changes, in one step; a signature no longer fits then. Returns the head's name, its calibration,
    and whether a signature was removed.

    Raises:
        ConfigError: alpha or delta is no probability, the file is missing or broken, a label is
            unknown (names the line), or there are too few rows for any guarantee.
        UnsupportedTaskError: the head has no confidence that can be calibrated.
        BundleError: the bundle cannot be run, or has no manifest to write into.
    """
    if not bundle.verified:
        raise BundleError(f"{bundle.path} has no {FILE_NAME} to write into; convert the model")
    if not (0 < alpha < 1 and 0 < delta < 1):
        raise ConfigError("alpha and delta must lie between 0 and 1")
    if bundle.manifest.task == "text-generation":
        questions, wanted = read_questions(data, text=text, label=label)
        _check_rows(data, len(questions), alpha, delta)
        written = answer_questions(TextGenerator(bundle), questions, wanted)
        evaluation = f"{data.name}, {len(questions)} questions"
        found = fit_written(written, alpha=alpha, delta=delta, evaluation=evaluation, seed=seed)
        return WRITTEN, found, _write(bundle, WRITTEN, found)
    name, chosen = _calibratable(bundle, head)
    examples = read_labelled(data, name, chosen, text=text, label=label)
    _check_rows(data, len(examples), alpha, delta)
    texts = [each.text for each in examples]
    distinct = len(set(texts))
    encodings, _ = encode_all(Encoder(bundle), texts, "calibrate")
    found = fit_calibration(
        judge(name, chosen, examples, encodings),
        alpha=alpha,
        delta=delta,
        evaluation=f"{data.name}, {len(examples)} rows, {distinct} different texts",
        seed=seed,
    )
    return name, found, _write(bundle, name, found)


def _check_rows(data: Path, rows: int, alpha: float, delta: float) -> None:
    fewest = 2 * fewest_samples(alpha, delta)
    if rows < fewest:
        raise ConfigError(
            f"{data} has {rows} rows; an error of at most {alpha:g} with certainty "
            f"{1 - delta:g} takes {fewest} of them at the very least (one half to fit, one to "
            "test), and more for a model that makes mistakes"
        )


def _write(bundle: Bundle, name: str, found: Calibration) -> bool:
    """Write a calibration into the manifest; return whether a signature was removed."""
    others = read_json(bundle.path / FILE_NAME).get("calibration", {})
    calibration = {**others, name: msgspec.to_builtins(found)}
    return rewrite_manifest(bundle.path, calibration=calibration)


def _calibratable(bundle: Bundle, name: str | None) -> tuple[str, Head]:
    heads = bundle.manifest.heads
    fitting = [key for key, head in heads.items() if head.type == "classification"]
    named = f"bundle {bundle.manifest.name!r}"
    if name is None and len(fitting) > 1:
        raise UnsupportedTaskError(f"{named} has heads {', '.join(fitting)}; choose with --head")
    chosen = name or next(iter([*fitting, *heads]), None)
    if chosen is None or chosen not in heads:
        wanted = "head that gives a label" if chosen is None else f"head {chosen!r}"
        raise UnsupportedTaskError(f"{named} has no {wanted}; it has {', '.join(heads) or 'none'}")
    head = heads[chosen]
    if head.type != "classification" or head.multi_label:
        kind = "gives several labels for a text" if head.multi_label else f"is of type {head.type}"
        raise UnsupportedTaskError(
            f"head {chosen!r} {kind}; calibration is for heads that give one label, where one "
            "answer is right or wrong"
        )
    return chosen, head
