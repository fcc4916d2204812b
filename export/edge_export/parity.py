"""How much two forms of a model differ, on texts that are always the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edge_export.source import SourceModel, quiet
from edge_runtime.bundles.manifest import Head, Manifest
from edge_runtime.errors import BundleError, ConfigError
from edge_runtime.inference.session import Session
from edge_runtime.inference.tokenizer import Tokenizer, Window

TEXTS = (
    "Turn on the light in the kitchen.",
    "The battery of this phone lasts two days, and I am very happy with it!",
    "Angela Merkel met Tim Cook of Apple in Berlin on Monday.",
    "what is the weather like tomorrow",
    "I waited for an hour and nobody came; never again.",
    "In 1969, Apollo 11 landed on the Moon, and millions of people watched it on television.",
    "naïve café — 東京 🙂",
    "ok",
)

Floats = npt.NDArray[np.float64]


class Parity(msgspec.Struct, frozen=True):
    """``max_abs``: largest difference; ``max_rel``: that over the largest value of the reference.

    ``cosine``: lowest over texts; ``agreement``: share of texts, or tokens, whose best label is
    the same, None for an embedding, which has no labels.
    """

    max_abs: float
    max_rel: float
    cosine: float
    agreement: float | None


def compare(head: Head, reference: list[Floats], other: list[Floats]) -> Parity:
    """Compare outputs of a head text by text; each array is ``[..., logits or hidden]``.

    Raises:
        BundleError: an output is not finite.
    """
    if not all(np.isfinite(array).all() for array in (*reference, *other)):
        raise BundleError("the model's output is not finite (NaN or infinity): check its weights")
    pairs = list(zip(reference, other, strict=True))
    max_abs = float(max(np.abs(a - b).max() for a, b in pairs))
    return Parity(
        max_abs=max_abs,
        max_rel=max_abs / (max(float(np.abs(a).max()) for a in reference) or 1.0),
        cosine=float(min(_cosine(a, b) for a, b in pairs)),
        agreement=None if head.type == "embedding" else _agreement(head, pairs),
    )


def windows(directory: Path, manifest: Manifest) -> list[Window]:
    """Return the fixed texts, tokenised as the device will."""
    path = directory / "tokenizer.json"
    return Tokenizer(path, max_length=manifest.max_length).windows(TEXTS)


def onnx_outputs(directory: Path, manifest: Manifest, texts: list[Window]) -> list[Floats]:
    """Return the head's output for each text, from the session that the device uses."""
    session = Session(directory / manifest.graph.file)
    head = next(iter(manifest.heads.values()))
    return [
        _of_head(head, session.run(_feeds(window), [head.output])[head.output][0])
        for window in texts
    ]


def torch_outputs(source: SourceModel, texts: list[Window]) -> list[Floats]:
    """Return the original model's output for each text.

    Raises:
        ConfigError: some weights are not in the file, and would be random.
    """
    import torch

    model = _load(source)
    wanted = set(model.forward.__code__.co_varnames)
    outputs = []
    with torch.no_grad():
        for window in texts:
            feeds = {k: torch.from_numpy(v) for k, v in _feeds(window).items() if k in wanted}
            value = getattr(model(**feeds), source.head.output)
            outputs.append(_of_head(source.head, value[0].numpy()))
    return outputs


def _load(source: SourceModel) -> Any:  # noqa: ANN401 - transformers publishes no types
    with quiet():
        import transformers

        loader = {
            "text-classification": transformers.AutoModelForSequenceClassification,
            "token-classification": transformers.AutoModelForTokenClassification,
            "feature-extraction": transformers.AutoModel,
        }[source.task]
        model, loading = loader.from_pretrained(
            source.reference, revision=source.revision, output_loading_info=True
        )
    # hidden states are taken before the pooler
    unused = "pooler." if source.task == "feature-extraction" else None
    missing = [key for key in loading["missing_keys"] if unused is None or unused not in key]
    if missing:
        raise ConfigError(
            f"the weights of {source.reference} lack {', '.join(sorted(missing)[:3])}, which would "
            "be random; save the whole model"
        )
    return model.eval()


def _feeds(window: Window) -> Mapping[str, npt.NDArray[np.int64]]:
    return {
        "input_ids": window.ids[None],
        "attention_mask": np.ones_like(window.ids)[None],
        "token_type_ids": window.type_ids[None],
    }


def _of_head(head: Head, value: npt.NDArray[np.generic]) -> Floats:
    """Return what the device makes of the output: an embedding is pooled over its tokens."""
    array = value.astype(np.float64)
    if head.pooling == "none":
        return array
    return np.asarray(array[0] if head.pooling == "cls" else array.mean(axis=0))


def _agreement(head: Head, pairs: list[tuple[Floats, Floats]]) -> float:
    if head.multi_label:
        same = [((a > 0) == (b > 0)).all(-1).ravel() for a, b in pairs]
    else:
        same = [(a.argmax(-1) == b.argmax(-1)).ravel() for a, b in pairs]
    return float(np.concatenate(same).mean())


def _cosine(a: Floats, b: Floats) -> float:
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum() / length) if length else 1.0
