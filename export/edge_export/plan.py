"""What will be done to a model for a device: graph form, quantization, sizes; before any work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from edge_devices.profiles import Profile
from edge_export.graphs.decoder_shape import why_not_fused
from edge_export.graphs.encoder import FUSED_ENCODERS
from edge_export.onnx_export import check_exportable
from edge_export.quantize.model import Quantization
from edge_export.quantize.weights import BLOCK
from edge_export.source import SourceModel, quiet
from edge_runtime.bundles.architecture import LONGEST, TASKS_THAT_WRITE, max_length_of
from edge_runtime.bundles.estimate import Kind, packed_bytes, resident_bytes
from edge_runtime.errors import ConfigError

Form = Literal["fused", "optimum"]
QUANTIZATIONS: tuple[Quantization, ...] = (
    "int8-dynamic", "int8-static", "int8-hybrid", "int8-weight-only", "int4-weight-only", "fp32",
)  # fmt: skip
_WEIGHT_ONLY = {"int8-weight-only": 8, "int4-weight-only": 4}
_WITH_BLOCKS = {*_WEIGHT_ONLY, "int8-hybrid"}
_SCALE_BYTES = 4


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the graph and the precision of its products, for a device.

    ``size_bytes`` and ``fp32_bytes`` are estimates from the shapes alone; ``memory_bytes`` is the
    peak of a process that has read ``max_length`` tokens: the tables in the mapped file, the
    products in the order that the kernels read them in, the KV cache (``kv_cache_bytes``) and the
    runtime.
    """

    model: str
    task: str
    target: str
    form: Form
    quantization: Quantization
    why: list[str]
    max_length: int
    parameters: int
    fp32_bytes: int
    size_bytes: int
    kv_cache_bytes: int
    memory_bytes: int


@dataclass(frozen=True)
class _Counts:
    products: int
    tables: int
    rest: int
    columns: int


def make_plan(
    source: SourceModel,
    profile: Profile,
    *,
    form: Form | None = None,
    quantization: str | None = None,
    max_length: int | None = None,
) -> Plan:
    """Choose by model, profile and what was asked for.

    Raises:
        ConfigError: the device is slow at what was asked for, or there is no such form.
        UnsupportedTaskError: neither a fused graph nor optimum knows the architecture.
    """
    why: list[str] = []
    chosen_form = _form(source, form, why)
    if chosen_form == "optimum":
        check_exportable(source)
    precision = _quantization(source, profile, quantization, why)
    length = _length(source, profile, max_length)
    counts = _count(source)
    cache = _cache_bytes(source, length)
    size = _size(counts, precision)
    head = counts.tables if _head_is_tied(source) else 0
    packed = _size(_Counts(counts.products + head, 0, 0, counts.columns), precision)
    return Plan(
        model=source.reference,
        task=source.task,
        target=profile.name,
        form=chosen_form,
        quantization=precision,
        why=why,
        max_length=length,
        parameters=counts.products + counts.tables + counts.rest,
        fp32_bytes=_size(counts, "fp32"),
        size_bytes=size,
        kv_cache_bytes=cache,
        memory_bytes=resident_bytes(
            kept_bytes=_size(_Counts(0, counts.tables, counts.rest, 0), precision),
            packed_bytes=packed_bytes({_kind(precision): packed}),
            kv_cache_bytes=cache,
        ),
    )


def _kind(precision: Quantization) -> Kind:
    if precision == "fp32":
        return "fp32"
    return "blocks" if precision in _WEIGHT_ONLY else "int8"


def _head_is_tied(source: SourceModel) -> bool:
    """Whether a model that makes text takes its table of words for a product too."""
    return source.task in TASKS_THAT_WRITE and bool(
        getattr(source.config, "tie_word_embeddings", False)
    )


def _form(source: SourceModel, asked: Form | None, why: list[str]) -> Form:
    reason = _why_not_fused(source)
    if asked == "fused" and reason is not None:
        raise ConfigError(f"{source.reference}: {reason}; --form optimum exports it")
    if asked is not None:
        why.append(f"form {asked}: asked for")
        return asked
    if reason is None:
        why.append(f"form fused: the fastest known for {source.config.model_type}")
        return "fused"
    why.append(f"form optimum: {reason}")
    return "optimum"


def _why_not_fused(source: SourceModel) -> str | None:
    if source.task == "text-generation":
        return why_not_fused(source.config.to_dict())
    family = str(source.config.model_type)
    known = family in FUSED_ENCODERS and not source.is_encoder_decoder
    return None if known else f"no fused graph is known for {family}"


def _quantization(
    source: SourceModel, profile: Profile, asked: str | None, why: list[str]
) -> Quantization:
    decoder = source.task == "text-generation"
    default = profile.decoder_quantization if decoder else profile.encoder_quantization
    wanted = asked or default
    found = next((name for name in QUANTIZATIONS if name == wanted), None)
    if found is None:
        raise ConfigError(f"no quantization {wanted!r}; there are {', '.join(QUANTIZATIONS)}")
    if found in _WITH_BLOCKS and not profile.weight_only:
        raise ConfigError(
            f"{found} is slow on {profile.name}: without dot-product instructions its kernel "
            "(MatMulNBits) falls back to fp32; take int8-static or int8-dynamic, or a target that "
            "has them"
        )
    why.append(f"{found}: {'asked for' if asked else f'the default of {profile.name}'}")
    if found != "fp32" and profile.weight_bits < 8:  # noqa: PLR2004 - bits of a byte
        why.append(f"{profile.weight_bits} bits of int8 weights: {profile.name} may lack VNNI")
    return found


def _length(source: SourceModel, profile: Profile, asked: int | None) -> int:
    config = source.config.to_dict()
    longest = profile.max_context if source.task == "text-generation" else LONGEST[source.task]
    known = max_length_of(config, longest=1 << 20)
    scaling = config.get("rope_scaling") or {}
    if scaling.get("rope_type", scaling.get("type")) == "longrope":
        # beyond this the factors are others, and the graph holds one set
        known = min(known, int(config.get("original_max_position_embeddings") or known))
    if asked is not None and asked > known:
        raise ConfigError(f"{source.reference} reads {known} tokens, not {asked}")
    return asked or min(known, longest)


def _count(source: SourceModel) -> _Counts:
    """Count parameters by what becomes of them, from the shapes alone; tied ones once."""
    import torch
    import transformers

    with quiet(), torch.device("meta"):
        model: Any = getattr(transformers, source.loader).from_config(source.config)
    products = tables = columns = 0
    seen: set[int] = set()
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if weight is None or id(weight) in seen or weight.ndim != 2:  # noqa: PLR2004
            continue
        kind = type(module).__name__
        if kind.endswith("Embedding"):
            tables += weight.numel()
            seen.add(id(weight))
        elif kind in {"Linear", "Conv1D"} and weight.numel() >= 32 * 32:
            products += weight.numel()
            columns += max(weight.shape)
            seen.add(id(weight))
    total = sum(p.numel() for p in model.parameters())
    return _Counts(products, tables, max(0, total - products - tables), columns)


def _size(counts: _Counts, precision: Quantization) -> int:
    if precision == "fp32":
        return 4 * (counts.products + counts.tables + counts.rest)
    quantized = counts.products + counts.tables
    if precision in _WEIGHT_ONLY:
        bits = _WEIGHT_ONLY[precision]
        return round(quantized * (bits / 8 + _SCALE_BYTES / BLOCK[bits])) + 4 * counts.rest
    return quantized + _SCALE_BYTES * counts.columns + 4 * counts.rest


def _cache_bytes(source: SourceModel, length: int) -> int:
    if source.task == "text-generation":
        config = source.config
        heads = int(config.num_attention_heads)
        kv_heads = int(getattr(config, "num_key_value_heads", None) or heads)
        width = int(getattr(config, "head_dim", None) or config.hidden_size // heads)
        return 2 * 4 * int(config.num_hidden_layers) * kv_heads * width * length
    if not source.is_encoder_decoder:
        return 0
    # keys and values of the decoder's own attention and of the cross attention
    config = source.config
    layers = getattr(config, "decoder_layers", None) or getattr(config, "num_decoder_layers", 0)
    return 2 * 2 * 4 * int(layers or config.num_hidden_layers) * int(config.hidden_size) * length
