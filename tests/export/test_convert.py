from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from edge_devices.profiles import profile_names
from edge_export import bundle as bundle_module
from edge_export.checks import judgement
from edge_export.checks.parity import compare
from edge_export.cli.app import app
from edge_export.convert import Options
from edge_export.convert import convert as run
from edge_export.texts import TEXTS
from edge_runtime.bundles.manifest import Head, Manifest
from edge_runtime.bundles.store import Store
from edge_runtime.errors import BundleError
from edge_runtime.tasks.encoder import Encoder

from .families import FAMILIES

transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
torch = pytest.importorskip("torch", reason="needs the extra `export`")
onnx = pytest.importorskip("onnx", reason="needs the extra `export`")

pytestmark = pytest.mark.export
Make = Callable[..., Path]


def convert(model: str, task: str, target: str, output: Path, **options: Any) -> Manifest:
    return run(Options(model=model, task=task, target=target, output=output, **options))


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
    assert manifest["report"]["quantized_against_fp32"]["cosine"] > 0.95

    bundle = Store(None).open(str(out))
    assert bundle.verified
    assert bundle.manifest.heads["sentiment"].labels == list(labels.values())
    encodings = Encoder(bundle).encode(TEXTS)
    originals = _originals(source, transformers.AutoModelForSequenceClassification)
    for encoding, original in zip(encodings, originals, strict=True):
        wanted = original.logits[0].numpy()
        got = encoding.mean("sentiment")
        assert np.dot(wanted, got) / np.linalg.norm(wanted) / np.linalg.norm(got) > 0.95


@pytest.mark.parametrize("name", ["bert-feature-extraction", "smollm2", "t5"])
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    family = FAMILIES[name]
    source = family.save(tmp_path / "source")
    made = [
        convert(str(source), family.task, "pi4", tmp_path / out, name="same") for out in ("a", "b")
    ]
    assert made[0].files == made[1].files
    # all but the times of the report
    assert msgspec.structs.replace(made[0], report={}) == msgspec.structs.replace(
        made[1], report={}
    )
    compared = ("fp32_against_original", "quantized_against_fp32", "judgement")
    assert [made[0].report[key] for key in compared] == [made[1].report[key] for key in compared]
    assert made[0].versions.keys() >= {"onnx", "onnxruntime", "optimum", "torch", "transformers"}


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
    assert "agreement" not in manifest.report["quantized_against_fp32"]
    got = Encoder(Store(None).open(str(tmp_path / "out"))).encode(TEXTS)
    originals = _originals(source, transformers.AutoModel)
    for encoding, original in zip(got, originals, strict=True):
        wanted = original.last_hidden_state[0, 0].numpy()
        vector = encoding.outputs["embedding"][0]
        assert np.dot(wanted, vector) / np.linalg.norm(wanted) > 0.95


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
    monkeypatch.setitem(judgement.TOLERANCE, "agreement", -1.0)
    with pytest.raises(BundleError, match="--allow-drop"):
        convert(source, "text-classification", "pi5", tmp_path / "out")
    assert [path.name for path in sorted(tmp_path.glob("out*"))] == ["out.report"]
    assert "PAST THE TOLERANCE" in (tmp_path / "out.report" / "report.md").read_text()
    manifest = convert(source, "text-classification", "pi5", tmp_path / "out", allow_drop=True)
    assert "same best label" in manifest.report["past_tolerance"]


def test_agreement_counts_best_labels() -> None:
    logits = [np.array([1.0, 2.0]), np.array([3.0, 1.0])]
    turned = [np.array([1.0, 2.0]), np.array([1.0, 3.0])]
    head = Head(type="classification", output="logits", labels=["a", "b"])
    assert compare(logits, turned, head).agreement == 0.5
    both = Head(type="classification", output="logits", labels=["a", "b"], multi_label=True)
    assert compare(logits, turned, both).agreement == 1.0


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
    assert sorted(path.name for path in out.parent.iterdir()) == ["out", "out.report"]


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
            if tensor.name.endswith(".int8")
        )
    assert used == {"pi4": 127, "generic-x86_64": 63}
    assert set(used) < set(profile_names())
