from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_runtime.bundles.derive import derive_manifest
from edge_runtime.errors import BundleError, UnsupportedTaskError

from . import tiny_onnx as tiny

BERT = {"architectures": ["BertForSequenceClassification"], "model_type": "bert"}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
T5 = {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5"}
PAIR: dict[str, Any] = {
    "encoder_model.onnx": tiny.TEXT_ENCODER,
    "decoder_model.onnx": tiny.FIRST,
    "decoder_with_past_model.onnx": tiny.LATER,
}


def test_it_promises_nothing(tmp_path: Path) -> None:
    manifest = derive_manifest(tiny.write(tmp_path / "found", BERT, {"model.onnx": tiny.ENCODER}))
    assert (manifest.name, manifest.version) == ("found", "unverified")
    assert (manifest.graph.form, manifest.graph.opset) == ("as found", 17)
    assert not manifest.files
    assert not manifest.languages
    assert not manifest.calibration


@pytest.mark.parametrize(
    ("config", "labels", "multi"),
    [
        ({}, ["LABEL_0", "LABEL_1"], False),
        ({"id2label": {"1": "yes", "0": "no"}}, ["no", "yes"], False),
        (
            {"id2label": {"0": "a", "1": "b"}, "problem_type": "multi_label_classification"},
            ["a", "b"],
            True,
        ),
    ],
)
def test_a_classifier_has_the_labels_of_its_config(
    tmp_path: Path, config: dict[str, Any], labels: list[str], *, multi: bool
) -> None:
    path = tiny.write(tmp_path, {**BERT, **config}, {"model.onnx": tiny.ENCODER})
    (head,) = derive_manifest(path).heads.values()
    assert (head.labels, head.multi_label) == (labels, multi)


@pytest.mark.parametrize(
    ("operators", "kv_cache"), [(["MatMul"], "growing"), (["GroupQueryAttention"], "shared")]
)
def test_a_decoder_shares_its_cache_where_the_graph_can(
    tmp_path: Path, operators: list[str], kv_cache: str
) -> None:
    graph = tiny.graph(
        ["input_ids", "past_key_values.0.key"], ["logits", "present.0.key"], operators=operators
    )
    manifest = derive_manifest(tiny.write(tmp_path, LLAMA, {"model.onnx": graph}))
    assert (manifest.task, manifest.graph.kv_cache) == ("text-generation", kv_cache)


@pytest.mark.parametrize(
    ("config", "task"),
    [
        ({}, "summarization"),
        ({"task_specific_params": {"summarization": {}, "translation_en_to_de": {}}},
         "summarization"),
        ({"task_specific_params": {"translation_en_to_de": {}}}, "translation"),
        ({"model_type": "m2m_100"}, "translation"),
        ({"model_type": "marian", "architectures": ["MarianMTModel"]}, "translation"),
    ],
)  # fmt: skip
def test_an_encoder_decoder_translates_where_its_config_says_so(
    tmp_path: Path, config: dict[str, Any], task: str
) -> None:
    manifest = derive_manifest(tiny.write(tmp_path, {**T5, **config}, PAIR))
    assert manifest.task == task
    assert manifest.graph.first == "decoder_model.onnx"
    assert manifest.graph.encoder == "encoder_model.onnx"
    assert manifest.graph.kv_cache == "growing"


def test_what_a_graph_gives_outweighs_the_class(tmp_path: Path) -> None:
    config = {"architectures": ["MPNetForMaskedLM"], "model_type": "mpnet",
              "max_position_embeddings": 514, "pad_token_id": 1}  # fmt: skip
    manifest = derive_manifest(tiny.write(tmp_path, config, {"model.onnx": tiny.VECTORS}))
    assert (manifest.task, manifest.max_length) == ("feature-extraction", 512)
    assert manifest.heads["embedding"].pooling == "mean"


@pytest.mark.parametrize(("mode", "pooling"), [("cls_token", "cls"), ("mean_tokens", "mean")])
def test_pooling_and_length_are_those_of_sentence_transformers(
    tmp_path: Path, mode: str, pooling: str
) -> None:
    path = tiny.write(tmp_path, {"architectures": ["BertModel"]}, {
        "onnx/model.onnx": tiny.VECTORS,
        "modules.json": b'[{"idx": 0, "type": "sentence_transformers.models.Transformer"}]',
        "1_Pooling/config.json": {f"pooling_mode_{mode}": True, "pooling_mode_max_tokens": False},
        "sentence_bert_config.json": {"max_seq_length": 128},
        "tokenizer_config.json": {"model_max_length": 256},
    })  # fmt: skip
    manifest = derive_manifest(path)
    assert manifest.heads["embedding"].pooling == pooling
    assert manifest.max_length == 128


def test_a_vector_that_the_graph_pools_is_taken_as_it_is(tmp_path: Path) -> None:
    graph = tiny.graph(["input_ids"], ["token_embeddings", "sentence_embedding"])
    path = tiny.write(tmp_path, {"architectures": ["BertModel"]}, {
        "model.onnx": graph, "1_Pooling/config.json": {"pooling_mode_weighted": True}
    })  # fmt: skip
    head = derive_manifest(path).heads["embedding"]
    assert (head.output, head.pooling) == ("sentence_embedding", "none")


@pytest.mark.parametrize(
    ("config", "files", "says"),
    [
        ({"architectures": ["BertForMaskedLM"]}, {"model.onnx": tiny.ENCODER}, "fills masks"),
        ({"architectures": []}, {"model.onnx": tiny.ENCODER}, "no task is known"),
        (LLAMA, {"model.onnx": tiny.ENCODER}, "no KV cache"),
        ({**BERT, "id2label": {"0": "score"}}, {"model.onnx": tiny.ENCODER}, "regression"),
        (
            {"architectures": ["WhisperForConditionalGeneration"]},
            {**PAIR, "encoder_model.onnx": tiny.graph(["input_features"], ["last_hidden_state"])},
            "more than a text.*input_features",
        ),
        (
            LLAMA,
            {"model.onnx": tiny.graph(["input_ids", "past_conv.0"], ["logits"])},
            "past_conv.0",
        ),
        (
            {"architectures": ["BertModel"]},
            {
                "model.onnx": tiny.VECTORS,
                "1_Pooling/config.json": {"pooling_mode_weighted": True},
            },
            "pools by weighted",
        ),
        (
            {"architectures": ["BertModel"]},
            {"model.onnx": tiny.VECTORS, "modules.json": b'[{"type": "a.models.Dense"}]'},
            "adds Dense",
        ),
    ],
)
def test_what_does_not_run_is_said_before_it_is_loaded(
    tmp_path: Path, config: dict[str, Any], files: dict[str, Any], says: str
) -> None:
    with pytest.raises(UnsupportedTaskError, match=says):
        derive_manifest(tiny.write(tmp_path, config, files))


@pytest.mark.parametrize("graph", [b"", b"graph", tiny.ENCODER[:-40], b"\x00" * 64])
def test_a_broken_graph_is_named(tmp_path: Path, graph: bytes) -> None:
    with pytest.raises(BundleError, match=r"model\.onnx is no ONNX file"):
        derive_manifest(tiny.write(tmp_path, BERT, {"model.onnx": graph}))


def test_weights_that_were_left_behind_are_named(tmp_path: Path) -> None:
    graph = tiny.graph(["input_ids"], ["logits"], data_file="model.onnx_data")
    path = tiny.write(tmp_path, BERT, {"onnx/model.onnx": graph})
    with pytest.raises(BundleError, match=r"onnx/model\.onnx_data is missing"):
        derive_manifest(path)
    (path / "onnx" / "model.onnx_data").touch()
    assert derive_manifest(path).graph.file == "onnx/model.onnx"


@pytest.mark.parametrize(
    "config",
    [
        {"id2label": {"a": "b"}},
        {"id2label": ["b"]},
        {"max_position_embeddings": "long"},
        {"max_position_embeddings": [1]},
    ],
)
def test_a_config_of_the_wrong_types_is_a_clear_error(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    path = tiny.write(tmp_path, {**BERT, **config}, {"model.onnx": tiny.ENCODER})
    with pytest.raises(BundleError, match="wrong type"):
        derive_manifest(path)
