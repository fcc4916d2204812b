"""The report of a conversion: JSON for programs, Markdown for people, and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from edge_export.checks.cost import Cost
from edge_export.checks.judgement import Judgement
from edge_export.checks.parity import Parity
from edge_export.plan import Plan
from edge_export.quantize.mixed import Sensitivity

_LISTED = 12  # most sensitive layers that are shown


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that was measured; ``finer`` layers were left in higher precision.

    ``scores`` are text metrics by name, fp32 and quantized; ``sensitivity`` is empty where the
    tolerance did not ask for mixed precision.
    """

    plan: Plan
    quantization: dict[str, str]
    fp32_against_original: Parity
    quantized_against_fp32: Parity
    judgement: Judgement
    cost: dict[str, Cost]
    machine: str
    texts: str
    scores: dict[str, dict[str, float]] = {}
    finer: list[str] = []
    sensitivity: list[Sensitivity] = []
    versions: dict[str, str] = {}

    def summary(self) -> dict[str, Any]:
        """Return what the manifest keeps: all but the plan and the long lists."""
        kept: dict[str, Any] = msgspec.to_builtins(self)
        for name in ("plan", "quantization", "sensitivity", "versions"):
            kept.pop(name, None)
        return kept


def write_report(report: Report, directory: Path) -> None:
    """Write ``report.json``, ``report.md`` and ``report.png``; what was there is replaced.

    Raises:
        OSError: the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    encoded = msgspec.json.format(msgspec.json.encode(report), indent=2)
    (directory / "report.json").write_bytes(encoded + b"\n")
    (directory / "report.md").write_text(markdown(report), encoding="utf-8")
    _plot(report, directory / "report.png")


def markdown(report: Report) -> str:
    """Return the report as a Markdown page."""
    plan, judgement = report.plan, report.judgement
    verdict = "within the tolerance" if judgement.passed else "PAST THE TOLERANCE"
    parts = [
        f"# {plan.model} for {plan.target}: {plan.quantization}",
        f"{judgement.sentence()} ({judgement.n} texts: {report.texts}): **{verdict}**.",
        "\n".join(f"- {reason}" for reason in plan.why),
        "## Size and speed",
        _table(["", *report.cost, "ratio"], _cost_rows(report.cost)),
        f"Measured on {report.machine}.",
        "## Accuracy",
        _table(
            ["", "fp32 against the original", f"{plan.quantization} against fp32"],
            [
                [label, _number(getattr(report.fp32_against_original, key)),
                 _number(getattr(report.quantized_against_fp32, key))]
                for key, label in _PARITY.items()
            ],
        ),
    ]  # fmt: skip
    if report.scores:
        rows = [[k, _number(v["fp32"]), _number(v["quantized"])] for k, v in report.scores.items()]
        parts.append(_table(["text metric", "fp32", plan.quantization], rows))
    parts += [
        "## Quantization",
        _table(["part", "how"], [list(i) for i in report.quantization.items()]),
    ]
    if report.finer:
        parts.append("Left in higher precision: " + ", ".join(f"`{name}`" for name in report.finer))
    if report.sensitivity:
        rows = [[f"`{s.layer}`", f"{s.error:.2e}"] for s in report.sensitivity[:_LISTED]]
        parts.append(_table(["most sensitive layer", "relative error alone"], rows))
    versions = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    return "\n\n".join([*parts, f"Versions: {versions}."]) + "\n"


_PARITY = {
    "max_abs": "largest difference",
    "max_rel": "over the largest value",
    "relative": "mean relative error",
    "cosine": "lowest cosine",
    "mean_cosine": "mean cosine",
    "agreement": "same best label or token",
    "kl": "KL divergence, next token (nats)",
}
_COST = {
    "size_bytes": ("size (MB)", 1e6),
    "load_ms": ("load (ms)", 1.0),
    "peak_rss_bytes": ("peak RSS (MB)", 1e6),
    "latency_ms": ("one short text (ms)", 1.0),
    "prompt_tps": ("prefill (tokens/s)", 1.0),
    "generation_tps": ("decode (tokens/s)", 1.0),
}


def _cost_rows(costs: dict[str, Cost]) -> list[list[str]]:
    rows = []
    for key, (label, unit) in _COST.items():
        values = [getattr(cost, key) for cost in costs.values()]
        if all(values):
            ratio = f"{values[-1] / values[0]:.2f}"
            rows.append([label, *(f"{value / unit:.4g}" for value in values), ratio])
    return rows


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _plot(report: Report, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = _cost_rows(report.cost)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    ratios = [float(row[-1]) for row in rows]
    left.barh([row[0] for row in rows], ratios, color="#3b6fb6")
    left.axvline(1.0, color="black", linewidth=1, linestyle="--")
    for place, row in enumerate(rows):
        left.text(ratios[place], place, f" {row[1]} → {row[2]}", va="center", fontsize=9)
    left.set_xlim(0, max([1.0, *ratios]) * 1.5)
    left.invert_yaxis()
    left.set_xlabel(f"{report.plan.quantization} / fp32")
    left.set_title(f"{Path(report.plan.model).name} for {report.plan.target}")
    if report.sensitivity:
        shown = report.sensitivity[:_LISTED]
        colours = ["#c0504d" if s.layer in report.finer else "#3b6fb6" for s in shown]
        right.barh([s.layer for s in shown], [s.error for s in shown], color=colours)
        right.invert_yaxis()
        right.set_xlabel("error of the output, quantized alone (red: left finer)")
        right.tick_params(axis="y", labelsize=7)
    else:
        pairs = [("fp32 / original", report.fp32_against_original.relative)]
        pairs.append((f"{report.plan.quantization} / fp32", report.quantized_against_fp32.relative))
        right.bar([p[0] for p in pairs], [max(p[1], 1e-9) for p in pairs], color="#3b6fb6")
        right.set_yscale("log")
        right.set_ylabel("mean relative error of the output")
    figure.suptitle(report.judgement.sentence(), fontsize=10)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
