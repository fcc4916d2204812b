from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
torch = pytest.importorskip("torch", reason="needs the extra `export`")
onnx = pytest.importorskip("onnx", reason="needs the extra `export`")

from benchmarks.outliers import llama_cpp, models, ours  # noqa: E402
from benchmarks.outliers.__main__ import main  # noqa: E402
from benchmarks.outliers.bench import Bench, Settings  # noqa: E402
from benchmarks.outliers.metrics import Accuracy, compare  # noqa: E402
from benchmarks.outliers.results import DEFAULT_FORM, OURS, PEER, Result, judge, to_markdown  # noqa: E402

TINY = transformers.LlamaConfig(
    vocab_size=200,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    tie_word_embeddings=True,
)


def _weights(variant: models.Variant, seed: int = 0) -> dict[str, models.Floats]:
    model = models.make_model(variant, TINY, seed)
    return {name: value.detach().numpy() for name, value in model.named_parameters()}


def test_identical_logits_have_no_error() -> None:
    logits = np.random.default_rng(0).normal(size=(2, 3, 5))
    assert compare(logits, logits) == Accuracy(0.0, 1.0, 0.0, 6)


def test_the_relative_error_is_that_of_the_norms_and_averaged_over_positions() -> None:
    reference = np.array([[[3.0, 4.0], [0.0, 2.0]]])
    logits = np.array([[[3.0, 4.5], [0.0, 2.6]]])
    assert compare(logits, reference).relative_error == pytest.approx((0.1 + 0.3) / 2)


def test_a_constant_on_all_logits_changes_no_distribution() -> None:
    reference = np.random.default_rng(0).normal(size=(1, 4, 9))
    accuracy = compare(reference + 100, reference)
    assert accuracy.kl == pytest.approx(0, abs=1e-12)
    assert accuracy.top1_agreement == 1
    assert accuracy.relative_error > 10


def test_kl_is_from_the_reference_to_the_other_in_nats() -> None:
    reference, logits = np.log([[[0.9, 0.1]]]), np.log([[[0.5, 0.5]]])
    expected = 0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5)
    assert compare(logits, reference).kl == pytest.approx(expected)


def test_top1_agreement_is_the_share_of_positions() -> None:
    reference = np.eye(4)[None]
    logits = reference.copy()
    logits[0, 0] = [0, 0, 0, 1]
    assert compare(logits, reference).top1_agreement == 0.75


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="against"):
        compare(np.ones((1, 2, 3)), np.ones((1, 2, 4)))
    with pytest.raises(ValueError, match="not finite"):
        compare(np.full((1, 2, 3), np.nan), np.ones((1, 2, 3)))


def test_the_variants_differ_in_the_planted_channels_of_the_layers_norms_only() -> None:
    plain, outliers = _weights("plain"), _weights("outliers")
    planted = set()
    for name, value in plain.items():
        ratio = outliers[name] / value
        if "layernorm" in name:
            channels = np.flatnonzero(~np.isclose(ratio, 1))
            assert ratio[channels] == pytest.approx(models.PLANTED_FACTOR)
            planted.add(tuple(channels))
        else:
            assert np.array_equal(outliers[name], value)
    assert [len(channels) for channels in planted] == [models.PLANTED_CHANNELS]


def _loudest_channels(variant: models.Variant) -> list[set[int]]:
    """The channels of the largest mean activation that each product in turn reads."""
    read: list[models.Floats] = []
    model = models.make_model(variant, TINY, seed=0)
    for layer in model.model.layers:
        for module in (layer.self_attn.q_proj, layer.mlp.up_proj):
            module.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0].numpy()))
    models.reference_logits(model, models.make_ids(1, 64, TINY.vocab_size, seed=1))
    loudness = [np.abs(value).mean((0, 1)) for value in read]
    return [set(value.argsort()[-models.PLANTED_CHANNELS :].tolist()) for value in loudness]


def test_every_product_after_a_norm_reads_its_outliers_from_the_same_channels() -> None:
    name = "model.layers.0.input_layernorm.weight"
    ratio = _weights("outliers")[name] / _weights("plain")[name]
    planted = set(np.flatnonzero(ratio > models.PLANTED_FACTOR / 2).tolist())
    assert _loudest_channels("outliers") == [planted] * 4
    assert planted not in _loudest_channels("plain")


def test_weights_follow_from_the_seed() -> None:
    first, again, other = _weights("outliers"), _weights("outliers"), _weights("outliers", seed=1)
    name = "model.layers.1.mlp.down_proj.weight"
    assert np.array_equal(first[name], again[name])
    assert not np.array_equal(first[name], other[name])


def test_the_shape_is_that_of_smollm2_135m() -> None:
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(models.make_config())
    assert model.num_parameters() == 134_515_008


def test_a_saved_model_comes_back_with_its_tokenizer(tmp_path: Path) -> None:
    model = models.make_model("plain", TINY, seed=0)
    models.save_model(model, tmp_path)
    assert (tmp_path / "model.safetensors").exists()
    ids = models.make_ids(2, 16, TINY.vocab_size, seed=5)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert np.array_equal(models.reference_logits(loaded, ids), models.reference_logits(model, ids))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer) == TINY.vocab_size
    for row in ids.tolist():
        assert tokenizer(tokenizer.decode(row))["input_ids"] == row


def test_ids_are_never_special() -> None:
    ids = models.make_ids(50, 50, 6, seed=0)
    assert set(ids.flatten().tolist()) == {3, 4, 5}


def test_our_logits_are_those_of_every_position(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(size=(7, 7)).astype(np.float32)
    helper, kinds = onnx.helper, onnx.TensorProto
    past = [
        helper.make_tensor_value_info(f"past_key_values.0.{part}", kinds.FLOAT, [1, 2, "past", 4])
        for part in ("key", "value")
    ]
    inputs = [
        helper.make_tensor_value_info("input_ids", kinds.INT64, [1, "tokens"]),
        helper.make_tensor_value_info("attention_mask", kinds.INT64, [1, "total"]),
        helper.make_tensor_value_info("num_logits_to_keep", kinds.INT64, []),
        *past,
    ]
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["logits"])],
        "bigrams",
        inputs,
        [helper.make_tensor_value_info("logits", kinds.FLOAT, [1, "tokens", 7])],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=opset), tmp_path / "model.onnx")
    ids = np.array([[1, 2, 3], [6, 0, 6]])
    assert np.array_equal(ours.logits(tmp_path, ids), table[ids])


def test_a_graph_that_cannot_be_loaded_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    with pytest.raises(OSError, match="onnxruntime"):
        ours.logits(tmp_path, np.array([[1]]))


def test_a_peer_that_fails_says_its_last_line(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho first >&2\necho 'No module named llama_cpp' >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(OSError, match=r"^No module named llama_cpp$"):
        llama_cpp.run(python, tmp_path, "F32", np.array([[3]]), tmp_path / "work", threads=1)


def _result(runtime: str, form: str, error: float) -> Result:
    return Result("plain", runtime, form, 1_000_000, Accuracy(error, 0.5, 0.25, 640))


@pytest.mark.parametrize(
    ("error", "peer", "is_met"),
    [(0.02, 0.02, True), (0.026, 0.02, True), (0.027, 0.02, False), (0.031, 0.03, False)],
)
def test_the_goal_is_an_error_and_a_ratio(error: float, peer: float, is_met: bool) -> None:  # noqa: FBT001
    results = [_result(OURS, DEFAULT_FORM, error), _result(PEER, "Q8_0", peer)]
    goal = judge(results, "plain")
    assert goal.is_met is is_met
    assert goal.ratio_to_peer == pytest.approx(error / peer)


def test_without_a_peer_only_a_miss_is_certain() -> None:
    assert judge([_result(OURS, DEFAULT_FORM, 0.02)], "plain").is_met is None
    assert judge([_result(OURS, DEFAULT_FORM, 0.04)], "plain").is_met is False
    assert judge([_result(PEER, "Q8_0", 0.01)], "plain").is_met is None


def test_the_table_names_what_is_missing() -> None:
    results = [
        _result(OURS, "fp32", 0.0125),
        Result("plain", PEER, "Q8_0", missing="no --llama-python"),
    ]
    table = to_markdown(results, [judge(results, "plain")])
    assert "| plain | edge-runtime | fp32 | 1 | 0.0125 | 50.0% | 0.2500 |" in table
    assert "missing: no --llama-python" in table
    assert "not decided" in table


def test_a_peer_that_is_another_model_is_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(
        _python: Path, source: Path, _form: str, ids: models.Ids, *_: object, threads: int
    ) -> llama_cpp.Run:
        assert threads == 2
        model = transformers.AutoModelForCausalLM.from_pretrained(source).eval()
        return llama_cpp.Run(models.reference_logits(model, ids) * np.float32(1.01), {}, 1)

    monkeypatch.setattr(llama_cpp, "run", run)
    monkeypatch.setattr(models, "make_config", lambda _layers: TINY)
    settings = Settings(sequences=1, length=8, forms=(), llama_python=tmp_path)
    bench = Bench(settings, tmp_path)
    bench.measure("plain")
    first, *others = bench.results
    assert first.accuracy is not None
    assert first.accuracy.relative_error == pytest.approx(0.01, rel=1e-3)
    assert [result.accuracy for result in others] == [None] * (len(llama_cpp.FORMS) - 1)
    assert all("not the same model" in str(result.missing) for result in others)


def test_the_last_line_is_the_whole_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(models, "make_config", lambda _layers: TINY)
    monkeypatch.setattr(torch, "set_num_threads", lambda _count: None)
    arguments = ["--variants", "outliers", "--forms", "--sequences", "1", "--length", "4"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    document = json.loads(last)
    assert document["seeds"] == {"model": 0, "evaluation": 1000, "calibration": 2000}
    assert {result["form"] for result in document["results"]} == set(llama_cpp.FORMS)
    assert {result["missing"] for result in document["results"]} == {"no --llama-python"}
    assert document["goals"][0]["is_met"] is None
    assert json.loads((tmp_path / "results.json").read_text()) == document
    assert "| outliers | llama.cpp | Q8_0 |" in (tmp_path / "table.md").read_text()
