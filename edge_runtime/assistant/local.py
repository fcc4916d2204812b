"""The tasks that an encoder answers, always on the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from edge_runtime.assistant.local_answer import local_answer
from edge_runtime.bundles.manifest import Head, HeadType
from edge_runtime.errors import BadRequestError, BundleError, UnsupportedTaskError
from edge_runtime.messages import Answer, Request
from edge_runtime.routing.confidence import confidence, guarantee_of, sure_entities
from edge_runtime.routing.decision import is_foreign
from edge_runtime.routing.language import identify
from edge_runtime.tasks.classification import certainty, classify, text_logits
from edge_runtime.tasks.embedding import embed
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.question_answering import answer
from edge_runtime.tasks.summarization import DEFAULT_SENTENCES, summarize
from edge_runtime.tasks.tagging import lowest_score, tag
from edge_runtime.tasks.zero_shot import Labels, ZeroShotClassifier

LocalTask = Callable[[Request], Answer]
"""Answers a request on the device; raises UnsupportedTaskError when the bundle lacks a head for it,
and BadRequestError when an option is unknown or has the wrong type."""


def open_local(encoder: Encoder) -> dict[str, LocalTask]:
    """Return what answers each task that a bundle that reads can be asked for."""
    return _EncoderTasks(encoder).all()


class _EncoderTasks:
    """Answers requests with the heads of one bundle; threads may share it."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._zero_shot: ZeroShotClassifier | None = None

    def all(self) -> dict[str, LocalTask]:
        """Return the tasks by name; questions only for a bundle that has a head for them."""
        tasks: dict[str, LocalTask] = {
            "classify": self._classify,
            "tag": self._tag,
            "embed": self._embed,
            "summarize": self._summarize,
        }
        if any(head.type == "span" for head in self._encoder.bundle.manifest.heads.values()):
            tasks["answer"] = self._answer_question
        return tasks

    def _classify(self, request: Request) -> Answer:
        if request.options.get("labels") is not None:
            return self._classify_by_meaning(request, read_labels(request.options["labels"]))
        name, head = self._head("classification", _option(request, "head", str))
        logits = text_logits(name, head, self._encoder.encode([request.text], [name])[0])
        result = classify(name, head, logits)
        if head.multi_label:
            note = "confidence of the least certain label, not calibrated"
            none = [] if result.candidates else ["no label holds"]
            return self._answered(request, result, certainty(logits), f"head {name}, {note}", *none)
        calibration = self._encoder.bundle.manifest.calibration.get(name)
        sure = confidence(logits, head, calibration)
        guarantee = None
        if result.label not in {head.out_of_scope, *head.needs_large_model}:
            guarantee = None if self._is_foreign(request) else guarantee_of(sure, calibration)
        note = "calibrated" if calibration else "softmax, not calibrated"
        note += "" if guarantee or calibration is None else ", without guarantee"
        answer = self._answered(request, result, sure, f"head {name}, confidence {note}")
        return msgspec.structs.replace(answer, guarantee=guarantee)

    def _is_foreign(self, request: Request) -> bool:
        languages = self._encoder.bundle.manifest.languages
        return is_foreign(
            request.lang or identify(request.text, languages or ("en",))[0], languages
        )

    def _classify_by_meaning(self, request: Request, labels: Labels) -> Answer:
        if request.options.get("head") is not None:
            raise BadRequestError("option labels classifies by meaning, so it takes no option head")
        name, _ = self._head("embedding", None)
        if self._zero_shot is None:
            self._zero_shot = ZeroShotClassifier(self._encoder, name)
        result = self._zero_shot.classify(request.text, labels)
        reason = f"{len(labels)} labels by meaning, softmax of cosines, not calibrated"
        return self._answered(request, result, result.score, reason)

    def _tag(self, request: Request) -> Answer:
        usual = "entities" if "entities" in self._encoder.bundle.manifest.heads else None
        name, head = self._head("tagging", _option(request, "head", str) or usual)
        encoding = self._encoder.encode([request.text], [name])[0]
        calibration = self._encoder.bundle.manifest.calibration.get(name)
        entities = sure_entities(tag(name, head, encoding), calibration)
        sure = lowest_score(name, head, encoding)
        reason = f"head {name}, confidence of the least certain word"
        return self._answered(request, {"entities": entities}, sure, reason)

    def _embed(self, request: Request) -> Answer:
        name, _ = self._head("embedding", None)
        result = embed(name, self._encoder.encode([request.text], [name])[0])
        return self._answered(request, result, 1.0, f"{len(result.vector)} dimensions")

    def _summarize(self, request: Request) -> Answer:
        name, _ = self._head("embedding", None)
        asked = _option(request, "sentences", int)
        count = DEFAULT_SENTENCES if asked is None else asked
        if count < 1:
            raise BadRequestError("option sentences must be 1 or more")
        result = summarize(self._encoder, name, request.text, count)
        reason = f"extractive: {len(result.sentences)} of {result.of} sentences"
        return self._answered(request, result, 1.0, reason)

    def _answer_question(self, request: Request) -> Answer:
        name, _ = self._head("span", _option(request, "head", str))
        question = _option(request, "question", str)
        if not question or not question.strip():
            raise BadRequestError("answering takes the option question, about the text")
        least = _option(request, "min_score", float)
        result = answer(
            self._encoder, name, question, request.text, least=0.0 if least is None else least
        )
        reason = f"head {name}, softmax of spans and no answer, not calibrated"
        none = [] if result.answerable else ["the text does not answer this"]
        return self._answered(request, result, result.probability, *none, reason)

    def _head(self, kind: HeadType, name: str | None) -> tuple[str, Head]:
        try:
            return self._encoder.bundle.manifest.head(kind, name)
        except BundleError as exc:
            raise UnsupportedTaskError(str(exc)) from exc

    def _answered(self, request: Request, result: object, sure: float, *reasons: str) -> Answer:
        return local_answer(self._encoder.bundle, request, result, sure, *reasons)


def read_labels(value: object) -> Labels:
    """Return labels with what they mean: a list of these, or an object name -> one or several.

    Raises:
        BadRequestError: it is neither, or two labels are the same.
    """
    if isinstance(value, dict):
        labels = {
            name: [meaning] if isinstance(meaning, str) else meaning
            for name, meaning in value.items()
        }
    elif isinstance(value, list):
        labels = {name: [name] for name in value if isinstance(name, str)}
        if len(labels) != len(value):
            raise BadRequestError("option labels must hold different texts")
    else:
        raise BadRequestError(f"option labels must be a list or an object, not {value!r}")
    for name, meanings in labels.items():
        if not isinstance(meanings, list) or not all(isinstance(each, str) for each in meanings):
            raise BadRequestError(f"option labels: {name!r} must be a text or a list of texts")
    return labels


_Value = TypeVar("_Value", int, str, float)


def _option(request: Request, name: str, kind: type[_Value]) -> _Value | None:
    value = request.options.get(name)
    if value is None:
        return None
    if kind is float and isinstance(value, int):
        value = float(value) if not isinstance(value, bool) else value
    if not isinstance(value, kind) or isinstance(value, bool):
        raise BadRequestError(f"option {name} must be {kind.__name__}, not {value!r}")
    return value
