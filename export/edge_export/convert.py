"""A Hugging Face model to a verified bundle for a device."""

from __future__ import annotations

import contextlib
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

import edge_runtime
from edge_devices.profiles import Profile, UnknownProfileError, load_profile
from edge_export.bundle import check_output, write_bundle
from edge_export.checks.cost import measure_cost
from edge_export.checks.outputs import original_outputs
from edge_export.checks.parity import Parity, compare
from edge_export.checks.report import Report, write_report
from edge_export.checks.trial import Trial
from edge_export.exporting import export_fp32
from edge_export.onnx_export import check_exportable
from edge_export.original import load_original
from edge_export.plan import Form, Plan, make_plan
from edge_export.progress import step, working
from edge_export.quantizing import Quantized, quantize
from edge_export.source import SourceModel, inspect_source
from edge_runtime.bundles.manifest import FORMAT, Graph, Manifest, Source, write_manifest
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BundleError, ConfigError, EdgeError, UnsupportedTaskError

# fp32 ONNX is the same arithmetic in another order, so this is relative to the largest output
_LARGEST_FP32_DIFFERENCE = 1e-3
_PINNED = (
    "numpy", "onnx", "onnxruntime", "optimum", "optimum-onnx", "safetensors", "tokenizers", "torch",
    "transformers",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asked for; None means: as the profile or the model says.

    ``data`` is the evaluation set, ``calibrate`` the texts on which static ranges are observed,
    ``max_drop`` the tolerance in points or percent, as the report names it.
    """

    model: str
    output: Path
    task: str | None = None
    target: str = "generic-arm64"
    quantization: str | None = None
    form: Form | None = None
    max_length: int | None = None
    name: str | None = None
    head: str | None = None
    revision: str | None = None
    data: Path | None = None
    calibrate: Path | None = None
    max_drop: float | None = None
    allow_pickle: bool = False
    allow_drop: bool = False
    force: bool = False


def plan_conversion(options: Options) -> tuple[SourceModel, Profile, Plan]:
    """Look at the model and decide what to do, without any work.

    Raises:
        ConfigError: the model, the target or an option cannot be used.
        UnsupportedTaskError: the model has no head for the task, or cannot be exported.
    """
    try:
        profile = load_profile(options.target)
    except UnknownProfileError as exc:
        raise ConfigError(str(exc)) from exc
    source = inspect_source(
        options.model,
        options.task,
        revision=options.revision,
        head_name=options.head,
        allow_pickle=options.allow_pickle,
    )
    plan = make_plan(
        source,
        profile,
        form=options.form,
        quantization=options.quantization,
        max_length=options.max_length,
    )
    return source, profile, plan


def convert(options: Options) -> Manifest:
    """Export, compare, quantize, compare again, and write the bundle and its report.

    The report is ``OUTPUT.report/`` beside the bundle, also when the bundle is refused. Nothing
    else is left behind when a step fails.

    Raises:
        ConfigError: the model, an option or the output directory cannot be used.
        UnsupportedTaskError: the model has no head for the task, or cannot be exported.
        BundleError: the converted model differs too much from the original.
    """
    output = options.output
    check_output(output, force=options.force)
    source, profile, plan = plan_conversion(options)
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        _disk_errors(options.model),
        tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as name,
    ):
        work = Path(name)
        plan, fp32, exported, trial = _export(source, plan, options, work)
        if plan.quantization == "fp32":
            parity, judgement = trial.judge(fp32)
            quantized = Quantized(fp32, parity, judgement)
        else:
            quantized = quantize(fp32, trial, plan, profile, work)
        report = _report(fp32, quantized, plan, exported, trial)
        write_report(report, output.with_name(f"{output.name}.report"))
        passed = quantized.judgement.passed
        if not passed and not options.allow_drop:
            raise BundleError(
                f"{plan.quantization} changes the output too much: "
                f"{quantized.judgement.sentence()}; no bundle was written (--allow-drop writes it, "
                f"marked); {output.name}.report/report.md says more"
            )
        summary = report.summary()
        if not passed:
            summary["past_tolerance"] = quantized.judgement.sentence()
        manifest = msgspec.structs.replace(quantized.bundle.manifest, report=summary)
        return write_bundle(quantized.bundle.path, manifest, output, force=options.force)


@contextlib.contextmanager
def _disk_errors(model: str) -> Iterator[None]:
    try:
        yield
    except EdgeError:  # some are also an OSError
        raise
    except OSError as exc:
        raise ConfigError(f"{model} cannot be converted: {exc}") from exc


def _export(
    source: SourceModel, plan: Plan, options: Options, work: Path
) -> tuple[Plan, Bundle, Parity, Trial]:
    """Write the fp32 form and compare it with the original; return the plan as it was done."""
    with working("load the original"):
        model = load_original(source)
    directory = work / "fp32"
    with working(f"export to ONNX ({plan.form})"):
        plan, graph = _graph(source, model, plan, options, directory)
    manifest = _manifest(source, plan, options.name or source.name, graph)
    write_manifest(directory, manifest)
    fp32 = Bundle(directory, manifest, verified=False)
    trial = Trial(fp32, data=options.data, calibrate=options.calibrate, max_drop=options.max_drop)
    originals = original_outputs(model, source, trial.samples)
    exported = compare(originals, trial.reference, trial.head)
    if exported.max_rel > _LARGEST_FP32_DIFFERENCE:
        raise BundleError(
            f"the ONNX form of {source.reference} differs from the original by "
            f"{exported.max_rel:.2g} of its largest output, more than "
            f"{_LARGEST_FP32_DIFFERENCE:g}; nothing was written"
        )
    return plan, fp32, exported, trial


def _graph(
    source: SourceModel,
    model: Any,  # noqa: ANN401 - transformers publishes no types
    plan: Plan,
    options: Options,
    directory: Path,
) -> tuple[Plan, Graph]:
    """Export as planned, or through optimum where the fused graph turns out not to be possible."""
    try:
        return plan, export_fp32(source, model, plan, directory)
    except UnsupportedTaskError as exc:
        if plan.form == "optimum" or options.form == "fused":
            raise
        reason = f"form optimum: no fused graph, {exc}"
    step(reason)
    check_exportable(source)
    shutil.rmtree(directory, ignore_errors=True)
    why = [each for each in plan.why if not each.startswith("form ")]
    plan = msgspec.structs.replace(plan, form="optimum", why=[reason, *why])
    return plan, export_fp32(source, model, plan, directory)


def _manifest(source: SourceModel, plan: Plan, name: str, graph: Graph) -> Manifest:
    return Manifest(
        format=FORMAT,
        name=name,
        version="1",
        task=source.task,
        heads=source.heads,
        source=Source(
            model=name if source.is_local else source.reference,
            revision=source.revision,
            licence=source.licence,
        ),
        graph=graph,
        target=plan.target,
        max_length=plan.max_length,
        versions={
            "edge-runtime": edge_runtime.__version__,
            **{package: version(package) for package in _PINNED},
        },
    )


def _report(
    fp32: Bundle, quantized: Quantized, plan: Plan, exported: Parity, trial: Trial
) -> Report:
    bundles = {"fp32": fp32}
    if quantized.bundle is not fp32:
        bundles[plan.quantization] = quantized.bundle
    with working("measure size, memory and speed"):
        cost = {name: measure_cost(bundle.path) for name, bundle in bundles.items()}
    return Report(
        plan=plan,
        quantization=quantized.bundle.manifest.quantization,
        fp32_against_original=exported,
        quantized_against_fp32=quantized.parity,
        judgement=quantized.judgement,
        cost=cost,
        machine=f"{platform.machine()}, 1 thread",
        texts=trial.named,
        scores=trial.scores(fp32, quantized.bundle),
        finer=quantized.finer,
        sensitivity=quantized.sensitivity,
        versions=quantized.bundle.manifest.versions,
    )
