"""The health gate: a new version is tested beside the old one before anything switches."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_devices.launch import with_tree
from edge_runtime.errors import UpdateError
from edge_runtime.updates.contents import Contents
from edge_runtime.updates.options import UpdateOptions

if TYPE_CHECKING:
    from edge_runtime.updates.gate_process import Measurement

# what a busy board adds to any time, and the allocator to any size: no reason to refuse
_NOISE_MS = 5.0
_NOISE_MB = 16.0
_PROCESS_MB = 80.0  # Python, numpy, onnxruntime and tokenizers, in use
_LONGEST_SAID = 300
_MORE_TIMES = 2  # that both are measured where only time speaks against the new one


@dataclass(frozen=True)
class Candidate:
    """What is tested: a bundle, with the runtime in ``tree``, or with the one that asks if None."""

    bundle: Path
    tree: Path | None = None


Gate = Callable[[Candidate, Candidate | None, Contents], str]
"""Tests a candidate against what runs now: returns what was found, or raises UpdateError."""


class HealthGate:
    """Loads, asks the golden set, and compares p95 and memory with what runs now."""

    def __init__(self, options: UpdateOptions) -> None:
        self._options = options

    def __call__(self, new: Candidate, old: Candidate | None, contents: Contents) -> str:
        """Return what was measured.

        Without the memory to load the new version beside the node, nothing is loaded: its trial
        decides, which asks the same golden set.

        Raises:
            UpdateError: it does not load, answers otherwise, is too slow, or takes too much memory.
        """
        need_mb = _PROCESS_MB + sum(_sizes(new.bundle)) / 1e6
        free_mb = _available_mb()
        if free_mb is not None and need_mb > free_mb:
            return (
                f"not tested beside the node: {need_mb:.0f} MB of memory for it, {free_mb:.0f} MB "
                "are free; its trial decides"
            )
        found, before = self._measured(new, contents), self._standard(old, contents)
        reasons = failures(found, before, contents, self._options)
        for _ in range(_MORE_TIMES):
            if not reasons or failures(_at_once(found), before, contents, self._options):
                break  # good, or bad however fast it is
            found = _faster(found, self._measured(new, contents))
            if before is not None:
                before = _faster(before, self._standard(old, contents) or before)
            reasons = failures(found, before, contents, self._options)
        if reasons:
            raise UpdateError(f"{found.model} fails the health gate: {'; '.join(reasons)}")
        score = found.score
        return (
            f"{score.right} of {score.total} right, p95 {score.p95_ms:.1f} ms, "
            f"{found.rss_mb:.0f} MB"
        )

    def _standard(self, old: Candidate | None, contents: Contents) -> Measurement | None:
        """Measure what runs now; what cannot even be loaded sets no standard."""
        if old is None:
            return None
        with contextlib.suppress(UpdateError):
            return self._measured(old, contents)
        return None

    def _measured(self, candidate: Candidate, contents: Contents) -> Measurement:
        from edge_runtime.updates.gate_process import Measurement  # noqa: PLC0415 - loads the rest

        environment = dict(os.environ)
        if candidate.tree is not None:
            environment = with_tree(candidate.tree, environment)
        command = [sys.executable, "-P", "-m", "edge_runtime.updates.gate_process",
                   str(candidate.bundle)]  # fmt: skip
        timeout_s = self._options.gate_timeout_s
        try:
            done = subprocess.run(
                command,
                input=msgspec.json.encode(contents.golden),
                capture_output=True,
                timeout=timeout_s,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise UpdateError(
                f"{candidate.bundle} fails the health gate: it is not done after {timeout_s:g} s"
            ) from exc
        except OSError as exc:
            raise UpdateError(f"the health gate cannot be started: {exc.strerror}") from exc
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            said = (lines[-1] if lines else f"exit status {done.returncode}")[:_LONGEST_SAID]
            raise UpdateError(f"{candidate.bundle} fails the health gate: {said}")
        try:
            return msgspec.json.decode(done.stdout.splitlines()[-1], type=Measurement)
        except (IndexError, msgspec.MsgspecError) as exc:
            raise UpdateError(f"{candidate.bundle} fails the health gate: it says nothing") from exc


def failures(
    found: Measurement, before: Measurement | None, contents: Contents, options: UpdateOptions
) -> list[str]:
    """Return why a measurement is not good enough, nothing if it is; pure."""
    score, limits = found.score, contents.limits
    said = []
    if contents.golden and score.share < options.golden_share:
        said.append(
            f"{score.right} of {score.total} right < {options.golden_share:.0%} "
            f"({'; '.join(score.wrong)})"
        )
    most_ms = [each for each in (limits.p95_ms, options.max_p95_ms) if each is not None]
    most_mb = [each for each in (limits.rss_mb, options.max_rss_mb) if each is not None]
    if before is not None:
        most_ms.append(before.score.p95_ms * options.slower + _NOISE_MS)
        most_mb.append(before.rss_mb * options.larger + _NOISE_MB)
    if most_ms and score.p95_ms > min(most_ms):
        said.append(f"p95 {score.p95_ms:.1f} ms > {min(most_ms):.1f} ms")
    if most_mb and found.rss_mb > min(most_mb):
        said.append(f"memory {found.rss_mb:.0f} MB > {min(most_mb):.0f} MB")
    return said


def _at_once(found: Measurement) -> Measurement:
    return msgspec.structs.replace(found, score=msgspec.structs.replace(found.score, p95_ms=0.0))


def _faster(one: Measurement, other: Measurement) -> Measurement:
    """Return the faster of two measurements of one thing: a board that is busy only adds time."""
    return min(one, other, key=lambda each: each.score.p95_ms)


def _sizes(directory: Path) -> list[int]:
    return [path.stat().st_size for path in directory.rglob("*") if path.is_file()]


def _available_mb() -> float | None:
    try:
        meminfo = Path("/proc/meminfo").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"MemAvailable:\s+(\d+) kB", meminfo)
    return int(found[1]) / 1000 if found else None
