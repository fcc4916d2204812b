"""A Hugging Face model to a verified int8 bundle for a device."""

from __future__ import annotations

import contextlib
import platform
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
from tqdm import tqdm

import edge_runtime
from edge_devices.profiles import Profile, UnknownProfileError, load_profile
from edge_export.bundle import check_output, write_bundle
from edge_export.onnx_export import OPSET, export_onnx
from edge_export.parity import TEXTS, Parity, compare, onnx_outputs, torch_outputs, windows
from edge_export.quantize import quantize_int8
from edge_export.source import SourceModel, inspect_source
from edge_runtime.bundles.derive import max_length_of
from edge_runtime.bundles.manifest import FORMAT, Graph, Manifest, Source
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BundleError, ConfigError, EdgeError
from edge_runtime.tasks.encoder import Encoder

# fp32 ONNX is the same arithmetic in another order, so this is relative to the largest output
_LARGEST_FP32_DIFFERENCE = 1e-3
# below these int8 is broken, not noisy; of eight texts two near-ties may fall the other way
_LOWEST_INT8_COSINE = 0.95
_LOWEST_INT8_AGREEMENT = 0.75
_REPEATS = 20
_PINNED = ("numpy", "onnx", "onnxruntime", "optimum", "optimum-onnx", "torch", "transformers")


def convert(  # noqa: PLR0913 - the options of the command
    model: str,
    task: str,
    target: str,
    output: Path,
    *,
    name: str | None = None,
    head: str | None = None,
    revision: str | None = None,
    force: bool = False,
    allow_drop: bool = False,
) -> Manifest:
    """Export, quantize, compare and write; nothing is left behind when a step fails.

    Raises:
        ConfigError: the model, the target or the output directory cannot be used.
        UnsupportedTaskError: the model has no head for the task.
        BundleError: the converted model differs too much from the original.
    """
    check_output(output, force=force)
    try:
        profile = load_profile(target)
    except UnknownProfileError as exc:
        raise ConfigError(str(exc)) from exc
    source = inspect_source(model, task, revision=revision, head_name=head)
    manifest = _manifest(source, profile, name or source.name)
    with (
        _disk_errors(model),
        tempfile.TemporaryDirectory(prefix="edge-export-") as work,
        tqdm(total=5, desc="convert", bar_format="{desc:<20} {bar} {n_fmt}/{total_fmt}") as bar,
    ):
        fp32, int8 = Path(work) / "fp32", Path(work) / "int8"
        _step(bar, "export to ONNX")
        export_onnx(source, fp32)
        _step(bar, "compare fp32")
        texts = windows(fp32, manifest)
        reference = onnx_outputs(fp32, manifest, texts)
        exported = compare(source.head, torch_outputs(source, texts), reference)
        _check_export(source, exported)
        _step(bar, "quantize")
        quantization = quantize_int8(fp32, int8, weight_bits=profile.weight_bits)
        _step(bar, "compare int8")
        quantized = compare(source.head, reference, onnx_outputs(int8, manifest, texts))
        drop = _drop(quantized)
        if drop and not allow_drop:
            raise BundleError(
                f"int8 changes the output too much: {drop}; nothing was written "
                "(--allow-drop writes it, marked)"
            )
        _step(bar, "write bundle")
        manifest = msgspec.structs.replace(manifest, quantization=quantization)
        report = _report(fp32, int8, manifest, exported, quantized)
        manifest = msgspec.structs.replace(
            manifest, report={**report, "past_tolerance": drop} if drop else report
        )
        return write_bundle(int8, manifest, output, force=force)


@contextlib.contextmanager
def _disk_errors(model: str) -> Iterator[None]:
    try:
        yield
    except EdgeError:  # some are also an OSError
        raise
    except OSError as exc:
        raise ConfigError(f"{model} cannot be converted: {exc}") from exc


def _step(bar: tqdm[NoReturn], title: str) -> None:
    bar.set_description(title)
    bar.update()


def _manifest(source: SourceModel, profile: Profile, name: str) -> Manifest:
    config = source.config.to_dict()
    return Manifest(
        format=FORMAT,
        name=name,
        version="1",
        task=source.task,
        heads={source.head_name: source.head},
        source=Source(
            model=name if source.is_local else source.reference,
            revision=source.revision,
            licence=source.licence,
        ),
        graph=Graph(file="model.onnx", form="optimum", opset=OPSET),
        target=profile.name,
        max_length=max_length_of(config),
        versions={
            "edge-runtime": edge_runtime.__version__,
            **{package: version(package) for package in _PINNED},
        },
    )


def _check_export(source: SourceModel, exported: Parity) -> None:
    if exported.max_rel > _LARGEST_FP32_DIFFERENCE:
        raise BundleError(
            f"the ONNX form of {source.reference} differs from the original by "
            f"{exported.max_rel:.2g} of its largest output, more than "
            f"{_LARGEST_FP32_DIFFERENCE:g}; nothing was written"
        )


def _drop(quantized: Parity) -> str:
    """Return which tolerance int8 misses, empty for none."""
    if quantized.cosine < _LOWEST_INT8_COSINE:
        return f"cosine {quantized.cosine:.3f} is below {_LOWEST_INT8_COSINE}"
    if quantized.agreement is not None and quantized.agreement < _LOWEST_INT8_AGREEMENT:
        return f"same best label {quantized.agreement:.0%} is below {_LOWEST_INT8_AGREEMENT:.0%}"
    return ""


def _report(
    fp32: Path, int8: Path, manifest: Manifest, exported: Parity, quantized: Parity
) -> dict[str, Any]:
    directories = {"fp32": fp32, "int8": int8}
    return {
        "texts": len(TEXTS),
        "fp32_against_original": msgspec.to_builtins(exported),
        "int8_against_fp32": msgspec.to_builtins(quantized),
        "size_bytes": {
            name: sum(path.stat().st_size for path in directory.glob("model.onnx*"))
            for name, directory in directories.items()
        },
        "latency_ms": {
            name: _latency_ms(Encoder(Bundle(directory, manifest, verified=False)))
            for name, directory in directories.items()
        },
        "machine": f"{platform.machine()}, 1 thread",
    }


def _latency_ms(encoder: Encoder) -> float:
    """Return the median time of one text, tokenisation included."""
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        encoder.encode(TEXTS[1:2])
        times.append(time.perf_counter() - started)
    return round(float(np.median(times)) * 1e3, 3)
