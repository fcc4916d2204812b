from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge_export.cli.app import app
from edge_export.convert import Options
from edge_export.convert import convert as run
from edge_export.quantize import model as quantize_model
from edge_runtime.bundles.manifest import Manifest
from edge_runtime.errors import BundleError, ConfigError, EdgeError, UnsupportedTaskError

transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
torch = pytest.importorskip("torch", reason="needs the extra `export`")
safetensors = pytest.importorskip("safetensors.torch", reason="needs the extra `export`")

pytestmark = pytest.mark.export
Make = Callable[..., Path]


def convert(model: str, task: str, target: str, output: Path, **options: Any) -> Manifest:
    return run(Options(model=model, task=task, target=target, output=output, **options))


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


def _pickled_beside_an_adapter(directory: Path) -> None:
    (directory / "adapter_model.safetensors").write_bytes(b"not read")
    _pickled(directory)


def _regression(directory: Path) -> None:
    _change_config(directory, id2label={"0": "score"}, label2id={"score": 0})


def _change_config(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("break_it", "task", "target", "error", "says"),
    [
        (_without("*.safetensors"), "text-classification", "pi5", ConfigError, "safetensors"),
        (_pickled, "text-classification", "pi5", ConfigError, "pickled"),
        (_pickled_beside_an_adapter, "text-classification", "pi5", ConfigError, "pickled"),
        (_regression, "text-classification", "pi5", UnsupportedTaskError, "regression"),
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


def _truncated(directory: Path) -> None:
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


def _broken_tokenizer(directory: Path) -> None:
    (directory / "tokenizer.json").write_text('{"nope": 1}')


def _headless(directory: Path) -> None:
    path = directory / "model.safetensors"
    weights = safetensors.load_file(path)
    kept = {name: value for name, value in weights.items() if not name.startswith("classifier")}
    safetensors.save_file(kept, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (_truncated, "cannot be loaded"),
        (_broken_tokenizer, "no usable tokenizer"),
        (_headless, "lack classifier.bias"),
    ],
)
def test_broken_files_are_one_line_and_nothing_is_written(
    make_model: Make, tmp_path: Path, break_it: Callable[[Path], None], says: str
) -> None:
    source = make_model("BertForSequenceClassification")
    break_it(source)
    with pytest.raises(ConfigError, match=says):
        convert(str(source), "text-classification", "pi5", tmp_path / "out" / "bundle")
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        (
            "1_Pooling/config.json",
            {"pooling_mode_weighted": True},
            "weighted",
        ),
        ("modules.json", [{"type": "sentence_transformers.models.Dense"}], "Dense"),
    ],
)
def test_an_embedding_that_the_device_would_get_wrong_is_refused(
    make_model: Make, tmp_path: Path, file: str, content: object, says: str
) -> None:
    source = make_model("BertModel")
    (source / file).parent.mkdir(exist_ok=True)
    (source / file).write_text(json.dumps(content))
    with pytest.raises(UnsupportedTaskError, match=says):
        convert(str(source), "feature-extraction", "pi5", tmp_path / "out")


def test_a_full_disk_is_one_line(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(quantize_model, "save_graphs", full)
    with pytest.raises(ConfigError, match="No space left"):
        convert(str(make_model("BertModel")), "feature-extraction", "pi5", tmp_path / "out")
