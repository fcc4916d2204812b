from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from edge_devices.profiles import profile_names
from edge_export import bundle as bundle_module
from edge_export import convert as convert_module
from edge_export.cli.app import app
from edge_export.convert import convert
from edge_export.parity import TEXTS, compare
from edge_runtime.bundles.manifest import Head
from edge_runtime.bundles.store import Store
from edge_runtime.errors import BundleError, ConfigError, EdgeError, UnsupportedTaskError
from edge_runtime.tasks.encoder import Encoder

transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
torch = pytest.importorskip("torch", reason="needs the extra `export`")
onnx = pytest.importorskip("onnx", reason="needs the extra `export`")
safetensors = pytest.importorskip("safetensors.torch", reason="needs the extra `export`")

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
        (_truncated, "cannot export"),
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


def test_large_logits_are_no_difference(make_model: Make, tmp_path: Path) -> None:
    source = make_model("BertForSequenceClassification")
    model = transformers.BertForSequenceClassification.from_pretrained(source)
    with torch.no_grad():
        model.classifier.weight.mul_(3e4)
    model.save_pretrained(source)
    report = convert(str(source), "text-classification", "pi5", tmp_path / "out").report
    assert report["fp32_against_original"]["max_rel"] < 1e-4


def test_what_the_source_declares_goes_into_the_manifest(make_model: Make, tmp_path: Path) -> None:
    source = make_model("BertModel")
    (source / "1_Pooling").mkdir()
    (source / "1_Pooling" / "config.json").write_text(
        json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    )
    (source / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
    manifest = convert(str(source), "feature-extraction", "pi5", tmp_path / "out")
    assert manifest.heads["embedding"].pooling == "cls"
    assert manifest.source.licence == "apache-2.0"
    assert manifest.report["int8_against_fp32"]["agreement"] is None
    got = Encoder(Store(None).open(str(tmp_path / "out"))).encode(TEXTS)
    originals = _originals(source, transformers.AutoModel)
    for encoding, original in zip(got, originals, strict=True):
        wanted = original.last_hidden_state[0, 0].numpy()
        vector = encoding.outputs["embedding"][0]
        assert np.dot(wanted, vector) / np.linalg.norm(wanted) > 0.95


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "max_tokens"),
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


def test_a_slow_tokenizer_becomes_a_fast_one(make_model: Make, tmp_path: Path) -> None:
    source = make_model("BertModel")
    fast = transformers.AutoTokenizer.from_pretrained(source)
    (source / "tokenizer.json").unlink()
    (source / "vocab.txt").write_text("\n".join(sorted(fast.vocab, key=fast.vocab.get)) + "\n")
    (source / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )
    convert(str(source), "feature-extraction", "pi5", tmp_path / "out")
    made = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "out/tokenizer.json"))
    assert made(TEXTS[0])["input_ids"] == fast(TEXTS[0])["input_ids"]


def test_int8_that_is_broken_is_written_only_when_asked_and_then_marked(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = str(make_model("BertForSequenceClassification"))
    monkeypatch.setattr(convert_module, "_LOWEST_INT8_COSINE", 1.1)
    with pytest.raises(BundleError, match="--allow-drop"):
        convert(source, "text-classification", "pi5", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    manifest = convert(source, "text-classification", "pi5", tmp_path / "out", allow_drop=True)
    assert "cosine" in manifest.report["past_tolerance"]


def test_a_full_disk_is_one_line(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(convert_module, "quantize_int8", full)
    with pytest.raises(ConfigError, match="No space left"):
        convert(str(make_model("BertModel")), "feature-extraction", "pi5", tmp_path / "out")


def test_agreement_counts_best_labels() -> None:
    logits = [np.array([1.0, 2.0]), np.array([3.0, 1.0])]
    turned = [np.array([1.0, 2.0]), np.array([1.0, 3.0])]
    head = Head(type="classification", output="logits", labels=["a", "b"])
    assert compare(head, logits, turned).agreement == 0.5
    both = Head(type="classification", output="logits", labels=["a", "b"], multi_label=True)
    assert compare(both, logits, turned).agreement == 1.0


def test_an_interrupted_replacement_leaves_the_old_bundle(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_model("BertModel")
    out = tmp_path / "here" / "out"
    old = convert(str(source), "feature-extraction", "pi5", out)
    rename = Path.rename

    def interrupted(path: Path, target: Path) -> Path:
        if path.name == "bundle":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bundle_module.write_bundle(out, old, out, force=True)
    assert Store(None).open(str(out)).manifest == old
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_only_machines_that_may_lack_vnni_give_up_a_bit(make_model: Make, tmp_path: Path) -> None:
    source = make_model("BertModel")
    used = {}
    for target in ("pi4", "generic-x86_64"):
        out = tmp_path / target
        convert(str(source), "feature-extraction", target, out)
        tensors = onnx.load(out / "model.onnx").graph.initializer
        used[target] = max(
            int(np.abs(onnx.numpy_helper.to_array(tensor).astype(int)).max())
            for tensor in tensors
            if tensor.name.endswith("_quantized")
        )
    assert used == {"pi4": 127, "generic-x86_64": 64}
    assert set(used) < set(profile_names())
