"""What a bundle that makes text scores: perplexity of texts, or its outputs against references."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from edge_export.checks.judgement import log_likelihoods
from edge_export.checks.scores import text_scores
from edge_export.evaluation.measurement import Data, Measurement, Mistake
from edge_export.evaluation.metrics import Metric, ratio
from edge_export.samples import Text, make_samples, read_texts
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import ConfigError
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.seq2seq import TextToText

_LONGEST_OUTPUT = 128
_LISTED = 10


def evaluate_text_generation(bundle: Bundle, data: Data) -> Measurement:
    """Score by the texts themselves: perplexity, and how often the next token is the likeliest.

    The "mistakes" are the texts that surprise the model most, with their perplexity.

    Raises:
        ConfigError: the file has no texts of two tokens or more.
    """
    generator = TextGenerator(bundle)
    texts = read_texts(data.path, bundle.manifest.task)
    losses, hits, counts, ms, kept = [], [], [], [], []
    for text in tqdm(texts, desc="evaluate", unit="text"):
        started = time.perf_counter()
        loss_of, hits_of, count_of = _read(generator, text)
        if count_of == 0:
            continue
        ms.append((time.perf_counter() - started) * 1e3)
        losses.append(loss_of)
        hits.append(hits_of)
        counts.append(count_of)
        kept.append(text.text)
    if not kept:
        raise ConfigError(f"{data.path} has no text of two tokens or more")
    loss, hit, count = np.array(losses), np.array(hits, dtype=float), np.array(counts, dtype=float)
    return Measurement(
        kept,
        np.array(ms),
        {
            "perplexity": Metric(lambda w: float(np.exp(ratio(float(w @ loss), float(w @ count))))),
            "next_token": Metric(lambda w: ratio(float(w @ hit), float(w @ count))),
        },
        [
            Mistake(kept[i], "", f"perplexity {np.exp(loss[i] / count[i]):.1f}", 0.0)
            for i in np.argsort(-loss / count, kind="stable")[:_LISTED]
        ],
    )


def evaluate_text_to_text(bundle: Bundle, data: Data) -> Measurement:
    """Score outputs against references: ROUGE for summaries, chrF for translations.

    The "mistakes" are the outputs that score lowest.

    Raises:
        ConfigError: a row of the file has no ``reference``.
    """
    task = bundle.manifest.task
    rows = read_texts(data.path, task)
    if missing := [row for row in rows if row.reference is None]:
        raise ConfigError(f'{data.path}: {len(missing)} rows have no "reference"; use JSON lines')
    references = [row.reference or "" for row in rows]
    model = TextToText(bundle)
    options = GenerationOptions(max_tokens=_LONGEST_OUTPUT)
    outputs, ms = [], []
    for row in tqdm(rows, desc="evaluate", unit="text"):
        started = time.perf_counter()
        outputs.append(model.generate(row.text, options).text)
        ms.append((time.perf_counter() - started) * 1e3)
    scores = [text_scores(task, [o], [r]) for o, r in zip(outputs, references, strict=True)]
    names = list(scores[0])
    table = {name: np.array([row[name] for row in scores]) for name in names}
    worst = np.argsort(table[names[-1]], kind="stable")[:_LISTED]
    return Measurement(
        [row.text for row in rows],
        np.array(ms),
        {name: _mean(values) for name, values in table.items()},
        [Mistake(rows[i].text, references[i], outputs[i], 0.0) for i in worst],
    )


def _read(generator: TextGenerator, text: Text) -> tuple[float, int, int]:
    """Return negative log-likelihood, likeliest tokens and tokens of a text, piece by piece."""
    manifest = generator.bundle.manifest
    loss, hits, count = 0.0, 0, 0
    for sample in make_samples([text], manifest.task, generator.tokenizer, manifest.max_length):
        ids = sample.window.ids
        if len(ids) < 2:  # noqa: PLR2004 - one token has no next one
            continue
        logits = generator.logits(ids.tolist())
        loss -= float(log_likelihoods(logits, ids).sum())
        hits += int((logits[:-1].argmax(axis=-1) == ids[1:]).sum())
        count += len(ids) - 1
    return loss, hits, count


def _mean(values: Sequence[float] | np.ndarray) -> Metric:
    array = np.asarray(values, dtype=np.float64)
    return Metric(lambda weights: ratio(float(weights @ array), float(weights.sum())))
