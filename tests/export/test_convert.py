from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from edge_export.cli.app import app
from edge_export.convert import convert
from edge_export.parity import TEXTS
from edge_runtime.bundles.store import Store
from edge_runtime.errors import BundleError, ConfigError, EdgeError, UnsupportedTaskError
from edge_runtime.tasks.encoder import Encoder

transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
torch = pytest.importorskip("torch", reason="needs the extra `export`")

pytestmark = pytest.mark.export
Make = Callable[..., Path]


def _originals(directory: Path, loader: Any) -> list[Any]:
    model = loader.from_pretrained(directory).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    with torch.no_grad():
        return [
            model(**{k: v for k, v in tokenizer(text, return_tensors="pt").items()
                     if k in model.forward.__code__.co_varnames})
            for text in TEXTS
        ]  # fmt: skip


def test_a_classifier_becomes_a_bundle_that_the_device_runs(
    make_model: Make, tmp_path: Path
) -> None:
    labels = {0: "negative", 1: "neutral", 2: "positive"}
    source = make_model("BertForSequenceClassification", id2label=labels)
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app,
        ["convert", str(source), "--task", "text-classification", "--target", "pi5",
         "--head", "sentiment", "-o", str(out), "--json"],
        catch_exceptions=False,
    )  # fmt: skip
    manifest = json.loads(result.stdout)
    assert manifest["target"] == "pi5"
    assert manifest["report"]["fp32_against_original"]["max_abs"] < 1e-3
    assert manifest["report"]["int8_against_fp32"]["cosine"] > 0.95

    bundle = Store(None).open(str(out))
    assert bundle.verified
    assert bundle.manifest.heads["sentiment"].labels == list(labels.values())
    encodings = Encoder(bundle).encode(TEXTS)
    originals = _originals(source, transformers.AutoModelForSequenceClassification)
    for encoding, original in zip(encodings, originals, strict=True):
        wanted = original.logits[0].numpy()
        got = encoding.mean("sentiment")
        assert np.dot(wanted, got) / np.linalg.norm(wanted) / np.linalg.norm(got) > 0.95


@pytest.mark.parametrize(
    ("architecture", "task", "head"),
    [
        ("DistilBertForTokenClassification", "token-classification", "entities"),
        ("RobertaModel", "feature-extraction", "embedding"),
    ],
)
def test_other_tasks_and_architectures(
    make_model: Make, tmp_path: Path, architecture: str, task: str, head: str
) -> None:
    source = make_model(architecture)
    manifest = convert(str(source), task, "generic-x86_64", tmp_path / "out", name="mine")
    assert manifest.name == "mine"
    assert manifest.task == task
    encoding = Encoder(Store(None).open(str(tmp_path / "out"))).encode(["ok then"])[0]
    assert np.isfinite(encoding.outputs[head][0]).all()
    sizes = manifest.report["size_bytes"]
    assert sizes["int8"] < 0.7 * sizes["fp32"]


def test_the_same_input_gives_the_same_bytes(make_model: Make, tmp_path: Path) -> None:
    source = make_model("BertModel")
    made = [
        convert(str(source), "feature-extraction", "pi4", tmp_path / name, name="same")
        for name in ("a", "b")
    ]
    assert made[0].files == made[1].files


def test_nan_weights_are_found_and_nothing_is_written(make_model: Make, tmp_path: Path) -> None:
    source = make_model("BertForSequenceClassification")
    model = transformers.BertForSequenceClassification.from_pretrained(source)
    with torch.no_grad():
        model.classifier.weight[0, 0] = float("nan")
    model.save_pretrained(source)
    with pytest.raises(BundleError, match="not finite"):
        convert(str(source), "text-classification", "pi5", tmp_path / "out" / "bundle")
    assert not list((tmp_path / "out").glob("*"))


def _without(name: str) -> Callable[[Path], None]:
    def remove(directory: Path) -> None:
        for path in directory.glob(name):
            path.unlink()

    return remove


def _pickled(directory: Path) -> None:
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("break_it", "task", "target", "error", "says"),
    [
        (_without("*.safetensors"), "text-classification", "pi5", ConfigError, "safetensors"),
        (_pickled, "text-classification", "pi5", ConfigError, "pickled"),
        (_without("*token*"), "text-classification", "pi5", ConfigError, "tokenizer"),
        (_without("config.json"), "text-classification", "pi5", ConfigError, "config.json"),
        (None, "token-classification", "pi5", UnsupportedTaskError, "random weights"),
        (None, "mind-reading", "pi5", UnsupportedTaskError, "mind-reading"),
        (None, "text-classification", "pi9", ConfigError, "pi4"),
    ],
)
def test_what_cannot_be_converted_is_refused_before_the_work_starts(  # noqa: PLR0913
    make_model: Make,
    tmp_path: Path,
    break_it: Callable[[Path], None] | None,
    task: str,
    target: str,
    error: type[EdgeError],
    says: str,
) -> None:
    source = make_model("BertForSequenceClassification")
    if break_it is not None:
        break_it(source)
    with pytest.raises(error, match=says):
        convert(str(source), task, target, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_model_is_one_line_on_stderr() -> None:
    result = CliRunner().invoke(
        app, ["convert", "/no/such/model", "--task", "text-classification", "-o", os.devnull + "x"]
    )
    assert isinstance(result.exception, ConfigError)
    assert "not a directory" in str(result.exception)


def test_an_existing_directory_is_not_replaced_unasked(make_model: Make, tmp_path: Path) -> None:
    source = make_model("BertModel")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="not a bundle"):
        convert(str(source), "feature-extraction", "pi5", tmp_path / "mine", force=True)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
