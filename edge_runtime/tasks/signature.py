"""What a graph takes and gives, against what the manifest says of its heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edge_runtime.bundles.manifest import Head
from edge_runtime.errors import BundleError
from edge_runtime.inference.session import Array, Session

INPUTS = ("input_ids", "attention_mask", "token_type_ids")

_Shape = Sequence[int | str | None]


def outputs_of(head: Head) -> list[str]:
    """Return the names of a head's outputs: one, or those of start and end for a span."""
    return [head.output, "end_logits"] if head.type == "span" else [head.output]


def check_signature(session: Session, heads: Mapping[str, Head]) -> None:
    """Compare the graph with the heads, as far as it declares its shapes.

    Raises:
        BundleError: an input or output is missing or has another shape; names file and output.
    """
    if "input_ids" not in session.inputs or not set(session.inputs) <= set(INPUTS):
        raise BundleError(
            f"{session.path} takes {', '.join(session.inputs) or 'nothing'}; an encoder takes "
            f"{', '.join(INPUTS)}, the last two if it needs them; export the model again"
        )
    for name, head in heads.items():
        for output in outputs_of(head):
            if output not in session.outputs:
                raise BundleError(
                    f"{session.path} has no output {output!r}, which the manifest names for head "
                    f"{name!r}; it has {', '.join(session.outputs)}"
                )
            shape = session.output_shape(output)
            if shape:  # an undeclared one is empty
                _check_shape(session.path, name, head, output, shape)


def check_output(
    path: Path, name: str, head: Head, output: str, value: Array, batch: tuple[int, int]
) -> None:
    """Compare an output with the batch ``(texts, tokens)`` that went in.

    Raises:
        BundleError: it has another shape; names file and output.
    """
    _check_shape(path, name, head, output, value.shape, *batch)


def check_numbers(path: Path, name: str, head: Head, value: Array) -> None:
    """Look at what a head gives for one window.

    Raises:
        BundleError: some of it is NaN or infinite; names file and output.
    """
    if not np.isfinite(value).all():
        raise BundleError(
            f"{path}: output {' and '.join(outputs_of(head))} of head {name!r} holds what is not "
            "a finite number; the weights are broken or overflow: export the model again"
        )


def _check_shape(  # noqa: PLR0913 - what is wrong, and where
    path: Path,
    name: str,
    head: Head,
    output: str,
    shape: _Shape,
    texts: int | None = None,
    tokens: int | None = None,
) -> None:
    labels = len(head.labels)
    wanted: list[int | None]
    if head.type == "classification":
        wanted, says = [texts, labels], f"[texts, {labels} labels]"
    elif head.type == "tagging":
        wanted, says = [texts, tokens, labels], f"[texts, tokens, {labels} labels]"
    elif head.type == "span":
        wanted, says = [texts, tokens], "[texts, tokens]"
    elif head.pooling == "none" or len(shape) == 2:  # noqa: PLR2004 - pooled by the graph
        wanted, says = [texts, None], "[texts, hidden]"
    else:
        wanted, says = [texts, tokens, None], "[texts, tokens, hidden]"
    fits = len(shape) == len(wanted) and all(
        not isinstance(found, int) or size is None or found == size
        for found, size in zip(shape, wanted, strict=True)
    )
    if not fits:
        found = ", ".join(str(size) for size in shape)
        raise BundleError(
            f"{path}: output {output!r} has the shape [{found}], and head {name!r} of the manifest "
            f"wants {says}; export the model again"
        )
