"""What a model gives for samples: from the device's own sessions, and from PyTorch."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge_export.samples import Sample
from edge_export.source import SourceModel
from edge_runtime.bundles.manifest import Head
from edge_runtime.bundles.store import Bundle
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.pooling import pooled, unit
from edge_runtime.tasks.seq2seq import TextToText

Floats = npt.NDArray[np.float32]

_LONGEST_OUTPUT = 32  # tokens of an output that the model makes itself


def device_outputs(bundle: Bundle, samples: Sequence[Sample], title: str) -> list[Floats]:
    """Return the outputs of the bundle's own head, sample by sample.

    Logits ``[labels]``, ``[tokens, labels]``, ``[tokens, 2]`` (start and end) or, for a model that
    makes text, ``[tokens, vocabulary]`` of the next token; a vector ``[hidden]`` for an embedding.

    Raises:
        BundleError: a graph fails.
    """
    with_bar = tqdm(samples, desc=title, unit="text", disable=not title)
    task = bundle.manifest.task
    if task == "text-generation":
        generator = TextGenerator(bundle)
        return [generator.logits(sample.window.ids.tolist()) for sample in with_bar]
    if task in {"summarization", "translation"}:
        pair = TextToText(bundle)
        return [pair.logits(s.window.ids.tolist(), list(s.target)) for s in with_bar]
    encoder = Encoder(bundle)
    (name,) = bundle.manifest.heads
    return [encoder.run([sample.window])[0][name] for sample in with_bar]


def with_targets(bundle: Bundle, samples: Sequence[Sample]) -> list[Sample]:
    """Give every sample without a reference the output that the bundle makes of it."""
    if all(sample.target for sample in samples):
        return list(samples)
    pair = TextToText(bundle)
    made = []
    for sample in tqdm(samples, desc="write outputs", unit="text"):
        target = sample.target
        if not target:
            target = tuple(pair.output(sample.window.ids.tolist(), most=_LONGEST_OUTPUT))
        made.append(Sample(sample.window, target))
    return made


def original_outputs(model: Any, source: SourceModel, samples: Sequence[Sample]) -> list[Floats]:  # noqa: ANN401 - transformers publishes no types
    """Return the same from the original model."""
    import torch

    wanted = inspect.signature(model.forward).parameters
    outputs = []
    with torch.no_grad():
        for sample in tqdm(samples, desc="original", unit="text"):
            feeds = {k: torch.from_numpy(v) for k, v in sample.feeds().items() if k in wanted}
            if source.task == "text-generation":
                feeds.pop("token_type_ids", None)
            if source.is_encoder_decoder:
                feeds["decoder_input_ids"] = torch.tensor(
                    [[_start(model), *sample.target[:-1]]], dtype=torch.int64
                )
            outputs.append(_of_task(source, model(**feeds)))
    return outputs


def _start(model: Any) -> int:  # noqa: ANN401
    return int(model.generation_config.decoder_start_token_id or 0)


def _of_task(source: SourceModel, output: Any) -> Floats:  # noqa: ANN401
    if not source.heads:
        return np.asarray(output.logits[0].numpy())
    (head,) = source.heads.values()
    if head.type == "span":
        return np.stack([output.start_logits[0].numpy(), output.end_logits[0].numpy()], axis=-1)
    return of_head(head, getattr(output, head.output)[0].numpy())


def of_head(head: Head, value: Floats) -> Floats:
    """Return what the device makes of an output: an embedding is pooled, with length 1."""
    if head.pooling == "none":
        return value
    return unit(pooled(value, head.pooling))
