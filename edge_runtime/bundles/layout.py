"""Which graphs of a ready-made directory run: the layouts of optimum and of transformers.js."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from edge_runtime.errors import BundleError

# transformers.js's name of a precision -> what it adds to a file's name
SUFFIXES = {
    "fp32": "",
    "q8": "_quantized",
    "int8": "_int8",
    "uint8": "_uint8",
    "q4": "_q4",
    "q4f16": "_q4f16",
    "fp16": "_fp16",
    "bnb4": "_bnb4",
}
# What runs best on the CPU, first. int8 is the fastest in prefill and decode, and closer to fp32
# than 4 bits are. 4 bits halve the time of a decode step of fp32 and bring an encoder nothing.
# float16 takes as long as fp32, for want of kernels, and bnb4 is unpacked at every step.
_READING = ("q8", "int8", "uint8", "fp32", "q4", "fp16", "q4f16", "bnb4")
_WRITING = ("q8", "int8", "uint8", "q4", "fp32", "q4f16", "fp16", "bnb4")
FOLDERS = ("", "onnx/")

_SINGLE, _MERGED = "model", "decoder_model_merged"
_FIRST, _LATER, _ENCODER = "decoder_model", "decoder_with_past_model", "encoder_model"


@dataclass(frozen=True)
class Graphs:
    """Files of the graphs, relative to the directory; ``variant`` is their precision.

    ``file`` is the model, or its decoder. ``first`` reads the prompt where that takes another graph
    than the steps after it, ``encoder`` the text where the model is an encoder-decoder.
    """

    file: str
    variant: str
    first: str | None = None
    encoder: str | None = None

    @property
    def files(self) -> list[str]:
        """All files, the main one first."""
        return [name for name in (self.file, self.first, self.encoder) if name is not None]


def choose_graphs(
    names: Collection[str], *, writes: bool, variant: str | None = None, where: str = "."
) -> Graphs:
    """Return the graphs to run among the files of a directory or repository.

    ``writes`` says that the model makes text. ``variant`` is a precision by its name in
    transformers.js (``q8``) or whatever stands behind the ``_`` of a file's name (``quantized``);
    without one the best for a CPU is taken. ``where`` names the directory in errors.

    Raises:
        BundleError: there is no graph, none of this variant, or several of which none is known.
    """
    graphs = sorted(name for name in names if name.endswith(".onnx") and _folder(name) in FOLDERS)
    if not graphs:
        elsewhere = sorted({_folder(name) for name in names if name.endswith(".onnx")})
        raise BundleError(
            f"{where} has no ONNX file in itself or in onnx/"
            + (f", only in {', '.join(elsewhere)}" if elsewhere else "")
            + "; convert the model with edge-export on a workstation"
        )
    suffixes = _wanted(writes=writes, variant=variant)
    there = [suffix for suffix in _suffixes(graphs) if _graphs(names, suffix) is not None]
    if variant is None and len(there) == 1:
        suffixes = there
    found = next(filter(None, (_graphs(names, suffix) for suffix in suffixes)), None)
    if found is not None:
        return found
    if variant is None and len(graphs) == 1 and not there:
        return Graphs(graphs[0], "as found")
    if not there:
        raise BundleError(
            f"{where} has no graph that runs here, only {', '.join(graphs)}; a model that makes "
            "text takes a graph with a KV cache (in optimum, a task that ends in -with-past)"
        )
    listed = ", ".join(_variant_of(suffix) for suffix in there)
    raise BundleError(
        f"{where} has no variant {variant!r}; there are {listed}"
        if variant is not None
        else f"{where}: which graph? Name a variant, as in NAME:{_variant_of(there[0])} ({listed})"
    )


def _wanted(*, writes: bool, variant: str | None) -> list[str]:
    if variant is None:
        return [SUFFIXES[each] for each in (_WRITING if writes else _READING)]
    return [SUFFIXES.get(variant, f"_{variant}")]


def _graphs(names: Collection[str], suffix: str) -> Graphs | None:
    for folder in FOLDERS:
        one, merged, first, later = (
            f"{folder}{stem}{suffix}.onnx" for stem in (_SINGLE, _MERGED, _FIRST, _LATER)
        )
        suffixes = [suffix, *(SUFFIXES[each] for each in _READING)]
        encoders = (f"{folder}{_ENCODER}{each}.onnx" for each in suffixes)
        encoder = next((name for name in encoders if name in names), None)
        variant = _variant_of(suffix)
        if one in names and encoder is None:
            return Graphs(one, variant)
        if merged in names:  # without the weights of a second graph
            return Graphs(merged, variant, encoder=encoder)
        if first in names and later in names:
            return Graphs(later, variant, first=first, encoder=encoder)
    return None


def _suffixes(graphs: list[str]) -> list[str]:
    found: dict[str, None] = {}
    for name in graphs:
        stem = name.removeprefix(_folder(name)).removesuffix(".onnx")
        known = next((each for each in (_MERGED, _LATER, _SINGLE) if stem.startswith(each)), None)
        if known is not None:
            found[stem.removeprefix(known)] = None
    return list(found)


def _folder(name: str) -> str:
    return name[: name.rfind("/") + 1]


def _variant_of(suffix: str) -> str:
    return next((n for n, each in SUFFIXES.items() if each == suffix), suffix.removeprefix("_"))
