"""Boards as programs see them: their CPU for the emulator, and the kernel's files about it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arm64.packages import PYTHON_VERSION

_CORES = 4
_TIMEOUT_S = 300
_OLD = "fp asimd evtstrm crc32 cpuid"
_NEW = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop "
    "asimddp"
)


@dataclass(frozen=True)
class Board:
    """A board: ``cpu`` is the emulator's name, ``part`` the number in /proc/cpuinfo."""

    profile: str
    cpu: str
    model: str
    part: str
    features: str


BOARDS = (
    Board("pi-zero-2w", "cortex-a53", "Raspberry Pi Zero 2 W Rev 1.0", "0xd03", _OLD),
    Board("pi4", "cortex-a72", "Raspberry Pi 4 Model B Rev 1.5", "0xd08", _OLD),
    Board("pi5", "cortex-a76", "Raspberry Pi 5 Model B Rev 1.0", "0xd0b", _NEW),
)


@dataclass(frozen=True)
class Emulated:
    """Runs Python of a root file system on a board's CPU.

    ``site`` holds the installed packages, below ``root``; ``options`` are the emulator's.
    """

    board: Board
    emulator: Path
    root: Path
    site: Path
    options: tuple[str, ...] = ()

    def python(
        self, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run Python with these arguments; its exit status is the caller's to judge."""
        pretend(self.board, self.root)
        interpreter = self.root / f"usr/bin/python{PYTHON_VERSION}"
        return subprocess.run(
            [str(self.emulator), "-cpu", self.board.cpu, "-L", str(self.root), *self.options,
             str(interpreter), *arguments],
            env={"PYTHONPATH": str(self.site), "PYTHONDONTWRITEBYTECODE": "1",
                 "EDGE_SOCKET": "off", "HOME": str(self.root / "tmp"), **environment},
            capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip


def pretend(board: Board, root: Path) -> None:
    """Write the kernel's files of a board, without which a program reads those of this machine.

    ONNX Runtime ends with an error when they do not fit its CPU.
    """
    core = (
        "processor\t: {number}\nBogoMIPS\t: 108.00\nFeatures\t: {features}\n"
        "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n"
        "CPU part\t: {part}\nCPU revision\t: 3\n\n"
    )
    files = {
        "proc/cpuinfo": "".join(
            core.format(number=number, features=board.features, part=board.part)
            for number in range(_CORES)
        ),
        "proc/device-tree/model": f"{board.model}\0",
        **{
            f"sys/devices/system/cpu/{name}": f"0-{_CORES - 1}\n"
            for name in ("present", "possible", "online")
        },
        **{
            f"sys/devices/system/cpu/cpu{number}/topology/{name}": f"{value}\n"
            for number in range(_CORES)
            for name, value in (("physical_package_id", 0), ("core_id", number))
        },
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "tmp").mkdir(exist_ok=True)
