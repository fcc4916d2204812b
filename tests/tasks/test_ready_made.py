"""Directories without ``bundle.json``, in every layout that others make, run as they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_export.convert import Options, convert
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.inference.tokenizer import Tokenizer
from edge_runtime.messages import Answer, Request
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.seq2seq import TextToText
from tests.export.families import FAMILIES

from . import ready_made as made

transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
torch = pytest.importorskip("torch", reason="needs the extra `export`")
pytest.importorskip("optimum", reason="needs the extra `export`")

pytestmark = [
    pytest.mark.export,
    # classes of transformers that are compiled when they are defined
    pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning"),
]

TEXT = "the quick brown fox went to the market in the city"
NEW_TOKENS = 8
Exported = Callable[[str], Path]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """What optimum makes of a family, and the model itself in ``source`` beside it; made once."""

    @cache
    def make(name: str) -> Path:
        root = tmp_path_factory.mktemp(name)
        return made.optimum_export(name, root / "source", root / "optimum")

    return make


@pytest.fixture(scope="module")
def pair(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Two graphs of a decoder, and the merged one."""

    @cache
    def make(name: str) -> Path:
        source = exported(name).parent / "source"
        return made.decoder_pair(source, tmp_path_factory.mktemp(f"{name}-pair") / "pair")

    return make


def _open(path: Path) -> Bundle:
    bundle = Store(None).open(str(path))
    assert not bundle.verified
    return bundle


def _ask(bundle: Bundle, task: str, **options: str) -> dict[str, Any]:
    answer = Assistant(bundle).begin(Request(text=TEXT, task=task, options=options))
    assert isinstance(answer, Answer)
    assert answer.status == "ok"
    assert answer.guarantee is None
    return answer.result or {}


def _original(loader: str, exported: Path) -> Any:
    return getattr(transformers, loader).from_pretrained(exported.parent / "source").eval()


def _layouts(directory: Path, root: Path) -> dict[str, Path]:
    return {
        "optimum": directory,
        "transformers.js": made.transformers_js(directory, root / "js"),
        "external data": made.external(directory, root / "external"),
        "int8": made.transformers_js(directory, root / "int8", "_quantized"),
    }


def test_classifiers_score_like_the_original(exported: Exported, tmp_path: Path) -> None:
    directory = exported("bert-text-classification")
    ids = torch.tensor([Tokenizer(directory / "tokenizer.json").ids(TEXT)])
    with torch.no_grad():
        logits = _original("AutoModelForSequenceClassification", directory)(ids).logits[0]
    scores = logits.softmax(0).tolist()
    best = int(np.argmax(scores))
    for layout, path in _layouts(directory, tmp_path).items():
        result = _ask(_open(path), "classify")
        assert result["label"] == f"LABEL_{best}", layout
        assert result["score"] == pytest.approx(scores[best], abs=0.1 if layout == "int8" else 1e-3)


def test_vectors_are_those_of_the_original(exported: Exported, tmp_path: Path) -> None:
    directory = exported("roberta-feature-extraction")
    ids = torch.tensor([Tokenizer(directory / "tokenizer.json").ids(TEXT)])
    with torch.no_grad():
        hidden = _original("AutoModel", directory)(ids).last_hidden_state[0].numpy()
    for layout, path in _layouts(directory, tmp_path).items():
        for pooling, expected in (("mean", hidden.mean(0)), ("cls", hidden[0])):
            key = {"mean": "mean_tokens", "cls": "cls_token"}[pooling]
            declared = path / "1_Pooling" / "config.json"
            declared.parent.mkdir(exist_ok=True)
            declared.write_text(f'{{"pooling_mode_{key}": true}}')
            vector = np.array(_ask(_open(path), "embed")["vector"])
            cosine = float(vector @ expected / np.linalg.norm(expected))
            assert cosine > (0.95 if layout == "int8" else 0.9999), (layout, pooling)


def test_answers_are_spans_of_the_text(exported: Exported, tmp_path: Path) -> None:
    directory = exported("distilbert-question-answering")
    for layout, path in _layouts(directory, tmp_path).items():
        result = _ask(_open(path), "answer", question="where?")
        assert TEXT[result["start"] : result["end"]] == result["text"], layout


def test_words_are_tagged(exported: Exported) -> None:
    result = _ask(_open(exported("electra")), "tag")
    assert result["entities"]
    for entity in result["entities"]:
        assert TEXT[entity["start"] : entity["end"]] == entity["text"]


# greedy decoding of random weights: what is equal for a few tokens is no accident
def _continues(bundle: Bundle, exported: Path, tokens: int = NEW_TOKENS) -> None:
    ids = Tokenizer(bundle.path / "tokenizer.json").ids(TEXT)
    model = _original("AutoModelForCausalLM", exported)
    with torch.no_grad():
        output = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=tokens)
    expected = output[0, len(ids) :].tolist()
    assert list(TextGenerator(bundle).continuation(ids, most=tokens)) == expected


@pytest.mark.parametrize("name", ["smollm2", "gpt2"])
def test_a_decoder_of_one_graph_continues_like_the_original(
    exported: Exported, tmp_path: Path, name: str
) -> None:
    directory = exported(name)
    _continues(_open(directory), directory)
    _continues(_open(made.transformers_js(directory, tmp_path / "js")), directory)
    _continues(_open(made.external(directory, tmp_path / "external")), directory)


@pytest.mark.parametrize("name", ["smollm2", "gpt2"])
def test_a_merged_decoder_continues_like_the_original(
    exported: Exported, pair: Exported, name: str
) -> None:
    bundle = _open(pair(name))
    assert bundle.manifest.graph.file == "decoder_model_merged.onnx"
    _continues(bundle, exported(name))


@pytest.mark.parametrize("name", ["smollm2", "gpt2"])
def test_a_pair_of_decoders_continues_like_the_original(
    exported: Exported, pair: Exported, tmp_path: Path, name: str
) -> None:
    bundle = _open(made.without(pair(name), tmp_path / "two", "decoder_model_merged"))
    assert bundle.manifest.graph.first == "decoder_model.onnx"
    _continues(bundle, exported(name))


def test_a_decoder_with_float16_caches_continues_like_the_original(
    exported: Exported, tmp_path: Path
) -> None:
    directory = exported("smollm2")
    bundle = _open(made.transformers_js(directory, tmp_path / "js", "_fp16"))
    assert bundle.manifest.quantization == {"graph": "fp16"}
    _continues(bundle, directory, tokens=3)  # later, rounding may choose another token


def test_an_int8_decoder_writes(exported: Exported, tmp_path: Path) -> None:
    bundle = _open(made.transformers_js(exported("smollm2"), tmp_path / "js", "_quantized"))
    assert TextGenerator(bundle).generate(TEXT).generation_tokens > 0


def test_a_fused_decoder_continues_like_the_original(exported: Exported, tmp_path: Path) -> None:
    directory = exported("smollm2")
    out = tmp_path / "fused"
    convert(
        Options(model=str(directory.parent / "source"), output=out, quantization="fp32",
                allow_drop=True)
    )  # fmt: skip
    (out / "bundle.json").unlink()
    bundle = _open(out)
    assert bundle.manifest.graph.kv_cache == "shared"
    _continues(bundle, directory)


def _writes(bundle: Bundle, exported: Path) -> None:
    ids = Tokenizer(bundle.path / "tokenizer.json").ids(TEXT)
    model = _original("AutoModelForSeq2SeqLM", exported)
    with torch.no_grad():
        output = model.generate(
            torch.tensor([ids]), do_sample=False, num_beams=1, max_new_tokens=NEW_TOKENS
        )
    assert list(TextToText(bundle).output(ids, most=NEW_TOKENS)) == output[0, 1:].tolist()


@pytest.mark.parametrize("name", ["t5", "bart", "marian"])
def test_an_encoder_decoder_writes_like_the_original(
    exported: Exported, tmp_path: Path, name: str
) -> None:
    directory = exported(name)
    merged = _open(directory)
    assert merged.manifest.task == FAMILIES[name].task
    assert merged.manifest.graph.file == "decoder_model_merged.onnx"
    _writes(merged, directory)
    _writes(_open(made.transformers_js(directory, tmp_path / "js")), directory)
    two = _open(made.without(directory, tmp_path / "two", "decoder_model_merged"))
    assert two.manifest.graph.first == "decoder_model.onnx"
    _writes(two, directory)


@pytest.mark.parametrize("name", ["t5", "bart", "marian"])
def test_an_int8_encoder_decoder_writes(exported: Exported, tmp_path: Path, name: str) -> None:
    directory = made.without(exported(name), tmp_path / "two", "decoder_model_merged")
    bundle = _open(made.transformers_js(directory, tmp_path / "js", "_quantized"))
    assert bundle.manifest.graph.file == "onnx/decoder_with_past_model_quantized.onnx"
    assert TextToText(bundle).generate(TEXT).generation_tokens > 0


def test_a_directory_may_be_a_link(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(exported("bert-text-classification"))
    assert _ask(_open(tmp_path / "link"), "classify")["label"]
    shutil.copytree(tmp_path / "link", tmp_path / "copy")
    assert _ask(_open(tmp_path / "copy"), "classify")["label"]
