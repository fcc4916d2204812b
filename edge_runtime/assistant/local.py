"""The tasks that are always answered on the device, by what the bundle can do."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from edge_runtime.bundles.manifest import Head, HeadType
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BadRequestError, BundleError, UnsupportedTaskError
from edge_runtime.messages import Answer, Request
from edge_runtime.routing.confidence import confidence
from edge_runtime.tasks.classification import classify
from edge_runtime.tasks.embedding import embed
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.generation import DEFAULT_NEW_TOKENS, TextGenerator
from edge_runtime.tasks.question_answering import answer
from edge_runtime.tasks.seq2seq import TextToText
from edge_runtime.tasks.summarization import DEFAULT_SENTENCES, summarize
from edge_runtime.tasks.tagging import lowest_score, tag

LocalTask = Callable[[Request], Answer]
"""Answers a request on the device; raises UnsupportedTaskError when the bundle lacks a head for it,
and BadRequestError when an option is unknown or has the wrong type."""


def open_local(bundle: Bundle, encoder: Encoder | None, threads: int) -> dict[str, LocalTask]:
    """Return what answers each task that the bundle can be asked for.

    ``encoder`` is the bundle's own, None for one that makes text.

    Raises:
        BundleError: the bundle cannot be loaded.
    """
    if encoder is None:
        return _open_writer(bundle, threads)
    found = {name: partial(answer, encoder) for name, answer in _READING.items()}
    if any(head.type == "span" for head in bundle.manifest.heads.values()):
        found["answer"] = partial(_answer_question, encoder)
    return dict(found)


def _open_writer(bundle: Bundle, threads: int) -> dict[str, LocalTask]:
    if bundle.manifest.task == "text-generation":
        generator = TextGenerator(bundle, threads=threads)
        return {"generate": partial(_write, generator)}
    name = "translate" if bundle.manifest.task == "translation" else "summarize"
    return {name: partial(_write, TextToText(bundle, threads=threads))}


def _write(model: TextGenerator | TextToText, request: Request) -> Answer:
    if "sentences" in request.options:
        raise BadRequestError("option sentences is for extractive summaries; this bundle writes")
    asked = _option(request, "max_tokens", int)
    most = DEFAULT_NEW_TOKENS if asked is None else asked
    if most < 1:
        raise BadRequestError("option max_tokens must be 1 or more")
    result = model.generate(request.text, most=most)
    reason = (
        f"{result.generation_tokens} tokens, {result.finish_reason}; greedy; nothing is known of "
        "how right it is"
    )
    return _answer(model.bundle, request, result, 0.0, reason)


def _answer_question(encoder: Encoder, request: Request) -> Answer:
    name, _ = _head(encoder, "span", _option(request, "head", str))
    question = _option(request, "question", str)
    if not question:
        raise BadRequestError("answering takes the option question, about the text")
    result = answer(encoder, name, question, request.text)
    sure = 0.5 * (1.0 + math.tanh(0.5 * result.score))
    reason = f"head {name}, score against no answer, not calibrated"
    return _answer(encoder.bundle, request, result, sure, reason)


def _classify(encoder: Encoder, request: Request) -> Answer:
    name, head = _head(encoder, "classification", _option(request, "head", str))
    logits = encoder.encode([request.text])[0].mean(name)
    calibration = encoder.bundle.manifest.calibration.get(name)
    sure = confidence(logits, head, calibration)
    note = "calibrated" if calibration else "softmax, not calibrated"
    result = classify(name, head, logits)
    return _answer(encoder.bundle, request, result, sure, f"head {name}, confidence {note}")


def _tag(encoder: Encoder, request: Request) -> Answer:
    name, head = _head(encoder, "tagging", _option(request, "head", str))
    encoding = encoder.encode([request.text])[0]
    entities = tag(name, head, encoding)
    sure = lowest_score(name, head, encoding)
    reason = f"head {name}, confidence of the least certain word"
    return _answer(encoder.bundle, request, {"entities": entities}, sure, reason)


def _embed(encoder: Encoder, request: Request) -> Answer:
    name, _ = _head(encoder, "embedding", None)
    result = embed(name, encoder.encode([request.text])[0])
    return _answer(encoder.bundle, request, result, 1.0, f"{len(result.vector)} dimensions")


def _summarize(encoder: Encoder, request: Request) -> Answer:
    name, _ = _head(encoder, "embedding", None)
    asked = _option(request, "sentences", int)
    count = DEFAULT_SENTENCES if asked is None else asked
    if count < 1:
        raise BadRequestError("option sentences must be 1 or more")
    result = summarize(encoder, name, request.text, count)
    reason = f"extractive: {len(result.sentences)} of {result.of} sentences"
    return _answer(encoder.bundle, request, result, 1.0, reason)


_READING: dict[str, Callable[[Encoder, Request], Answer]] = {
    "classify": _classify,
    "tag": _tag,
    "embed": _embed,
    "summarize": _summarize,
}


def _head(encoder: Encoder, kind: HeadType, name: str | None) -> tuple[str, Head]:
    try:
        return encoder.bundle.manifest.head(kind, name)
    except BundleError as exc:
        raise UnsupportedTaskError(str(exc)) from exc


_Value = TypeVar("_Value", int, str)


def _option(request: Request, name: str, kind: type[_Value]) -> _Value | None:
    value = request.options.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise BadRequestError(f"option {name} must be {kind.__name__}, not {value!r}")
    return value


def _answer(bundle: Bundle, request: Request, result: object, sure: float, reason: str) -> Answer:
    return Answer(
        id=request.id,
        task=request.task,
        result=msgspec.to_builtins(result),
        confidence=round(sure, 4),
        reason=[reason],
        model=bundle.model_name,
    )
