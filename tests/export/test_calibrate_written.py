"""Calibration of what a bundle writes, with a tiny decoder whose answers are declared right."""

from __future__ import annotations

import json
import shutil
import string
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from edge_export.calibrate import calibrate
from edge_export.cli.app import app
from edge_export.evaluation.written import MAX_TOKENS, answer_questions, read_questions
from edge_export.signing import sign_bundle, verify_bundle, write_new_key
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.manifest import File, write_manifest
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.bundles.verify import sha256
from edge_runtime.errors import BundleError, ConfigError, TamperedBundleError
from edge_runtime.inference.decoder import STATES
from edge_runtime.messages import Answer, Guarantee, Request
from edge_runtime.routing.confidence import WRITTEN
from edge_runtime.tasks.generation import TextGenerator

pytestmark = pytest.mark.export


@pytest.fixture
def bundle(tiny_decoder: Path, tmp_path: Path) -> Bundle:
    shutil.copytree(tiny_decoder, tmp_path / "bundle")
    return Store(None).open(str(tmp_path / "bundle"))


def _data(path: Path, bundle: Bundle, count: int, *, by_state: bool = False) -> Path:
    """Questions of which those are answered right whose least margin is large.

    Or those after which the state points into a direction that has nothing to do with margins.
    """
    questions = [f"question {number} {'x' * (number % 7)}" for number in range(count)]
    said = answer_questions(TextGenerator(bundle), questions, [["none"]] * count)
    signs = np.array([each.least_margin or 0.0 for each in said.answers])
    if by_state:
        assert said.states is not None
        signs = said.states @ np.random.default_rng(4).normal(size=said.states.shape[1])
    middle = np.median(signs)
    lines = []
    for question, each, sign in zip(questions, said.answers, signs, strict=True):
        words = _words(each.text)
        is_right = sign > middle and words
        lines.append(json.dumps({"question": question, "answer": words[0] if is_right else "none"}))
    path.write_text("\n".join(lines) + "\n")
    return path


def _words(text: str) -> list[str]:
    return "".join(" " if c in string.punctuation else c for c in text.lower()).split()


def _asked(bundle: Bundle, number: int, **options: Any) -> Answer:
    request = Request(
        text=f"question {number} {'x' * (number % 7)}",
        task="chat",
        options={"max_tokens": MAX_TOKENS, **options},
    )
    answer = Assistant(bundle).begin(request)
    assert isinstance(answer, Answer)
    return answer


@pytest.fixture(scope="module")
def probed(tiny_decoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle whose answers are right as its states say, calibrated."""
    directory = tmp_path_factory.mktemp("probed")
    shutil.copytree(tiny_decoder, directory / "bundle")
    bundle = Store(None).open(str(directory / "bundle"))
    data = _data(directory / "q.jsonl", bundle, 240, by_state=True)
    calibrate(bundle, data, alpha=0.2, delta=0.1, text="question")
    return Store(None).open(str(bundle.path))


def test_confidence_follows_the_margins_of_the_tokens(bundle: Bundle, tmp_path: Path) -> None:
    name, found, _ = calibrate(
        bundle, _data(tmp_path / "q.jsonl", bundle, 160), alpha=0.2, delta=0.1, text="question"
    )

    assert name == WRITTEN
    assert found.auroc is not None
    assert found.auroc > 0.7
    calibrated = Store(None).open(str(bundle.path))
    assert calibrated.manifest.calibration[WRITTEN] == found
    answer = Assistant(calibrated).begin(Request(text="question 3", task="generate"))
    assert isinstance(answer, Answer)
    assert 0 < answer.confidence < 1
    assert "nothing is known" not in " ".join(answer.reason)
    assert answer.guarantee is None
    assert "the calibration chatted" in answer.reason[0]


def test_confidence_follows_the_state_where_margins_say_nothing(probed: Bundle) -> None:
    found = probed.manifest.calibration[WRITTEN]

    assert found.probe is not None
    assert found.auroc is not None
    assert found.margins_auroc is not None
    assert found.auroc > found.margins_auroc + 0.1
    answer = _asked(probed, 3)
    assert answer.result is not None
    assert answer.result["probe"] != 0
    assert "by probe, margins and length" in answer.reason[0]


def test_sure_greedy_answers_carry_the_guarantee_and_no_others(probed: Bundle) -> None:
    found = probed.manifest.calibration[WRITTEN]
    assert found.threshold is not None
    answers = [_asked(probed, number) for number in range(24)]

    assert any(answer.guarantee for answer in answers)
    for answer in answers:
        assert (answer.guarantee is not None) == (answer.confidence >= found.threshold)
    sure = next(number for number, answer in enumerate(answers) if answer.guarantee)
    assert answers[sure].guarantee == Guarantee(found.alpha, found.delta, found.n)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"temperature": 0.7, "seed": 1}, "its tokens were sampled"),
        ({"system": "Be kind."}, "single questions"),
        ({"regex": "[a-z]{3}"}, "options are not those"),
        ({"max_tokens": 5}, "it was cut off"),
    ],
)
def test_answers_of_another_kind_have_no_guarantee(
    probed: Bundle, options: dict[str, Any], why: str
) -> None:
    for number in range(6):
        answer = _asked(probed, number, **options)
        assert answer.guarantee is None
        assert why in answer.reason[0]


def test_a_probe_changes_no_token(probed: Bundle, tiny_decoder: Path) -> None:
    plain = Store(None).open(str(tiny_decoder))
    for number in range(8):
        with_probe, without = _asked(probed, number).result, _asked(plain, number).result
        assert with_probe is not None
        assert without is not None
        assert with_probe["text"] == without["text"]
        assert "probe" not in without


def test_the_command_says_how_well_it_ranks_and_on_what_ground(
    bundle: Bundle, tmp_path: Path
) -> None:
    data = _data(tmp_path / "q.jsonl", bundle, 160, by_state=True)
    given = ["calibrate", str(bundle.path), "--data", str(data), "--alpha", "0.2", "--text"]

    shown = CliRunner().invoke(app, [*given, "question"])
    as_json = CliRunner().invoke(app, [*given, "question", "--json"])

    assert shown.exit_code == 0, shown.output
    found = json.loads(as_json.stdout)
    low, high = found["auroc_interval"]
    assert f"AUROC {found['auroc']:.3f} ({low:.3f} to {high:.3f})" in shown.output
    assert f"by margins and length alone {found['margins_auroc']:.3f}" in shown.output
    assert f"calibration error {found['calibration_error']:.3f}" in shown.output
    assert found["basis"] in shown.output


def test_the_probe_is_part_of_what_is_signed(probed: Bundle, tmp_path: Path) -> None:
    directory = tmp_path / "signed"
    shutil.copytree(probed.path, directory)
    public = write_new_key(tmp_path / "key")
    sign_bundle(directory, tmp_path / "key")
    verify_bundle(directory, public)

    manifest = json.loads((directory / "bundle.json").read_text())
    manifest["calibration"][WRITTEN]["probe"]["bias"] += 1
    (directory / "bundle.json").write_text(json.dumps(manifest))

    with pytest.raises(TamperedBundleError):
        verify_bundle(directory, public)


def test_a_bundle_whose_graph_gives_no_states_is_calibrated_by_margins(
    bundle: Bundle, tmp_path: Path
) -> None:
    older = _without_states(bundle, tmp_path / "older")

    _, found, _ = calibrate(
        older, _data(tmp_path / "q.jsonl", older, 160), alpha=0.2, delta=0.1, text="question"
    )

    assert found.probe is None
    assert "the graph gives no hidden states" in (found.basis or "")
    answer = _asked(Store(None).open(str(older.path)), 3)
    assert 0 < answer.confidence < 1
    assert "by margins and length" in answer.reason[0]


def test_a_probe_that_does_not_fit_the_graph_is_refused(probed: Bundle, tmp_path: Path) -> None:
    older = _without_states(probed, tmp_path / "older")

    with pytest.raises(BundleError, match="the probe reads states of width 64, and the graph has"):
        Assistant(older)


def _without_states(bundle: Bundle, directory: Path) -> Bundle:
    """The bundle as it was exported before graphs gave their states."""
    shutil.copytree(bundle.path, directory)
    path = directory / bundle.manifest.graph.file
    model = onnx.load(path, load_external_data=False)
    (output,) = [each for each in model.graph.output if each.name == STATES]
    model.graph.output.remove(output)
    onnx.save(model, path)
    changed = File(path.name, path.stat().st_size, sha256(path))
    files = [changed if each.path == path.name else each for each in bundle.manifest.files]
    write_manifest(directory, msgspec.structs.replace(bundle.manifest, files=files))
    return Store(None).open(str(directory))


def test_without_calibration_nothing_is_promised(bundle: Bundle) -> None:
    answer = Assistant(bundle).begin(Request(text="question 3", task="generate"))

    assert isinstance(answer, Answer)
    assert answer.confidence == 0.0
    assert "nothing is known of how right it is" in answer.reason[0]


def test_the_first_label_in_the_text_counts(bundle: Bundle) -> None:
    generator = TextGenerator(bundle)
    questions = [f"question {number}" for number in range(40)]
    said = answer_questions(generator, questions, [["none"]] * len(questions)).answers
    spoken = [_words(each.text) for each in said]
    chosen = next(i for i, words in enumerate(spoken) if len(set(words)) > 1)
    words = spoken[chosen]
    first, later = words[0], next(word for word in words if word != words[0])

    found = answer_questions(generator, [questions[chosen]] * 4, [[first], [later]] * 2)

    assert found.right.tolist() == [True, False, True, False]


def test_a_row_without_an_answer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "a", "answer": "b"}\n{"question": "a", "answer": "..."}\n')

    with pytest.raises(ConfigError, match=r"q\.jsonl:2"):
        read_questions(path)
