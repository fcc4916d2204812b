"""Bundles around tiny ONNX graphs whose outputs a test writes down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.bundles.manifest import FORMAT, Graph, Head, Manifest, Source
from edge_runtime.bundles.store import Bundle
from tests.inference.tokenizers_made import make_tokenizer


@dataclass(frozen=True)
class Form:
    """``pooled`` outputs are means over the tokens, ``first`` ones of the first letter.

    ``undeclared``: the graph does not say how wide its outputs are.
    """

    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    max_length: int = 32
    pooled: tuple[str, ...] = ()
    first: tuple[str, ...] = ("logits",)
    undeclared: bool = False


def bundle_of(
    directory: Path,
    heads: Mapping[str, Head],
    tables: Mapping[str, npt.NDArray[np.float32]],
    form: Form | None = None,
) -> Bundle:
    """Return a bundle whose outputs are rows of ``tables[output]``, looked up by token id.

    Texts are read letter by letter.
    """
    form = form or Form()
    directory.mkdir(exist_ok=True)
    nodes, outputs = [], []
    weights = [numpy_helper.from_array(np.array(1), "second")]
    for output, rows in tables.items():
        weights.append(numpy_helper.from_array(rows, f"{output}.table"))
        value = f"{output}.rows"
        shape: list[str | int | None] = ["texts", "tokens", *rows.shape[1:]]
        nodes.append(helper.make_node("Gather", [f"{output}.table", "input_ids"], [value]))
        if form.undeclared:
            weights.append(
                numpy_helper.from_array(np.ones(rows.shape[-1], dtype=bool), f"{output}.all")
            )
            wide = f"{output}.wide"
            nodes.append(helper.make_node("Compress", [value, f"{output}.all"], [wide], axis=-1))
            value, shape = wide, ["texts", "tokens", *(None for _ in rows.shape[1:])]
        if output in form.first or output in form.pooled:
            shape.pop(1)
        if output in form.first:
            nodes.append(helper.make_node("Gather", [value, "second"], [output], axis=1))
        elif output in form.pooled:
            nodes.append(helper.make_node("ReduceMean", [value], [output], axes=[1], keepdims=0))
        else:
            nodes.append(helper.make_node("Identity", [value], [output]))
        outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, shape))
    graph = helper.make_graph(
        nodes, "made",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["texts", "tokens"])
         for n in form.inputs],
        outputs, weights,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, directory / "model.onnx")
    make_tokenizer("byte-level", directory).rename(directory / "tokenizer.json")
    manifest = Manifest(
        format=FORMAT, name="made", version="1", task="text-classification", heads=dict(heads),
        source=Source(model="made"), graph=Graph(file="model.onnx", form="made", opset=17),
        max_length=form.max_length,
    )  # fmt: skip
    return Bundle(directory, manifest, verified=True)


def table(width: int, rows: Mapping[str, Sequence[float]]) -> npt.NDArray[np.float32]:
    """Return a table for all tokens, zero but for the letters (ASCII, no space) that are given."""
    ids = {chr(code): 3 + place for place, code in enumerate(_alphabet())}
    made = np.zeros((300, width), dtype=np.float32)
    for letter, row in rows.items():
        made[ids.get(letter, 0)] = row
    return made


def _alphabet() -> list[int]:
    from tokenizers import pre_tokenizers

    return sorted(ord(each) for each in pre_tokenizers.ByteLevel.alphabet())
