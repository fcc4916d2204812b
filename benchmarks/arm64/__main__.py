"""``python -m benchmarks.arm64``: exit status 1 if a board says something else or a goal is missed.

A table and, as the last line of stdout, a JSON document; progress on stderr. Needs Debian's apt
(packages are unpacked, none is installed), pip, and the network.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.arm64 import outputs, packages
from benchmarks.arm64.board import BOARDS, Board, Emulated
from benchmarks.arm64.bundles import forms, make_bundles
from benchmarks.arm64.compare import Arrays, Difference, differences
from benchmarks.arm64.install import build_wheel, install, size_mb
from benchmarks.arm64.instructions import PACKAGE, count_instructions
from benchmarks.arm64.sensitivity import perturbed
from benchmarks.harness.report import begin, markdown, publish
from edge_devices.prune import prune

_GOAL_MB = 130
_TEXTS = [
    "turn on the kitchen light",
    "Who was Angela Merkel, and why did she call +49 170 1234567?",
    "play some jazz in the living room",
    "I love it, but the battery died after two days.",
    "why is the sky blue?",
]
_SHIPPED = "assistant (ships with the wheel)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare, run on every board, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    boards = [board for board in BOARDS if board.cpu in options.cpu]
    document = begin("arm64")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="edge-arm64-") as scratch:
        work = Path(scratch)
        try:
            emulator, root = _fetch_tools(work)
        except OSError as exc:
            if not options.skip_without_tools:
                raise
            _say(f"warning: skipped, since the tools cannot be had here: {exc}")
            return 0
        site, sizes = _install(work, root)
        _say("bundles of every form")
        bundles = make_bundles(forms([board.profile for board in BOARDS]), work / "bundles")
        # the wheel's own, in case that this checkout's is changed meanwhile
        bundles[_SHIPPED] = site / "edge_runtime/data/assistant"
        here = _here(work, "here", bundles)
        _say("the same with changed last bits")
        changed = _here(
            work,
            "changed",
            {
                name: perturbed(str(path), work / f"changed-{number}")
                for number, (name, path) in enumerate(bundles.items())
            },
        )
        results = [
            _on_board(Emulated(board, emulator, root, site), work, bundles, (here, changed))
            for board in boards
        ]
        _say("instructions of a cold start")
        counting = work / "host/usr/bin/qemu-aarch64"
        counts: dict[str, int] | str
        try:
            counts = count_instructions(Emulated(boards[-1], emulator, root, site), counting, work)
        except OSError as exc:
            counts = f"not counted: {exc}"
    is_good = all(result["is_good"] for result in results) and sizes["pruned_mb"] <= _GOAL_MB
    document |= {
        "sizes": sizes,
        "goal_mb": _GOAL_MB,
        "boards": results,
        "instructions": counts,
        "took_s": round(time.monotonic() - started, 1),
        "is_good": is_good,
    }
    publish(_table(results, sizes, counts), document, options.out)
    return 0 if is_good else 1


def _fetch_tools(work: Path) -> tuple[Path, Path]:
    """Return an emulator, and the root directory of a Python for arm64.

    Raises:
        OSError: this is no Debian, or its packages cannot be fetched.
    """
    _say("an emulator, and Python of Debian for arm64")
    host = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    packages.unpack((packages.EMULATOR, PACKAGE), host, work / "host", work / "host-apt")
    packages.unpack(packages.PYTHON, "arm64", work / "root", work / "arm64-apt")
    return work / "host/usr/bin/qemu-aarch64-static", work / "root"


def _install(work: Path, root: Path) -> tuple[Path, dict[str, float]]:
    """Return where the wheel is installed, and its sizes before and after pruning."""
    _say("the wheel and its dependencies for arm64")
    wheel = build_wheel(work / "dist")
    site = root / "opt/site"
    install(wheel, site)
    whole = size_mb(site)
    prune(site)
    return site, {"whole_mb": round(whole, 1), "pruned_mb": round(size_mb(site), 1)}


def _here(work: Path, name: str, bundles: dict[str, Path]) -> Arrays:
    """Compute on this machine, in a process of its own as on the boards."""
    done = subprocess.run(
        [sys.executable, outputs.__file__, str(_job(work, name, bundles))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise OSError(done.stderr.strip().splitlines()[-1])
    return dict(np.load(work / f"{name}.npz"))


def _on_board(
    board: Emulated, work: Path, bundles: dict[str, Path], references: tuple[Arrays, Arrays]
) -> dict[str, Any]:
    """Compute what the board's profile names, and what ships; compare."""
    of: Board = board.board
    _say(of.cpu)
    named = {name: bundles[name] for name in [*forms([of.profile]), _SHIPPED]}
    job = _job(work, of.cpu, named)
    started = time.monotonic()
    done = board.python([outputs.__file__, str(job)], {})
    result: dict[str, Any] = {
        "cpu": of.cpu, "profile": of.profile, "took_s": round(time.monotonic() - started, 1),
    }  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing was printed"])[-1]
        return result | {"error": f"status {done.returncode}: {last}", "is_good": False}
    facts = json.loads(done.stdout)
    compared = differences(
        dict(np.load(work / f"{of.cpu}.npz")),
        *({k: v for k, v in each.items() if k.split("|")[0] in named} for each in references),
    )
    is_good = all(each.is_good for each in compared) and facts["profile"] == of.profile
    return {
        **result,
        **facts,
        "bundles": [dataclasses.asdict(each) | {"is_good": each.is_good} for each in compared],
        "is_good": is_good,
    }


def _job(work: Path, name: str, bundles: dict[str, Path]) -> Path:
    path = work / f"{name}.json"
    document = {
        "bundles": {key: str(value) for key, value in bundles.items()},
        "texts": _TEXTS,
        "out": str(work / f"{name}.npz"),
    }
    path.write_text(json.dumps(document))
    return path


def _table(
    results: Sequence[dict[str, Any]], sizes: dict[str, float], counts: dict[str, int] | str
) -> str:
    rows = []
    for result in results:
        if "error" in result:
            rows.append([result["cpu"], result["error"], *[""] * 5])
        for each in result.get("bundles", []):
            found = Difference(**{k: v for k, v in each.items() if k != "is_good"})
            rows.append(
                [
                    result["cpu"],
                    found.bundle,
                    f"{found.equal:.1%}",
                    f"{found.distance:.1e}",
                    f"{found.noise:.1e}",
                    f"{found.others} of {found.choices}",
                    str(found.clear),
                ]
            )
    header = [
        "CPU", "bundle", "equal bit by bit", "distance", "distance by last bits", "other choices",
        "clearly other",
    ]  # fmt: skip
    fits = "within" if sizes["pruned_mb"] <= _GOAL_MB else "OVER"
    size = (
        f"Installed: {sizes['whole_mb']} MB; pruned {sizes['pruned_mb']} MB, "
        f"{fits} the goal of {_GOAL_MB} MB."
    )
    cold = f"Instructions of a whole process on {results[-1]['cpu']}: " + (
        counts
        if isinstance(counts, str)
        else ", ".join(f"{name} {count / 1e6:.0f} million" for name, count in counts.items())
    )
    return f"{markdown(header, rows, text_columns=2)}\n\n{size}\n\n{cold}."


def _say(what: str) -> None:
    print(what, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.arm64",
        description="Run the wheel on emulated boards and compare with this machine.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    cpus = [board.cpu for board in BOARDS]
    parser.add_argument("--cpu", choices=cpus, nargs="+", default=cpus, help="which boards")
    parser.add_argument(
        "--skip-without-tools", action="store_true",
        help="end with a warning and status 0 where Debian's packages cannot be had",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="write results.json and table.md here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
