"""All graphs of a model, quantized together: which layers there are, and a form of them all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from edge_export.graphs.external import copy_companions, copy_variant, load_graph, save_graphs
from edge_export.graphs.index import GraphIndex
from edge_export.quantize.linears import Linear, find_linears
from edge_export.quantize.ranges import Feeds, Range, observe
from edge_export.quantize.rewrite import Plan, Precision, rewrite
from edge_export.samples import Sample
from edge_runtime.bundles.store import Bundle
from edge_runtime.inference.session import Session

Precisions = Mapping[str, Precision]
# of a whole model: one precision for all, or the hybrid
Quantization = Precision | Literal["int8-hybrid"]
# the layers at the end of a block: no norm evens their input out, so static ranges cost most here
_ENDS = re.compile(r"(attention\.out|mlp\.down|o_proj|down_proj|out_proj|fc2)(/MatMul)?$")
_CACHE = "past_key_values."


class Quantizer:
    """Quantizes the graphs of an fp32 bundle.

    A layer is called after its node, behind the name of its graph where there are two
    (``encoder_model/…``). ``ranges`` of the layers' inputs are observed on the calibration
    samples when a static form first needs them.
    """

    def __init__(self, fp32: Bundle, calibration: Sequence[Sample], weight_bits: int) -> None:
        graph = fp32.manifest.graph
        self._fp32 = fp32
        self._files = [file for file in (graph.encoder, graph.file) if file]
        self._calibration = calibration
        self._weight_bits = weight_bits
        self._indices = {
            file: GraphIndex(load_graph(fp32.path / file), fp32.path) for file in self._files
        }
        self._linears = {file: find_linears(index) for file, index in self._indices.items()}
        self._ranges: dict[str, dict[str, Range]] = {}

    @property
    def layers(self) -> dict[str, Linear]:
        """All layers by name, in the order of the graphs."""
        return {
            self._name(file, linear): linear
            for file, linears in self._linears.items()
            for linear in linears
        }

    def choose(self, quantization: Quantization) -> dict[str, Precision]:
        """Return the precision of every layer.

        In ``int8-hybrid`` those that end a block are weight-only, and the others static.
        """
        if quantization != "int8-hybrid":
            return dict.fromkeys(self.layers, quantization)
        return {
            name: "int8-weight-only" if _ENDS.search(name) else "int8-static"
            for name in self.layers
        }

    def write(self, precisions: Precisions, tables: Precision, directory: Path) -> None:
        """Write the quantized graphs with their companions into a directory.

        Raises:
            BundleError: the fp32 graph fails on the calibration samples.
            OSError: the directory cannot be written.
        """
        graphs = {
            file: rewrite(
                self._indices[file], self._linears[file], self._plan(file, precisions, tables)
            )
            for file in self._files
        }
        save_graphs(graphs, directory, origin=self._fp32.path)
        copy_companions(self._fp32.path, directory)

    def write_variant(self, name: str, precision: Precision) -> Bundle:
        """Quantize one layer alone, over the fp32 files; return the bundle that runs so."""
        precisions = {**self.choose("fp32"), name: precision}
        graph = self._fp32.manifest.graph
        for file, linears in self._linears.items():
            if not any(self._name(file, linear) == name for linear in linears):
                continue
            model = rewrite(self._indices[file], linears, self._plan(file, precisions, "fp32"))
            variant = copy_variant(self._fp32.path / file, model, f"variant-{file}").name
            changed = {"encoder": variant} if file == graph.encoder else {"file": variant}
            return with_graph(self._fp32, **changed)
        raise AssertionError(f"no layer is called {name}")

    def _plan(self, file: str, precisions: Precisions, tables: Precision) -> Plan:
        linears = self._linears[file]
        chosen = {linear.name: precisions[self._name(file, linear)] for linear in linears}
        static = "int8-static" in chosen.values()
        if static and file not in self._ranges:
            feeds = self._feeds(file)
            path = self._fp32.path / file
            self._ranges[file] = observe(path, self._indices[file], linears, feeds)
        ranges = self._ranges.get(file, {})
        return Plan(chosen, tables, weight_bits=self._weight_bits, ranges=ranges)

    def _name(self, file: str, linear: Linear) -> str:
        name = linear.name.lstrip("/")
        return name if len(self._files) == 1 else f"{Path(file).stem}/{name}"

    def _feeds(self, file: str) -> Iterator[Feeds]:
        graph = self._fp32.manifest.graph
        encoder = None
        if graph.encoder and file == graph.file:
            encoder = Session(self._fp32.path / graph.encoder)
        session = Session(self._fp32.path / file, optimization="basic")
        for sample in self._calibration:
            feeds: dict[str, np.ndarray] = dict(sample.feeds())
            if encoder is not None:
                cross = encoder.run(feeds)
                feeds |= {n.replace("present.", _CACHE): v for n, v in cross.items()}
                feeds["encoder_attention_mask"] = feeds["attention_mask"]
                feeds["input_ids"] = np.array([sample.target], dtype=np.int64)
                feeds["attention_mask"] = np.ones_like(feeds["input_ids"])
            feeds["num_logits_to_keep"] = np.array(0, dtype=np.int64)
            feeds["position_ids"] = np.arange(feeds["input_ids"].shape[1], dtype=np.int64)[None]
            for name in session.inputs:
                if name.startswith(_CACHE) and name not in feeds:
                    _, heads, _, width = session.input_shape(name)
                    feeds[name] = np.zeros((1, int(heads or 0), 0, int(width or 0)), np.float32)
            yield feeds


def table_precision(quantization: Quantization) -> Precision:
    """Return what a quantization makes of the tables that are only looked up."""
    return "int8-static" if quantization == "int8-hybrid" else quantization


def with_graph(bundle: Bundle, **changes: str) -> Bundle:
    """Return the same bundle with other graph files."""
    graph = msgspec.structs.replace(bundle.manifest.graph, **changes)
    manifest = msgspec.structs.replace(bundle.manifest, graph=graph)
    return Bundle(bundle.path, manifest, verified=False)
