"""The trial of a quantized form: on the user's data, or on texts that are always the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from edge_export.checks.judgement import Judgement, judge_metric, judge_outputs, perplexity
from edge_export.checks.outputs import device_outputs, with_targets
from edge_export.checks.parity import Parity, compare
from edge_export.checks.scores import text_scores
from edge_export.evaluate import evaluate
from edge_export.evaluation.measurement import Data
from edge_export.samples import LONGEST, Sample, Text, builtin_texts, make_samples, read_texts
from edge_runtime.bundles.json_file import read_json
from edge_runtime.bundles.manifest import Head
from edge_runtime.bundles.store import Bundle
from edge_runtime.inference.tokenizer import Tokenizer
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.seq2seq import TextToText

# classified or tagged by hand: a metric on them says more than how far the outputs moved
_LABELLED = {"text-classification", "token-classification", "question-answering"}
_COMPARED = 256  # texts of the user's file of which outputs are compared one by one
_CALIBRATED = 128  # texts that are enough for ranges
_BEGINNING = 64  # tokens: a decoder's first ones are unlike the others, so many have to be seen
_MOST_LOGITS = 200_000_000  # kept of each form: 0.8 GB
_RANKED = 6  # texts that are enough to rank products
_LONGEST_OUTPUT = 128


class Trial:
    """Everything that forms of one model are judged by.

    ``samples`` are what outputs are compared on, ``reference`` the fp32 form's outputs for them,
    ``calibration`` those on which ranges are observed.

    Raises:
        ConfigError: a file cannot be read, or has nothing in it that fits the task.
        BundleError: the fp32 form does not run.
    """

    def __init__(
        self, fp32: Bundle, *, data: Path | None, calibrate: Path | None, max_drop: float | None
    ) -> None:
        manifest = fp32.manifest
        self._fp32 = fp32
        self._task = manifest.task
        self._max_drop = max_drop
        self._labelled = Data(data) if data is not None and self._task in _LABELLED else None
        plain = data if self._labelled is None else None
        self._texts = read_texts(plain, self._task) if plain else builtin_texts(self._task)
        self._given = plain is not None
        self.named = str(data.name) if data is not None else "built in"
        self.head: Head | None = next(iter(manifest.heads.values()), None)
        longest = manifest.max_length if manifest.heads else None
        self._tokenizer = Tokenizer(fp32.path / "tokenizer.json", max_length=longest)
        self.samples = self._bounded(self._sampled(self._texts[:_COMPARED]))
        ranged = read_texts(calibrate, self._task) if calibrate is not None else self._texts
        self.calibration = self._sampled(ranged[:_CALIBRATED], _BEGINNING)[:_CALIBRATED]
        self.reference = device_outputs(fp32, self.samples, "fp32")
        self._before: float | None = None
        self._perplexities: tuple[float, float] | None = None

    def judge(self, bundle: Bundle) -> tuple[Parity, Judgement]:
        """Run another form of the model and say what it cost.

        Raises:
            BundleError: it does not run, or gives NaN.
        """
        outputs = device_outputs(bundle, self.samples, "quantized")
        parity = compare(self.reference, outputs, self.head)
        if self._labelled is not None:
            return parity, self._judge_labels(bundle)
        if self._task == "text-generation":
            self._perplexities = (
                perplexity(self.reference, self.samples),
                perplexity(outputs, self.samples),
            )
        perplexities = self._perplexities if self._given else None
        judgement = judge_outputs(
            self._task, self.head, parity, perplexities, self._max_drop, len(self.samples)
        )
        return parity, judgement

    def error(self, bundle: Bundle) -> float:
        """Return the mean relative error of another form's outputs on a few samples.

        Raises:
            BundleError: it does not run, or gives NaN.
        """
        few = self.samples[:_RANKED]
        outputs = device_outputs(bundle, few, "")
        return compare(self.reference[: len(few)], outputs, self.head).relative

    def scores(self, fp32: Bundle, quantized: Bundle) -> dict[str, dict[str, float]]:
        """Return text metrics by name, of both forms; ``quantized`` was judged last.

        Perplexity, or against the references where the user gave some.
        """
        if self._perplexities is not None:
            before, after = self._perplexities
            return {"perplexity": {"fp32": round(before, 4), "quantized": round(after, 4)}}
        pairs = [t for t in self._texts if t.reference is not None]
        if not pairs or self._task not in {"summarization", "translation"}:
            return {}
        references = [text.reference or "" for text in pairs]
        options = GenerationOptions(max_tokens=_LONGEST_OUTPUT, beams=1)
        found: dict[str, dict[str, float]] = {}
        for form, bundle in (("fp32", fp32), ("quantized", quantized)):
            model = TextToText(bundle)
            written = [model.generate(t.text, options).text for t in pairs]
            for name, value in text_scores(self._task, written, references).items():
                found.setdefault(name, {})[form] = round(value, 4)
        return found

    def _bounded(self, samples: list[Sample]) -> list[Sample]:
        """Return as many samples as their logits fit into memory, at least one."""
        if self.head is not None:
            return samples
        vocabulary = int(read_json(self._fp32.path / "config.json").get("vocab_size") or 1)
        rows = accumulate(len(s.target) or len(s.window.ids) for s in samples)
        fitting = sum(count * vocabulary <= _MOST_LOGITS for count in rows)
        return samples[: max(1, fitting)]

    def _judge_labels(self, bundle: Bundle) -> Judgement:
        if self._labelled is None:
            raise AssertionError("only called with labelled data")
        if self._before is None:
            self._before = _metric(self._fp32, self._labelled)[1]
        name, after, n = _metric(bundle, self._labelled)
        return judge_metric(name, self._before, after, self._max_drop, n)

    def _sampled(self, texts: Sequence[Text], longest: int = LONGEST) -> list[Sample]:
        reads = self._fp32.manifest.max_length
        samples = make_samples(texts, self._task, self._tokenizer, reads, longest=longest)
        if self._task in {"summarization", "translation"}:
            return with_targets(self._fp32, samples)
        return [sample for sample in samples if len(sample.window.ids) > 1]


def _metric(bundle: Bundle, data: Data) -> tuple[str, float, int]:
    evaluation = evaluate(bundle, data)
    name, score = next(iter(evaluation.metrics.items()))
    return name, score.value or 0.0, evaluation.n
