"""The quantized form of a model: as planned, and finer where that costs too much."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edge_devices.profiles import Profile
from edge_export.checks.judgement import Judgement
from edge_export.checks.parity import Parity
from edge_export.checks.trial import Trial
from edge_export.plan import Plan
from edge_export.progress import step, working
from edge_export.quantize.mixed import Sensitivity, rank, search
from edge_export.quantize.model import Quantization, Quantizer, table_precision
from edge_export.quantize.rewrite import Precision
from edge_runtime.bundles.manifest import write_manifest
from edge_runtime.bundles.store import Bundle


@dataclass(frozen=True)
class Quantized:
    """A quantized form, what it cost, and which layers were left finer for that."""

    bundle: Bundle
    parity: Parity
    judgement: Judgement
    finer: list[str] = field(default_factory=list)
    sensitivity: list[Sensitivity] = field(default_factory=list)


def quantize(fp32: Bundle, trial: Trial, plan: Plan, profile: Profile, work: Path) -> Quantized:
    """Quantize as planned; where that costs too much, leave the most sensitive layers finer."""
    quantization = plan.quantization
    quantizer = Quantizer(fp32, trial.calibration, profile.weight_bits)
    chosen = quantizer.choose(quantization)

    def written(precisions: dict[str, Precision]) -> Bundle:
        directory = work / "quantized"
        if directory.exists():
            for path in directory.iterdir():
                path.unlink()
        quantizer.write(precisions, table_precision(quantization), directory)
        finer = {name: how for name, how in precisions.items() if how != chosen[name]}
        manifest = msgspec.structs.replace(
            fp32.manifest, quantization=_described(quantization, finer, profile.weight_bits)
        )
        write_manifest(directory, manifest)
        return Bundle(directory, manifest, verified=False)

    with working(f"quantize ({quantization})"):
        bundle = written(chosen)
    parity, judgement = trial.judge(bundle)
    if judgement.passed or not chosen:
        return Quantized(bundle, parity, judgement)
    step(f"{judgement.sentence()}: look for sensitive layers")
    ranked = rank(quantizer, chosen, trial.error)
    found = search(
        ranked, chosen, lambda tried: trial.judge(written(tried))[1].drop, judgement.most
    )
    bundle = written(found.precisions)
    parity, judgement = trial.judge(bundle)
    return Quantized(bundle, parity, judgement, found.finer, ranked)


def _described(
    quantization: Quantization, finer: dict[str, Precision], weight_bits: int
) -> dict[str, str]:
    """Return what was done to which part, for the manifest."""
    columns = f"int8 per channel, {weight_bits} bits used; activations uint8,"
    static = f"{columns} static, outliers in fp32"
    blocks = "int8 in blocks of 32; activations fp32"
    described = {
        "linear layers": {
            "int8-dynamic": f"{columns} dynamic, per tensor",
            "int8-static": static,
            "int8-hybrid": static,
            "int8-weight-only": blocks,
            "int4-weight-only": "4 bits in blocks of 64; activations fp32",
            "fp32": "fp32",
        }[quantization],
        "tables": "4 bits in blocks of 64"
        if quantization == "int4-weight-only"
        else "int8 per row",
    }
    if quantization == "int8-hybrid":
        described["layers that end a block"] = blocks
    if finer:
        described["finer"] = ", ".join(f"{name} {how}" for name, how in sorted(finer.items()))
    return described
