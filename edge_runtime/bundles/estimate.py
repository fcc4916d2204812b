"""What a bundle takes on a machine, before it is loaded: memory and speed, by arithmetic alone.

The constants were measured with ONNX Runtime 1.32 on x86-64, one thread; estimates of memory stay
within a fifth of the truth there, those of speed within a half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

Kind = Literal["fp32", "int8", "blocks"]

PROCESS_BYTES = 66_000_000  # Python, numpy, onnxruntime and tokenizers, in use
CHUNK_TOKENS = 256  # that a decoder reads at once
# Integer products are packed with the sums of their columns, and padded.
_PACKING: dict[Kind, float] = {"fp32": 1.0, "int8": 1.15, "blocks": 1.15}
# multiply-adds, relative to numpy's in fp32: with dot-product instructions, and without
_RATE: dict[Kind, tuple[float, float]] = {
    "fp32": (0.8, 0.8),
    "int8": (1.9, 1.0),
    "blocks": (1.0, 0.7),
}
_BANDWIDTH_USED = 0.6  # of what a plain loop reads
_NODE_S = 1.5e-6  # that ONNX Runtime spends on an operator, whatever its size
_BUFFERS = 4  # as wide as the widest layer, at the same time
_FLOAT_BYTES = 4
_TOKENIZER_BYTES = 12  # in memory, for each of tokenizer.json


@dataclass(frozen=True)
class Work:
    """One graph: multiply-adds a token by kind, the bytes of the weights in them, its operators.

    ``head_adds`` are those of the product that gives logits, where a prompt needs them once only.
    """

    adds: Mapping[Kind, int]
    product_bytes: Mapping[Kind, int]
    nodes: int
    head_adds: int = 0


@dataclass(frozen=True)
class Demand:
    """What a bundle asks for. ``read`` is the graph that reads a text, ``step`` a decoder's step.

    ``kept_bytes`` are weights that stay as they are stored: tables in a mapped file, and everything
    that lies in the graph itself. ``packed`` are the products of all graphs, which kernels keep in
    an order of their own. ``width`` is that of the widest layer, ``logits_width`` that of the
    logits where those of every token are computed, else 0.
    """

    disk_bytes: int
    kept_bytes: int
    packed: Mapping[Kind, int]
    tokenizer_bytes: int
    cache_token_bytes: int
    width: int
    logits_width: int
    max_length: int
    read: Work
    step: Work | None


@dataclass(frozen=True)
class Machine:
    """One core: bytes that it reads and fp32 multiply-adds that it does, each second.

    ``has_dot_product`` says that it has instructions for products of int8.
    """

    bytes_per_s: float
    adds_per_s: float
    has_dot_product: bool


class Estimate(msgspec.Struct, frozen=True, omit_defaults=True):
    """Memory of a process that has read ``context`` tokens, and speed with one thread.

    ``memory_bytes`` is the sum of those after it. ``latency_ms`` is for ``context`` tokens (an
    encoder), ``prompt_tps`` and ``generation_tps`` are tokens a second (a model that makes text).
    """

    context: int
    disk_bytes: int
    memory_bytes: int
    kept_bytes: int
    packed_bytes: int
    kv_cache_bytes: int
    scratch_bytes: int
    process_bytes: int
    latency_ms: float | None = None
    prompt_tps: float | None = None
    generation_tps: float | None = None


def estimate(demand: Demand, machine: Machine, context: int | None = None) -> Estimate:
    """Return what a bundle takes with ``context`` tokens, by default the most that it reads."""
    length = min(context or demand.max_length, demand.max_length)
    packed = packed_bytes(demand.packed)
    cache = demand.cache_token_bytes * length
    at_once = min(length, CHUNK_TOKENS) if demand.step else length
    scratch = _FLOAT_BYTES * at_once * (_BUFFERS * demand.width + 2 * demand.logits_width)
    tokenizer = _TOKENIZER_BYTES * demand.tokenizer_bytes
    resident = resident_bytes(
        kept_bytes=demand.kept_bytes,
        packed_bytes=packed,
        kv_cache_bytes=cache,
        scratch_bytes=scratch,
    )
    made = Estimate(
        context=length,
        disk_bytes=demand.disk_bytes,
        memory_bytes=resident + tokenizer,
        kept_bytes=demand.kept_bytes,
        packed_bytes=packed,
        kv_cache_bytes=cache,
        scratch_bytes=scratch,
        process_bytes=PROCESS_BYTES + tokenizer,
    )
    reading_s = _reading_s(demand.read, machine, length)
    if demand.step is None:
        return msgspec.structs.replace(made, latency_ms=round(reading_s * 1e3, 2))
    step_s = _step_s(demand.step, machine, cache)
    return msgspec.structs.replace(
        made, prompt_tps=round(length / reading_s, 1), generation_tps=round(1 / step_s, 1)
    )


def packed_bytes(products: Mapping[Kind, int]) -> int:
    """Return the memory of products whose weights are so many bytes, in their kernels' order."""
    return round(sum(_PACKING[kind] * size for kind, size in products.items()))


def resident_bytes(
    *, kept_bytes: int, packed_bytes: int, kv_cache_bytes: int, scratch_bytes: int = 0
) -> int:
    """Return the memory of a process with a bundle, the tokenizer not counted."""
    return PROCESS_BYTES + kept_bytes + packed_bytes + kv_cache_bytes + scratch_bytes


def _reading_s(work: Work, machine: Machine, tokens: int) -> float:
    head = _adds_s({next(iter(work.adds), "fp32"): work.head_adds}, machine)
    each = _adds_s(work.adds, machine) - head
    return max(each * tokens + head + _NODE_S * work.nodes, 1e-9)


def _step_s(work: Work, machine: Machine, cache_bytes: int) -> float:
    read_bytes = sum(work.product_bytes.values()) + cache_bytes
    reading_s = read_bytes / (_BANDWIDTH_USED * machine.bytes_per_s)
    return reading_s + _adds_s(work.adds, machine) + _NODE_S * work.nodes


def _adds_s(adds: Mapping[Kind, int], machine: Machine) -> float:
    column = 0 if machine.has_dot_product else 1
    return sum(count / _RATE[kind][column] for kind, count in adds.items()) / machine.adds_per_s
