from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge_export.cli.app import app
from edge_export.convert import Options, convert, plan_conversion
from edge_export.quantize.model import Quantizer
from edge_export.texts import TEXTS
from edge_runtime.bundles.store import Store
from edge_runtime.cli.app import app as edge_run
from edge_runtime.errors import BundleError, ConfigError, UnsupportedTaskError
from edge_runtime.tasks.encoder import Encoder

from .families import FAMILIES

transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
torch = pytest.importorskip("torch", reason="needs the extra `export`")

pytestmark = pytest.mark.export
Make = Callable[..., Path]

LABELS = {0: "a", 1: "b", 2: "c"}


def _invoke(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("name", ["bert-text-classification", "smollm2"])
def test_a_dry_run_estimates_the_size_and_writes_nothing(tmp_path: Path, name: str) -> None:
    source = FAMILIES[name].save(tmp_path / "source")
    out = tmp_path / "out"
    plan = json.loads(_invoke("convert", source, "-o", out, "--dry-run", "--json"))
    assert not list(tmp_path.glob("out*"))
    shown = _invoke("convert", source, "-o", out, "--dry-run")
    assert f"{plan['size_bytes'] / 1e6:.1f} MB" in shown
    assert "form fused" in shown

    convert(Options(model=str(source), output=out))
    weights = (out / "model.onnx.data").stat().st_size
    assert weights == pytest.approx(plan["size_bytes"], rel=0.3)
    assert plan["memory_bytes"] > plan["size_bytes"] + plan["kv_cache_bytes"]


@pytest.mark.parametrize("precision", ["int8-weight-only", "int4-weight-only"])
def test_a_board_without_dot_product_never_gets_weight_only(tmp_path: Path, precision: str) -> None:
    source = FAMILIES["smollm2"].save(tmp_path / "source")
    options = Options(
        model=str(source), output=tmp_path / "out", target="pi4", quantization=precision
    )
    with pytest.raises(ConfigError, match="dot-product"):
        convert(options)


def test_a_board_with_dot_product_may_have_4_bits(tmp_path: Path) -> None:
    source = FAMILIES["smollm2"].save(tmp_path / "source")
    manifest = convert(
        Options(model=str(source), output=tmp_path / "out", target="pi5", max_drop=100,
                quantization="int4-weight-only")
    )  # fmt: skip
    costs = manifest.report["cost"]
    assert costs["int4-weight-only"]["size_bytes"] < 0.35 * costs["fp32"]["size_bytes"]
    assert manifest.quantization["tables"] == "4 bits in blocks of 64"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"quantization": "int3"}, "int8-dynamic"),
        ({"form": "fused"}, "no fused graph"),
        ({"max_length": 4096}, "reads 64 tokens"),
        ({"calibrate": Path("nothing.txt")}, "nothing.txt"),
    ],
)
def test_a_wrong_option_is_a_clear_error(
    tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    source = FAMILIES["electra"].save(tmp_path / "source")
    with pytest.raises(ConfigError, match=says):
        convert(Options(model=str(source), output=tmp_path / "out", **options))
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_pickled_weights_are_read_when_asked_for(make_model: Make, tmp_path: Path) -> None:
    source = make_model("BertForSequenceClassification", id2label=LABELS)
    model = transformers.BertForSequenceClassification.from_pretrained(source)
    torch.save(model.state_dict(), source / "pytorch_model.bin")
    (source / "model.safetensors").unlink()
    options: dict[str, Any] = {"model": str(source), "output": tmp_path / "out"}
    with pytest.raises(ConfigError, match="--allow-pickle"):
        convert(Options(**options))
    manifest = convert(Options(**options, allow_pickle=True))
    assert manifest.report["fp32_against_original"]["max_rel"] < 1e-4


def test_an_architecture_that_nothing_exports_is_refused_before_any_work(
    make_model: Make, tmp_path: Path
) -> None:
    source = make_model("BertForSequenceClassification")
    config = {"model_type": "rwkv", "architectures": ["RwkvForCausalLM"]}
    (source / "config.json").write_text(json.dumps(config))
    with pytest.raises(UnsupportedTaskError, match="rwkv"):
        plan_conversion(Options(model=str(source), output=tmp_path / "out"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantized already"),
        ({"architectures": ["BertForNextSentencePrediction"]}, "no task is known"),
    ],
)
def test_a_model_of_another_kind_is_refused(
    make_model: Make, tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    source = make_model("BertForSequenceClassification")
    path = source / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(UnsupportedTaskError, match=says):
        plan_conversion(Options(model=str(source), output=tmp_path / "out"))


def test_an_interrupt_leaves_nothing(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    source = make_model("BertModel")
    monkeypatch.setattr(Quantizer, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert(Options(model=str(source), output=tmp_path / "here" / "out"))
    assert list((tmp_path / "here").iterdir()) == []


def test_a_disk_that_fills_half_way_is_one_line(make_model: Make, tmp_path: Path) -> None:
    source = make_model("BertModel")
    limit_bytes = 100_000  # less than the fp32 weights

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    done = subprocess.run(
        [sys.executable, "-m", "edge_export.cli.app", "convert", str(source), "-o",
         str(tmp_path / "here" / "out")],
        capture_output=True, text=True, check=False, preexec_fn=limit,
    )  # fmt: skip
    assert done.returncode == 1
    assert "cannot be converted: [Errno 27] File too large" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "here").iterdir()) == []


def _labelled(tmp_path: Path, source: Path) -> Path:
    """Label texts as the model itself does, so that fp32 is always right."""
    fp32 = tmp_path / "judge"
    convert(Options(model=str(source), output=fp32, quantization="fp32"))
    bundle = Store(None).open(str(fp32))
    (head,) = bundle.manifest.heads.values()
    rows = ["text\tlabel"]
    for text in TEXTS:
        logits = Encoder(bundle).encode([text])[0].mean("labels")
        rows.append(f"{text}\t{head.labels[int(logits.argmax())]}")
    path = tmp_path / "labelled.tsv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_the_tolerance_counts_points_on_labelled_data(make_model: Make, tmp_path: Path) -> None:
    source = make_model("BertForSequenceClassification", id2label=LABELS)
    data = _labelled(tmp_path, source)
    manifest = convert(Options(model=str(source), output=tmp_path / "out", data=data, max_drop=5))
    judged = manifest.report["judgement"]
    assert judged["measure"] == "accuracy (percent)"
    assert judged["fp32"] == 100.0
    assert judged["n"] == len(TEXTS)
    assert judged["quantized"] >= 95.0


def test_sensitive_layers_stay_finer_when_the_tolerance_asks_for_it(tmp_path: Path) -> None:
    source = FAMILIES["smollm2"].save(tmp_path / "source")
    model = transformers.LlamaForCausalLM.from_pretrained(source)
    with torch.no_grad():  # the same function; int8 loses all but one row of every column
        mlp = model.model.layers[1].mlp
        mlp.down_proj.weight[:, 5] *= 3000
        mlp.up_proj.weight[5] /= 3000
    model.save_pretrained(source)
    out = tmp_path / "out"
    options: dict[str, Any] = {"model": str(source), "output": out, "quantization": "int8-dynamic"}
    loose = convert(Options(**options, max_drop=1e9)).report["judgement"]["drop"]
    tight = convert(Options(**options, max_drop=loose / 2, force=True))
    assert tight.report["finer"] == ["layers.1.mlp.down"]
    assert tight.quantization["finer"] == "layers.1.mlp.down fp32"
    assert tight.report["judgement"]["drop"] <= loose / 2
    report = (tmp_path / "out.report" / "report.md").read_text()
    assert "Left in higher precision: `layers.1.mlp.down`" in report
    assert (tmp_path / "out.report" / "report.png").read_bytes().startswith(b"\x89PNG")


def test_what_no_mixture_saves_is_refused_with_its_report(tmp_path: Path) -> None:
    source = FAMILIES["smollm2"].save(tmp_path / "source")
    with pytest.raises(BundleError, match="no bundle was written"):
        convert(
            Options(model=str(source), output=tmp_path / "out", target="pi5", max_drop=-1.0,
                    quantization="int4-weight-only")
        )  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.report", "source"]


def test_summaries_are_scored_against_references(tmp_path: Path) -> None:
    source = FAMILIES["t5"].save(tmp_path / "source")
    data = tmp_path / "data.jsonl"
    rows = [{"text": text, "reference": text.split()[0]} for text in TEXTS[:4]]
    data.write_text("\n".join(map(json.dumps, rows)) + "\n")
    out = tmp_path / "out"
    manifest = convert(Options(model=str(source), output=out, data=data, max_drop=100))
    assert manifest.report["scores"].keys() == {"ROUGE-1", "ROUGE-2", "ROUGE-L"}
    evaluated = json.loads(_invoke("evaluate", out, "--data", data, "--json"))
    assert evaluated["n"] == 4
    # the same outputs, but the evaluation takes the mean over texts
    assert evaluated["metrics"]["ROUGE-L"]["value"] == pytest.approx(
        manifest.report["scores"]["ROUGE-L"]["quantized"], abs=1e-3
    )


def test_a_decoder_is_calibrated_and_judged_on_the_users_texts(tmp_path: Path) -> None:
    source = FAMILIES["smollm2"].save(tmp_path / "source")
    texts = tmp_path / "texts.txt"
    texts.write_text("\n\n".join([*TEXTS[:5], " ".join(TEXTS)]))
    out = tmp_path / "out"
    manifest = convert(
        Options(model=str(source), output=out, data=texts, calibrate=texts, max_drop=50)
    )
    judged = manifest.report["judgement"]
    assert judged["n"] > 6  # the last one takes several pieces
    evaluated = json.loads(_invoke("evaluate", out, "--data", texts, "--json"))
    found = evaluated["metrics"]["perplexity"]
    assert found["value"] == pytest.approx(judged["quantized"], rel=1e-3)
    assert found["low"] < found["value"] < found["high"]


@pytest.mark.parametrize(
    ("name", "verb"), [("gpt2", "generate"), ("marian", "translate"), ("t5", "summarize")]
)
def test_what_makes_text_runs_with_its_verb(tmp_path: Path, name: str, verb: str) -> None:
    source = FAMILIES[name].save(tmp_path / "source")
    out = tmp_path / "out"
    convert(Options(model=str(source), output=out, task=FAMILIES[name].task, max_drop=100))
    arguments = [verb, "-m", str(out), TEXTS[0], "--json"]
    if verb != "summarize":
        arguments += ["--max-tokens", "3"]
    result = CliRunner().invoke(edge_run, arguments, catch_exceptions=False)
    answer = json.loads(result.stdout)
    assert answer["status"] == "ok"
    assert isinstance(answer["result"]["text"], str)
    assert 0 < answer["result"]["generation_tokens"] <= (3 if verb != "summarize" else 128)
    other = CliRunner().invoke(edge_run, ["classify", "-m", str(out), "x"])
    assert isinstance(other.exception, UnsupportedTaskError)


def test_a_question_is_answered_with_words_of_the_text(tmp_path: Path) -> None:
    source = FAMILIES["bert-question-answering"].save(tmp_path / "source")
    out = tmp_path / "out"
    convert(Options(model=str(source), output=out))
    context = " ".join(TEXTS[:4])  # longer than the model reads at once
    result = CliRunner().invoke(
        edge_run, ["answer", "Who met Tim?", "--context", context, "-m", str(out), "--json"]
    )
    found = json.loads(result.stdout)["result"]
    assert context[found["start"] : found["end"]] == found["text"] != ""


def test_what_turns_out_not_to_fuse_goes_through_optimum_and_says_so(
    make_model: Make, tmp_path: Path
) -> None:
    source = make_model(
        "BertForSequenceClassification", id2label=LABELS, position_embedding_type="relative_key"
    )
    manifest = convert(Options(model=str(source), output=tmp_path / "out"))
    assert manifest.graph.form == "optimum"
    plan = json.loads((tmp_path / "out.report" / "report.json").read_text())["plan"]
    assert plan["form"] == "optimum"
    assert "relative_key" in plan["why"][0]
    with pytest.raises(UnsupportedTaskError, match="relative_key"):
        convert(Options(model=str(source), output=tmp_path / "no", form="fused"))


def test_the_size_is_that_of_the_bundle_also_after_a_search(tmp_path: Path) -> None:
    source = FAMILIES["bert-feature-extraction"].save(tmp_path / "source")
    plain = convert(Options(model=str(source), output=tmp_path / "a"))
    options: dict[str, Any] = {"model": str(source), "output": tmp_path / "b", "max_drop": 0.0}
    searched = convert(Options(**options, allow_drop=True))
    sizes = [each.report["cost"]["fp32"]["size_bytes"] for each in (plain, searched)]
    assert sizes[0] == sizes[1]
    last = searched.report["cost"]["int8-dynamic"]["size_bytes"]
    assert last == sum(f.size_bytes for f in searched.files if ".onnx" in f.path)
