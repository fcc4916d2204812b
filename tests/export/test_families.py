"""Every family, tiny and random: converted, then compared with transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_export.convert import Options, convert
from edge_export.texts import QUESTIONS, TEXTS
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.seq2seq import TextToText

from .families import DECODERS, ENCODER_DECODERS, ENCODERS, FAMILIES, SHAPES, Family

transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
torch = pytest.importorskip("torch", reason="needs the extra `export`")

pytestmark = [
    pytest.mark.export,
    # classes of transformers that are compiled when they are defined
    pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning"),
]

NEW_TOKENS = 16


def _params(names: Any) -> list[Any]:
    return [
        pytest.param(name, marks=() if name in SHAPES else pytest.mark.families) for name in names
    ]


def _converted(family: Family, tmp_path: Path, quantization: str) -> tuple[Path, Bundle]:
    source = tmp_path / "source"
    if not source.exists():
        family.save(source)
    out = tmp_path / quantization
    convert(
        Options(model=str(source), output=out, task=family.task, quantization=quantization,
                allow_drop=True)
    )  # fmt: skip
    bundle = Store(None).open(str(out))
    assert bundle.verified
    assert bundle.manifest.graph.form.removesuffix("-rotated") == family.form
    return source, bundle


def _original(family: Family, source: Path) -> Any:
    loader = {
        "text-classification": transformers.AutoModelForSequenceClassification,
        "token-classification": transformers.AutoModelForTokenClassification,
        "question-answering": transformers.AutoModelForQuestionAnswering,
        "feature-extraction": transformers.AutoModel,
        "text-generation": transformers.AutoModelForCausalLM,
        "summarization": transformers.AutoModelForSeq2SeqLM,
        "translation": transformers.AutoModelForSeq2SeqLM,
    }[family.task]
    return loader.from_pretrained(source, dtype=torch.float32).eval()


@pytest.mark.parametrize("name", _params(ENCODERS))
def test_an_encoder_equals_the_original(tmp_path: Path, name: str) -> None:
    family = FAMILIES[name]
    source, bundle = _converted(family, tmp_path, "fp32")
    encoder = Encoder(bundle)
    model = _original(family, source)
    (head_name,) = bundle.manifest.heads
    if family.task == "question-answering":
        windows = [encoder.tokenizer.pair_windows(*pair)[0] for pair in QUESTIONS[:3]]
    else:
        windows = encoder.tokenizer.windows(TEXTS[:5])
    takes_types = "token_type_ids" in model.forward.__code__.co_varnames
    for window, outputs in zip(windows, encoder.run(windows), strict=True):  # one padded batch
        feeds = {"input_ids": torch.from_numpy(window.ids[None])}
        if takes_types:
            feeds["token_type_ids"] = torch.from_numpy(window.type_ids[None])
        with torch.no_grad():
            made = model(**feeds)
        if family.task == "question-answering":
            expected = torch.stack([made.start_logits[0], made.end_logits[0]], dim=-1)
        elif family.task == "feature-extraction":
            expected = torch.nn.functional.normalize(made.last_hidden_state[0].mean(0), dim=-1)
        else:
            expected = made.logits[0]
        largest = max(1.0, float(expected.abs().max()))
        assert np.abs(outputs[head_name] - expected.numpy()).max() < 1e-4 * largest


@pytest.mark.parametrize("name", _params(DECODERS))
def test_a_decoder_continues_like_the_original(tmp_path: Path, name: str) -> None:
    family = FAMILIES[name]
    source, bundle = _converted(family, tmp_path, "fp32")
    generator = TextGenerator(bundle)
    model = _original(family, source)
    for text in TEXTS[1:4]:
        ids = generator.tokenizer.ids(text)
        prompt = torch.tensor([ids])
        with torch.no_grad():
            logits = model(prompt).logits[0].numpy()
            expected = model.generate(
                prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
                max_new_tokens=NEW_TOKENS,
            )  # fmt: skip
        largest = max(1.0, float(np.abs(logits).max()))
        assert np.abs(generator.logits(ids) - logits).max() < 1e-3 * largest
        for lookup in (False, True):
            made = list(generator.continuation(ids, most=NEW_TOKENS, lookup=lookup))
            assert made == expected[0, len(ids) :].tolist()


@pytest.mark.parametrize("name", _params(ENCODER_DECODERS))
def test_an_encoder_decoder_writes_like_the_original(tmp_path: Path, name: str) -> None:
    family = FAMILIES[name]
    source, bundle = _converted(family, tmp_path, "fp32")
    pair = TextToText(bundle)
    model = _original(family, source)
    lengths = []
    for text in TEXTS[1:4]:
        ids = pair.tokenizer.ids(text)
        with torch.no_grad():
            expected = model.generate(
                torch.tensor([ids]), do_sample=False, num_beams=1, max_new_tokens=NEW_TOKENS
            )
        made = list(pair.output(ids, most=NEW_TOKENS))
        assert made == expected[0, 1:].tolist()
        lengths.append(len(made))
    assert max(lengths) > 2  # something was compared


# what a model's files may ask of the search
_SEARCHES: list[dict[str, Any]] = [
    {},
    {"length_penalty": 2.0, "early_stopping": True, "no_repeat_ngram_size": 2},
    {"length_penalty": 0.5, "early_stopping": "never", "min_length": 5},
    {"repetition_penalty": 1.5, "forced_eos_token_id": 3},
]


@pytest.mark.parametrize("name", _params(ENCODER_DECODERS))
def test_beams_find_what_those_of_the_original_find(tmp_path: Path, name: str) -> None:
    family = FAMILIES[name]
    source, bundle = _converted(family, tmp_path, "fp32")
    model = _original(family, source)
    lengths = []
    for search in _SEARCHES:
        path = bundle.path / "generation_config.json"
        before = json.loads(path.read_text())
        path.write_text(json.dumps({**before, **search}))
        pair = TextToText(bundle)
        path.write_text(json.dumps(before))
        for text in TEXTS[1:4]:
            ids = pair.tokenizer.ids(text)
            with torch.no_grad():
                expected = model.generate(
                    torch.tensor([ids]), do_sample=False, num_beams=3, max_new_tokens=NEW_TOKENS,
                    **search,
                )  # fmt: skip
            made = list(pair.output(ids, most=NEW_TOKENS, beams=3))
            assert made == expected[0, 1:].tolist(), search
            lengths.append(len(made))
    assert max(lengths) > 2  # something was compared


@pytest.mark.parametrize("name", _params(FAMILIES))
def test_int8_is_smaller_and_stays_close(tmp_path: Path, name: str) -> None:
    family = FAMILIES[name]
    default = "int8-static" if family.task == "text-generation" else "int8-dynamic"
    _, bundle = _converted(family, tmp_path, default)
    report = bundle.manifest.report
    assert report["fp32_against_original"]["max_rel"] < 1e-3
    assert report["quantized_against_fp32"]["mean_cosine"] > 0.97
    planned = json.loads((tmp_path / f"{default}.report" / "report.json").read_text())["plan"]
    weights = (bundle.path / "model.onnx.data").stat().st_size
    assert weights < 0.5 * planned["fp32_bytes"]
