"""``python -m benchmarks.boot``: exit status 1 if a goal is missed.

Builds an image with ``edge-flash rootfs``, boots it on emulated boards, asks over MQTT, compares
with this machine, and cuts the power under load. A table and, as the last line of stdout, a JSON
document; progress on stderr. What fails is said in both, and the rest goes on. Needs Debian's
packages qemu-system-arm, qemu-efi-aarch64, qemu-user-static, mmdebstrap, arch-test, uidmap and
mosquitto, and the network to build.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.boot import guest as guests
from benchmarks.boot.app import App
from benchmarks.boot.boards import GOALS, board_table, copy_image, try_board
from benchmarks.boot.brokers import fixed_broker
from benchmarks.boot.build import NODE, PORT, build_image, build_wheel, unpack_wheel
from benchmarks.boot.cuts import Cuts, cut_line, power_cuts, seed_of
from benchmarks.boot.guest import Guest
from benchmarks.boot.queries import here
from benchmarks.harness.report import begin, publish

_CPUS = ("cortex-a72", "cortex-a76")


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
        cuts = None
        with fixed_broker(work, PORT) as running:
            app = App(running.port, NODE)
            try:
                for cpu in options.cpu:
                    _say(f"{cpu} boots")
                    boards.append(try_board(cpu, image, work, app, wanted))
                if options.cuts:
                    cuts = _cut(options, image, work, app, running.url)
            finally:
                app.stop()
    is_good = all(board["is_good"] for board in boards)
    parts = [board_table(boards)] if boards else []
    if cuts is not None:
        is_good = is_good and cuts.is_good
        document["cuts"] = dataclasses.asdict(cuts)
        parts.append(cut_line(cuts))
    document |= {
        "boards": boards, "goals": GOALS, "took_s": round(time.monotonic() - began, 1),
        "is_good": is_good,
    }  # fmt: skip
    publish("\n\n".join(parts), document, options.out)
    return 0 if is_good else 1


def _cut(options: argparse.Namespace, image: Path, work: Path, app: App, url: str) -> Cuts:
    disk = copy_image(image, work / "cuts.img")
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
    parser.add_argument("--cut-minutes", type=float, default=45, help="stop cutting after that")
    parser.add_argument("--image", type=Path, help="boot this one; built here if it is not there")
    parser.add_argument("--wheel", type=Path, help="of edge-runtime; built if left out")
    parser.add_argument("--build-only", action="store_true", help="build the image, boot nothing")
    parser.add_argument("--out", type=Path, help="write results.json and table.md here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
