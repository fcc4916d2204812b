"""What is in an ``.onnx`` file, without the onnx package: the protobuf fields that tell.

Weights are never read: a file is mapped into memory, and what is not asked for is skipped. Field
numbers are those of ``onnx.proto``.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil, prod
from pathlib import Path

from edge_runtime.errors import BundleError

_BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4,
}  # fmt: skip
FLOAT16 = {10, 16}  # and bfloat16
FLOAT32 = 1

# operators whose scales are of the whole input
_OF_THE_WHOLE = {"DynamicQuantizeLinear", "DynamicQuantizeMatMul"}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_Bytes = mmap.mmap | bytes
_Field = tuple[int, int, int]  # number; begin and end, or the value and -1


@dataclass(frozen=True)
class Tensor:
    """An input, an output or a stored weight; ``element`` is ONNX's number of its type.

    A dimension that is not fixed is None. ``location`` is the file that holds a weight, relative to
    the graph's; None when the graph itself does.
    """

    name: str
    element: int
    shape: tuple[int | None, ...]
    location: str | None = None

    @property
    def size_bytes(self) -> int:
        """Size of a weight; free dimensions count as 1."""
        return ceil(prod(each or 1 for each in self.shape) * _BITS.get(self.element, 8) / 8)


@dataclass(frozen=True)
class Node:
    """An operator with its inputs and outputs; ``numbers`` are its integer attributes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: dict[str, int]


@dataclass
class OnnxFile:
    """A graph with all that its branches hold; ``opset`` is that of ONNX itself."""

    path: Path
    opset: int = 0
    inputs: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)

    @property
    def operators(self) -> set[str]:
        """Names of the operators, whatever their domain."""
        return {node.operator for node in self.nodes}

    @property
    def reads_independently(self) -> bool:
        """Whether no token's result depends on what else is read with it, scales included."""
        return not self.operators & _OF_THE_WHOLE

    @property
    def data_files(self) -> list[str]:
        """Files with weights beside the graph, relative to it."""
        return sorted({each.location for each in self.weights.values() if each.location})


def read_onnx(path: Path) -> OnnxFile:
    """Read a graph without its weights.

    Raises:
        BundleError: it cannot be read, or is no ONNX graph.
    """
    found = OnnxFile(path)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for number, begin, end in _fields(data, 0, len(data)):
                if number == 7:  # noqa: PLR2004 - graph
                    _read_graph(data, begin, end, found, outermost=True)
                elif number == 8:  # noqa: PLR2004 - opset_import
                    found.opset = _opset(data, begin, end) or found.opset
    except OSError as exc:
        raise BundleError(f"{path}: {exc.strerror}") from exc
    except (ValueError, IndexError, RecursionError) as exc:  # ValueError: empty, or no UTF-8
        raise BundleError(f"{path} is no ONNX file: {exc}") from exc
    if not found.outputs:
        raise BundleError(f"{path} is no ONNX file: there is no graph in it")
    return found


def _read_graph(data: _Bytes, begin: int, end: int, into: OnnxFile, *, outermost: bool) -> None:
    for number, start, stop in _fields(data, begin, end):
        if number == 1:
            _read_node(data, start, stop, into)
        elif number == 5:  # noqa: PLR2004 - initializer
            weight = _weight(data, start, stop)
            into.weights[weight.name] = weight
        elif number in {11, 12} and outermost:
            value = _value(data, start, stop)
            (into.inputs if number == 11 else into.outputs)[value.name] = value  # noqa: PLR2004
    if outermost:
        # files of the first ONNX versions list weights among the inputs
        for name in into.weights:
            into.inputs.pop(name, None)


def _read_node(data: _Bytes, begin: int, end: int, into: OnnxFile) -> None:
    names: dict[int, list[str]] = {1: [], 2: []}
    operator = ""
    numbers: dict[str, int] = {}
    for number, start, stop in _fields(data, begin, end):
        if number in names:
            names[number].append(_text(data, start, stop))
        elif number == 4:  # noqa: PLR2004 - op_type
            operator = _text(data, start, stop)
        elif number == 5:  # noqa: PLR2004 - attribute
            numbers |= _attribute(data, start, stop, into)
    into.nodes.append(Node(operator, tuple(names[1]), tuple(names[2]), numbers))


def _attribute(data: _Bytes, begin: int, end: int, into: OnnxFile) -> dict[str, int]:
    name, value = "", None
    for number, start, stop in _fields(data, begin, end):
        if number == 1:
            name = _text(data, start, stop)
        elif number == 3:  # noqa: PLR2004 - i
            value = start
        elif number in {6, 11}:  # a graph: one branch of an If
            _read_graph(data, start, stop, into, outermost=False)
    return {} if value is None else {name: value}


def _weight(data: _Bytes, begin: int, end: int) -> Tensor:
    name, element, location = "", 0, None
    shape: list[int] = []
    for number, start, stop in _fields(data, begin, end):
        if number == 1:  # dims, each on its own or packed
            shape += [start] if stop < 0 else _packed(data, start, stop)
        elif number == 2:  # noqa: PLR2004 - data_type
            element = start
        elif number == 8:  # noqa: PLR2004 - name
            name = _text(data, start, stop)
        elif number == 13:  # noqa: PLR2004 - external_data
            entry = {part: _text(data, *at) for part, *at in _fields(data, start, stop)}
            location = entry.get(2) if entry.get(1) == "location" else location
    return Tensor(name, element, tuple(shape), location)


def _value(data: _Bytes, begin: int, end: int) -> Tensor:
    name, element = "", 0
    shape: list[int | None] = []
    for number, start, stop in _fields(data, begin, end):
        if number == 1:
            name = _text(data, start, stop)
            continue
        for kind, inner, inner_stop in _fields(data, start, stop) if number == 2 else ():  # noqa: PLR2004
            for part, at, until in _fields(data, inner, inner_stop) if kind == 1 else ():
                if part == 1:
                    element = at
                elif part == 2:  # noqa: PLR2004 - shape
                    shape = [_dimension(data, *dim) for _, *dim in _fields(data, at, until)]
    return Tensor(name, element, tuple(shape))


def _dimension(data: _Bytes, begin: int, end: int) -> int | None:
    return next((value for number, value, _ in _fields(data, begin, end) if number == 1), None)


def _opset(data: _Bytes, begin: int, end: int) -> int | None:
    domain, version = "", None
    for number, start, stop in _fields(data, begin, end):
        if number == 1:
            domain = _text(data, start, stop)
        elif number == 2:  # noqa: PLR2004 - version
            version = start
    return version if domain in {"", "ai.onnx"} else None


def _fields(data: _Bytes, begin: int, end: int) -> Iterator[_Field]:
    at = begin
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value, -1
        elif wire == _BYTES:
            length, at = _varint(data, at)
            if at + length > end:
                raise ValueError(f"a field at byte {at} is longer than the file")
            yield number, at, at + length
            at += length
        elif wire in {_FIXED32, _FIXED64}:
            at += 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"no protobuf field at byte {at}")


def _packed(data: _Bytes, begin: int, end: int) -> list[int]:
    values = []
    while begin < end:
        value, begin = _varint(data, begin)
        values.append(value)
    return values


def _varint(data: _Bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):  # a number has ten bytes at most
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a number has its highest bit clear
            return value, at
    raise ValueError(f"no protobuf number at byte {at}")


def _text(data: _Bytes, begin: int, end: int) -> str:
    return data[begin:end].decode()
