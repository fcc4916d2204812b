"""Builds a root file system of Debian for arm64 inside an image: without root, without mounting."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from edge_devices.flash.errors import FlashError
from edge_devices.flash.initramfs import build_initramfs
from edge_devices.flash.partitions import Partition

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}

_TIMEOUT_S = 3600
# what a system needs that starts and has a network; its initramfs is made of busybox
_PACKAGES = (
    "systemd-sysv", "udev", "dbus", "kmod", "iproute2", "python3", "ca-certificates",
    "busybox-static",
)  # fmt: skip
_TOOLS = {
    "mmdebstrap": "mmdebstrap", "unshare": "util-linux", "mke2fs": "e2fsprogs",
    "newuidmap": "uidmap", "arch-test": "arch-test",
}  # fmt: skip
_EMULATORS = ("qemu-aarch64-static", "qemu-aarch64")


@dataclass(frozen=True)
class Debian:
    """What is built: ``packages`` besides those that every system has."""

    suite: str
    kernel: str
    packages: tuple[str, ...] = ()
    mirror: str = ""


@dataclass(frozen=True)
class Kernel:
    """What starts the system: the kernel, and an initramfs that mounts ``root=PARTUUID=…``."""

    image: bytes
    initramfs: bytes
    boot_loader: bytes | None


def build_debian(
    debian: Debian, image: Path, root: Partition, archives: Mapping[str, bytes], work: Path
) -> Kernel:
    """Fill the partition ``root`` of an image; ``archives`` are unpacked over the system at last.

    ``work`` is an empty directory. The names of archives end with ``.tar`` or ``.tar.gz``.

    Raises:
        FlashError: a program is missing or fails.
    """
    emulator = _check_tools()
    (work / "archives").mkdir()
    for name, content in archives.items():
        (work / "archives" / name).write_bytes(content)
    for name in ("build.sh", "finish.sh"):
        (work / name).write_bytes(asset(name))
    packages = ",".join(dict.fromkeys([*_PACKAGES, debian.kernel, *debian.packages]))
    command = [
        "unshare", "--user", "--map-root-user", "--map-auto", "--mount", "--pid", "--fork",
        "--kill-child", "--mount-proc", "sh", str(work / "build.sh"), emulator, str(image),
        str(root.offset), str(root.size // 1024), str(work), debian.suite, debian.mirror, packages,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            errors="replace", timeout=_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as exc:
        raise FlashError(f"mmdebstrap: no end within {_TIMEOUT_S} s") from exc
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        wrong = next((n for n, line in enumerate(lines) if line.startswith("E:")), len(lines) - 1)
        # what failed says why just before mmdebstrap says that it did
        raise FlashError(f"mmdebstrap: {' / '.join(lines[max(0, wrong - 1) : wrong + 1])}")
    boot = work / "boot"
    loader = boot / "systemd-bootaa64.efi"
    return Kernel(
        (boot / "vmlinuz").read_bytes(),
        build_initramfs(asset("init"), (boot / "busybox").read_bytes(), boot / "modules"),
        loader.read_bytes() if loader.exists() else None,
    )


def asset(name: str) -> bytes:
    """Return a file of ``assets/rootfs``."""
    return (resources.files("edge_devices") / "assets/rootfs" / name).read_bytes()


def _check_tools() -> str:
    missing = [package for tool, package in _TOOLS.items() if shutil.which(tool) is None]
    emulator = next(filter(None, map(shutil.which, _EMULATORS)), None)
    if emulator is None:
        missing.append("qemu-user-static")
    if missing:
        raise FlashError(f"programs are missing; run: sudo apt install {' '.join(missing)}")
    return emulator or ""
