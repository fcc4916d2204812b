"""The report of a training: what goes into the manifest, and how it is printed."""

from __future__ import annotations

from typing import Any

from edge_export.train.checkpoint import Progress
from edge_export.train.held_out import HeldOut
from edge_export.train.parts import Parts
from edge_export.train.recipe import Recipe
from edge_runtime.bundles.manifest import Calibration, Manifest

_SHOWN = ("accuracy", "oos_recall", "f1")
_HEADER = ("head", "source", "metric", "n", "fp32", "int8", "95 % interval")


def scores(fp32: HeldOut, int8: HeldOut) -> dict[str, Any]:
    """Return the metrics by source, ``fp32`` and ``int8``, and ``ci95``, the int8's intervals."""
    return {
        name: {
            "fp32": fp32.metrics[name],
            "int8": int8.metrics[name],
            "ci95": {metric: list(found) for metric, found in int8.intervals[name].items()},
        }
        for name in int8.metrics
    }


def rows(recipe: Recipe, parts: Parts) -> dict[str, Any]:
    """Return how many rows of each source went where, and where the held-out ones are from."""
    return {
        source.name: {
            "head": source.head,
            "train": len(parts.train.get(source.name, [])),
            "validation": len(parts.validation.get(source.name, [])),
            "held_out": len(parts.held_out.get(source.name, [])),
            "held_out_from": _origin(recipe, parts, source.name),
        }
        for source in recipe.sources
    }


def course(progress: Progress) -> dict[str, Any]:
    """Return how the training went; the best validation score where there was one."""
    best = {"best_step": progress.best_step, "best_validation": progress.best}
    return {"steps": progress.step, **({} if progress.best is None else best)}


def lines(manifest: Manifest) -> list[str]:
    """Return the table of the held-out scores and what calibration found, for people."""
    report = manifest.report
    table = [_HEADER]
    for name, found in report["dev"].items():
        for metric in _SHOWN:
            if metric in found["int8"]:
                low, high = found["ci95"].get(metric, (0.0, 1.0))
                table.append((
                    report["data"][name]["head"], name, metric, str(found["int8"]["n"]),
                    f"{found['fp32'][metric]:.4f}", f"{found['int8'][metric]:.4f}",
                    f"{low:.4f} - {high:.4f}",
                ))  # fmt: skip
    widths = [max(len(row[i]) for row in table) for i in range(len(_HEADER))]
    printed = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    origins = {found["held_out_from"] for found in report["data"].values()} - {""}
    printed.append(f"held out: {'; '.join(sorted(origins))}")
    printed += [_promise(name, found) for name, found in manifest.calibration.items()]
    return printed


def _promise(head: str, found: Calibration) -> str:
    if found.threshold is None:
        return (
            f"{head}: no confidence was shown to keep errors at {found.alpha:g} (n {found.n}): "
            "every answer is passed on; more or better data"
        )
    return (
        f"{head}: answers locally from confidence {found.threshold:.4f} on, {found.coverage:.1%} "
        f"of the held-out texts; wrong at most {found.alpha:g} of the time, certainty "
        f"{1 - found.delta:g}, n {found.n}"
    )


def _origin(recipe: Recipe, parts: Parts, source: str) -> str:
    if source in parts.split:
        share = recipe.training.held_out
        return f"{share:.0%} of the texts, split off the training files with seed " + str(
            recipe.training.seed
        )
    return "dev files" if source in parts.held_out else ""
