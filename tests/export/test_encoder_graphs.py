from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.bundles.manifest import Head, Task
from edge_runtime.errors import UnsupportedTaskError
from edge_runtime.inference.session import Session
from tests.export.conftest import SIZES, save_model

transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
torch = pytest.importorskip("torch", reason="needs the extra `export`")
onnx = pytest.importorskip("onnx", reason="needs the extra `export`")

from edge_export.graphs import encoder_modules  # noqa: E402
from edge_export.graphs.encoder import (  # noqa: E402
    FUSED_ENCODERS,
    build_encoder,
    build_multi_task,
)

pytestmark = [
    pytest.mark.export,
    # ModernBERT's classes are compiled when they are defined
    pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning"),
]

LENGTHS = (17, 9, 2)
PADDING = 1
LABELS = {0: "a", 1: "b", 2: "c"}
LOADERS: dict[Task, Any] = {
    "text-classification": transformers.AutoModelForSequenceClassification,
    "token-classification": transformers.AutoModelForTokenClassification,
    "question-answering": transformers.AutoModelForQuestionAnswering,
    "feature-extraction": transformers.AutoModel,
}
SUFFIXES: dict[Task, str] = {
    "text-classification": "ForSequenceClassification",
    "token-classification": "ForTokenClassification",
    "question-answering": "ForQuestionAnswering",
    "feature-extraction": "Model",
}
FAMILIES = ("Bert", "DistilBert", "Roberta", "XLMRoberta", "Camembert", "ModernBert")
# windows of two tokens to each side, so that they matter, and a last layer that sees everything
MODERN = {"local_attention": 4, "num_hidden_layers": 4}


def _batch(types: int) -> dict[str, Any]:
    generator = np.random.default_rng(3)
    mask = np.array([[int(i < n) for i in range(LENGTHS[0])] for n in LENGTHS], dtype=np.int64)
    ids = np.where(mask == 1, generator.integers(5, 1000, mask.shape), PADDING)
    kinds = generator.integers(0, types, mask.shape)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": kinds * mask}


def _session(model: Any, path: Path) -> Session:
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return Session(path, optimization="basic")


def _difference(tmp_path: Path, architecture: str, task: Task, **config: Any) -> float:
    """Return the largest difference to transformers on real tokens, of a model with a spread."""
    labels = {} if task in {"question-answering", "feature-extraction"} else {"id2label": LABELS}
    directory = save_model(
        tmp_path / "model", architecture, **{"pad_token_id": PADDING, **labels, **config}
    )
    model = LOADERS[task].from_pretrained(directory).eval()
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    head = Head(
        type="embedding" if task == "feature-extraction" else "tagging",
        output="last_hidden_state" if task == "feature-extraction" else "logits",
        labels=list(LABELS.values()),
    )
    with pytest.MonkeyPatch.context() as patch:  # both ways to attend, in short texts
        patch.setattr(encoder_modules, "MASK_FREE_TOKENS", LENGTHS[0])
        graph = build_encoder(model.config.to_dict(), weights, head, task)
    session = _session(graph, tmp_path / "model.onnx")
    feeds = _batch(getattr(model.config, "type_vocab_size", None) or 1)
    one_text = {name: value[:1] for name, value in feeds.items()}  # without padding
    return max(
        _differences(model, session, feeds, task), _differences(model, session, one_text, task)
    )


def _differences(model: Any, session: Session, feeds: dict[str, Any], task: Task) -> float:
    taken = {name: torch.from_numpy(feeds[name]) for name in session.inputs}
    with torch.no_grad():
        reference = model(**taken)
    differences = []
    for name, value in session.run(feeds).items():
        expected = reference[name].numpy()
        assert value.shape == expected.shape
        real = feeds["attention_mask"] == 1
        if task != "text-classification":
            value, expected = value[real], expected[real]  # noqa: PLW2901
        assert expected.std() > 0.01
        differences.append(np.abs(value - expected).max())
    assert len(differences) == (2 if task == "question-answering" else 1)
    return float(max(differences))


@pytest.mark.parametrize("task", SUFFIXES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_fused_graph_says_what_transformers_says(tmp_path: Path, family: str, task: Task) -> None:
    extra = MODERN if family == "ModernBert" else {}
    assert _difference(tmp_path, family + SUFFIXES[task], task, **extra) < 2e-5


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("BertForSequenceClassification", {"hidden_act": "gelu_new"}),
        ("BertForSequenceClassification", {"hidden_act": "relu", "num_hidden_layers": 1}),
        ("BertForSequenceClassification", {"type_vocab_size": 1}),
        ("RobertaForSequenceClassification", {"type_vocab_size": 1}),
        ("DistilBertForSequenceClassification", {"activation": "relu"}),
        ("ModernBertForSequenceClassification", {**MODERN, "classifier_pooling": "mean"}),
        ("ModernBertForSequenceClassification", {**MODERN, "num_hidden_layers": 3}),
        ("ModernBertForSequenceClassification", {**MODERN, "local_rope_theta": None}),
        (
            "ModernBertForSequenceClassification",
            {
                **MODERN,
                "norm_bias": True,
                "attention_bias": True,
                "mlp_bias": True,
                "classifier_bias": True,
                "classifier_activation": "relu",
            },
        ),
    ],
)
def test_settings_of_a_config_are_kept(
    tmp_path: Path, architecture: str, config: dict[str, Any]
) -> None:
    assert _difference(tmp_path, architecture, "text-classification", **config) < 2e-5


def _config(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = transformers.BertConfig(**SIZES).to_dict()
    return {**values, **changes}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "deberta"}, "deberta has no fused form"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"hidden_act": "mish"}, "mish"),
        ({"is_decoder": True}, "decoder"),
        ({"pruned_heads": {0: [1]}}, "pruned"),
    ],
)
def test_what_has_no_fused_form_is_refused_with_the_reason(
    changes: dict[str, Any], reason: str
) -> None:
    model = transformers.BertModel(transformers.BertConfig(**SIZES, vocab_size=99))
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    head = Head(type="embedding", output="last_hidden_state")
    with pytest.raises(UnsupportedTaskError, match=reason):
        build_encoder(_config(**changes), weights, head, "feature-extraction")


def test_scaled_rotary_positions_and_other_tasks_are_refused() -> None:
    head = Head(type="classification", output="logits", labels=["a", "b"])
    config = transformers.ModernBertConfig(**SIZES).to_dict()
    scaled = {**config, "rope_scaling": {"rope_type": "yarn", "factor": 2.0}}
    with pytest.raises(UnsupportedTaskError, match="yarn"):
        build_encoder(scaled, {}, head, "text-classification")
    with pytest.raises(UnsupportedTaskError, match="summarization"):
        build_encoder(config, {}, head, "summarization")


def test_a_classifier_computes_its_last_layer_for_the_first_token_alone(tmp_path: Path) -> None:
    save_model(tmp_path, "BertForSequenceClassification", id2label=LABELS)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path)
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    head = Head(type="classification", output="logits", labels=list(LABELS.values()))
    graph = build_encoder(model.config.to_dict(), weights, head, "text-classification")
    products = [node.name for node in graph.graph.node if node.op_type == "MatMul"]
    assert products == [
        "bert.encoder.layer.0.attention.qkv",
        "bert.encoder.layer.0.attention.output.dense",
        "bert.encoder.layer.0.intermediate.dense",
        "bert.encoder.layer.0.output.dense",
        "bert.encoder.layer.1.attention.query",
        "bert.encoder.layer.1.attention.key_value",
        "bert.encoder.layer.1.attention.output.dense",
        "bert.encoder.layer.1.intermediate.dense",
        "bert.encoder.layer.1.output.dense",
        "bert.pooler.dense",
        "classifier",
    ]
    assert "bert.embeddings.word_embeddings.weight" in {t.name for t in graph.graph.initializer}


MULTI_TASK = {
    "intent": Head(type="classification", output="intent", labels=["a", "b", "c"]),
    "sentiment": Head(type="classification", output="sentiment", labels=["a", "b"]),
    "slots": Head(type="tagging", output="slots", labels=["O", "B-x", "I-x"]),
    "embedding": Head(type="embedding", output="embedding", pooling="mean"),
}


@pytest.mark.parametrize("names", [("intent", "sentiment"), tuple(MULTI_TASK)])
def test_a_multi_task_encoder_equals_its_layers_in_torch(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    torch.manual_seed(5)
    config = transformers.BertConfig(**SIZES, vocab_size=1100, type_vocab_size=4)
    encoder = transformers.BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(3)
    heads = {name: MULTI_TASK[name] for name in names}
    layers = {
        name: torch.nn.Linear(SIZES["hidden_size"], len(head.labels))
        for name, head in heads.items()
        if head.type != "embedding"
    }
    weights = {f"encoder.{k}": v.numpy() for k, v in encoder.state_dict().items()}
    for name, layer in layers.items():
        weights |= {f"heads.{name}.{k}": v.numpy() for k, v in layer.state_dict().items()}
    feeds = _batch(4)
    model = build_multi_task(weights, config.to_dict(), heads)
    actual: dict[str, Any] = _session(model, tmp_path / "multi.onnx").run(feeds)
    assert list(actual) == list(heads)

    mask = feeds["attention_mask"]
    with torch.no_grad():
        states = encoder(**{k: torch.from_numpy(v) for k, v in feeds.items()}).last_hidden_state
        summed = (states * torch.from_numpy(mask)[..., None]).sum(1)
        for name, head in heads.items():
            if head.type == "embedding":
                expected = torch.nn.functional.normalize(summed, dim=-1)
            else:
                expected = layers[name](states if head.type == "tagging" else states[:, 0])
            real = mask == 1 if head.type == "tagging" else ...
            assert np.abs(actual[name][real] - expected.numpy()[real]).max() < 2e-5


def test_the_families_are_those_of_the_tests() -> None:
    kinds = {getattr(transformers, f"{family}Config").model_type for family in FAMILIES}
    assert kinds == FUSED_ENCODERS
