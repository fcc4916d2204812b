"""The tasks that are always answered on the device: classify, tag, embed, summarize."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from edge_runtime.bundles.manifest import Head, HeadType
from edge_runtime.errors import BadRequestError, BundleError, UnsupportedTaskError
from edge_runtime.messages import Answer, Request
from edge_runtime.routing.confidence import confidence
from edge_runtime.tasks.classification import classify
from edge_runtime.tasks.embedding import embed
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.summarization import DEFAULT_SENTENCES, summarize
from edge_runtime.tasks.tagging import lowest_score, tag


def answer_locally(encoder: Encoder, request: Request) -> Answer:
    """Return the answer to a request for one of ``LOCAL_TASKS``.

    Raises:
        UnsupportedTaskError: the bundle has no head for the task.
        BadRequestError: an option is unknown or has the wrong type.
    """
    return LOCAL_TASKS[request.task](encoder, request)


def _classify(encoder: Encoder, request: Request) -> Answer:
    name, head = _head(encoder, "classification", _option(request, "head", str))
    logits = encoder.encode([request.text])[0].mean(name)
    calibration = encoder.bundle.manifest.calibration.get(name)
    sure = confidence(logits, head, calibration)
    note = "calibrated" if calibration else "softmax, not calibrated"
    result = classify(name, head, logits)
    return _answer(encoder, request, result, sure, f"head {name}, confidence {note}")


def _tag(encoder: Encoder, request: Request) -> Answer:
    name, head = _head(encoder, "tagging", _option(request, "head", str))
    encoding = encoder.encode([request.text])[0]
    entities = tag(name, head, encoding)
    sure = lowest_score(name, head, encoding)
    reason = f"head {name}, confidence of the least certain word"
    return _answer(encoder, request, {"entities": entities}, sure, reason)


def _embed(encoder: Encoder, request: Request) -> Answer:
    name, _ = _head(encoder, "embedding", None)
    result = embed(name, encoder.encode([request.text])[0])
    return _answer(encoder, request, result, 1.0, f"{len(result.vector)} dimensions")


def _summarize(encoder: Encoder, request: Request) -> Answer:
    name, _ = _head(encoder, "embedding", None)
    asked = _option(request, "sentences", int)
    count = DEFAULT_SENTENCES if asked is None else asked
    if count < 1:
        raise BadRequestError("option sentences must be 1 or more")
    result = summarize(encoder, name, request.text, count)
    reason = f"extractive: {len(result.sentences)} of {result.of} sentences"
    return _answer(encoder, request, result, 1.0, reason)


LOCAL_TASKS: dict[str, Callable[[Encoder, Request], Answer]] = {
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


def _answer(encoder: Encoder, request: Request, result: object, sure: float, reason: str) -> Answer:
    return Answer(
        id=request.id,
        task=request.task,
        result=msgspec.to_builtins(result),
        confidence=round(sure, 4),
        reason=[reason],
        model=encoder.bundle.model_name,
    )
