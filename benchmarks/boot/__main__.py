"""``python -m benchmarks.boot``: exit status 1 if a goal is missed.

Builds an image with ``edge-flash rootfs``, boots it on emulated boards, asks over MQTT, compares
with this machine, and cuts the power under load. A table and, as the last line of stdout, a JSON
document; progress on stderr. Needs Debian's packages qemu-system-arm, qemu-efi-aarch64,
qemu-user-static, mmdebstrap, arch-test, uidmap and mosquitto, and the network to build.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.boot import guest as guests
from benchmarks.boot.app import App
from benchmarks.boot.brokers import fixed_broker
from benchmarks.boot.build import NODE, PORT, build_image, build_wheel, unpack_wheel
from benchmarks.boot.cuts import BOOT_TIMEOUT_S, Cuts, power_cuts, seed_of
from benchmarks.boot.guest import Guest
from benchmarks.boot.measure import Footprint, footprint
from benchmarks.boot.queries import LOCAL, QUERIES, difference, here, is_same
from benchmarks.harness.report import begin, markdown, publish

_CPUS = ("cortex-a72", "cortex-a76")
_GOALS = {"installed_mb": 130.0, "rss_mb": 110.0, "security": 2.0}
_ANSWER_TIMEOUT_S = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, boot, ask, cut, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    if (packages := guests.missing()) is not None:
        print(f"error: run: sudo apt install {packages}", file=sys.stderr)
        return 1
    document = begin("boot")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="edge-boot-") as scratch:
        work = Path(scratch)
        wheel = options.wheel or build_wheel(work / "dist")
        image = options.image or work / "edge.img"
        if not image.exists():
            build_image(image, wheel, work, _say)
            document["build_s"] = round(time.monotonic() - began, 1)
        if options.build_only:
            return 0
        wanted = here(unpack_wheel(wheel, work / "code"))
        boards = []
        with fixed_broker(work, PORT) as running:
            app = App(running.port, NODE)
            try:
                for cpu in options.cpu:
                    _say(f"{cpu} boots")
                    boards.append(_on_board(cpu, image, work, app, wanted))
                cuts = None
                if options.cuts:
                    cuts = _cut(options, image, work, app, running.url)
            finally:
                app.stop()
    is_good = all(board["is_good"] for board in boards)
    if cuts is not None:
        is_good = is_good and not cuts.lost and not cuts.file_system_errors and cuts.done > 0
        document["cuts"] = dataclasses.asdict(cuts)
    document |= {
        "boards": boards, "goals": _GOALS, "took_s": round(time.monotonic() - began, 1),
        "is_good": is_good,
    }  # fmt: skip
    publish(_table(boards, cuts), document, options.out)
    return 0 if is_good else 1


def _on_board(
    cpu: str, image: Path, work: Path, app: App, wanted: list[dict[str, Any]]
) -> dict[str, Any]:
    """Boot a copy of the image, measure, ask, and compare."""
    seen = app.online
    machine = Guest(cpu, _copy(image, work / f"{cpu}.img"))
    try:
        boot_s = app.wait_online(seen + 1, BOOT_TIMEOUT_S) - machine.began
        idle = footprint(machine)
        asked = [app.ask(task, text, policy=LOCAL) for task, text in QUERIES]
        app.wait_final(asked, _ANSWER_TIMEOUT_S)
        after = footprint(machine)
        python = machine.shell("/opt/edge-runtime/bin/python3 --version")
        machine.shell("systemctl poweroff --no-block")
        machine.wait_end(_ANSWER_TIMEOUT_S)
    finally:
        machine.cut()
        (work / f"{cpu}.img").unlink(missing_ok=True)
    answers = []
    for each, reference in zip(asked, wanted, strict=True):
        said = (each.final or {}).get("result")
        answers.append(
            {
                "task": each.task,
                "text": each.text,
                "distance": difference(said, reference["result"]),
                "is_same": is_same(said, reference["result"]),
                "result": None if each.task == "embed" else said,
            }
        )
    misses = _misses(idle)
    return {
        "cpu": cpu,
        "python": python,
        "boot_s": round(boot_s, 1),
        "idle": dataclasses.asdict(idle),
        "after_queries": dataclasses.asdict(after),
        "answers": answers,
        "misses": misses,
        "is_good": not misses and all(each["is_same"] for each in answers),
    }


def _cut(options: argparse.Namespace, image: Path, work: Path, app: App, url: str) -> Cuts:
    disk = _copy(image, work / "cuts.img")
    return power_cuts(
        app,
        lambda: Guest(_CPUS[0], disk),
        options.cuts,
        lambda: _worker(work / "code", url),
        seed=seed_of(disk),
        give_up_at=time.monotonic() + options.cut_minutes * 60,
    )


@contextlib.contextmanager
def _worker(code: Path, url: str) -> Iterator[None]:
    """Run a worker on this machine that shows what a large model would have got."""
    command = ["-m", "edge_runtime.cli.cloud", "serve", "--id", "boot-worker", "--llm", "inspect"]
    process = subprocess.Popen(
        [sys.executable, *command, "--broker", url],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(code)},
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _copy(image: Path, to: Path) -> Path:
    """Copy with the holes."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(image), str(to)], check=True)
    return to


def _misses(found: Footprint) -> list[str]:
    values = dataclasses.asdict(found)
    return [
        f"{name} {values[name]:.1f} > {goal:g}"
        for name, goal in _GOALS.items()
        if values[name] > goal
    ]


def _table(boards: Sequence[dict[str, Any]], cuts: Cuts | None) -> str:
    rows = [
        [
            board["cpu"],
            f"{board['boot_s']:.0f}",
            f"{board['idle']['service_s']:.0f}",
            f"{board['idle']['rss_mb']:.0f}",
            f"{board['after_queries']['rss_mb']:.0f}",
            f"{board['idle']['installed_mb']:.0f} + {board['idle']['compiled_mb']:.0f}",
            f"{board['idle']['security']:.1f}",
            f"{sum(each['is_same'] for each in board['answers'])} of {len(board['answers'])}",
        ]
        for board in boards
    ]
    header = [
        "CPU (emulated)", "power to online, s", "kernel to ready, s", "idle RSS, MB",
        "after the queries, MB", "installed + compiled, MB", "systemd security",
        "same answers as x86-64",
    ]  # fmt: skip
    goals = "Goals: idle RSS 110 MB, installed 130 MB, security 2.0."
    table = f"{markdown(header, rows)}\n\n{goals}" if rows else ""
    if cuts is None:
        return table
    return (
        f"{table}\n\nPower cuts under load: {cuts.done}; up again by itself every time, after "
        f"{statistics.median(cuts.boot_s):.0f} s (median, {max(cuts.boot_s):.0f} s at most). "
        f"{cuts.asked} requests, {cuts.open_questions} of them for the large model; lost: "
        f"{len(cuts.lost)}; answered twice: {cuts.doubled}, differently: {cuts.different}."
    ).strip()


def _say(what: str) -> None:
    print(what, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.boot",
        description="Boot the image on emulated boards, ask, compare, and cut the power.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--cpu", choices=_CPUS, nargs="*", default=list(_CPUS), help="which boards")
    parser.add_argument("--cuts", type=int, default=20, help="power cuts; 0 for none")
    parser.add_argument("--cut-minutes", type=float, default=60, help="stop cutting after that")
    parser.add_argument("--image", type=Path, help="boot this one; built here if it is not there")
    parser.add_argument("--wheel", type=Path, help="of edge-runtime; built if left out")
    parser.add_argument("--build-only", action="store_true", help="build the image, boot nothing")
    parser.add_argument("--out", type=Path, help="write results.json and table.md here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
