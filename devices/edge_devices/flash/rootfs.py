"""``edge-flash rootfs``: a whole Debian for arm64 with the node in it, for UEFI."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from edge_devices.flash.archive import archive_files, archive_tree
from edge_devices.flash.errors import FlashError
from edge_devices.flash.fat import FatVolume
from edge_devices.flash.fat_format import format_fat32
from edge_devices.flash.image import bundle_trees
from edge_devices.flash.initramfs import build_initramfs
from edge_devices.flash.installation import PROGRAM, Source, build_installation
from edge_devices.flash.node_files import NodeFiles
from edge_devices.flash.partitions import LINUX, Partition, write_partitions
from edge_devices.services.plan import File

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}

_UEFI = 0xEF
_MIB = 1 << 20
_BOOT_MIB = 128
_TIMEOUT_S = 3600
_PACKAGES = (
    "systemd-sysv", "udev", "dbus", "kmod", "iproute2", "python3", "ca-certificates",
    "busybox-static", "systemd-boot-efi",
)  # fmt: skip
_TOOLS = {
    "mmdebstrap": "mmdebstrap", "unshare": "util-linux", "mke2fs": "e2fsprogs",
    "newuidmap": "uidmap", "arch-test": "arch-test",
}  # fmt: skip
_EMULATORS = ("qemu-aarch64-static", "qemu-aarch64")
_NETWORK = "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n\n[Link]\nRequiredForOnline=no\n"
_ENABLED = "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service"


@dataclass(frozen=True)
class Plan:
    """What is built: ``packages`` besides those that every image has, sizes in MiB."""

    suite: str
    kernel: str
    host: str
    size_mib: int
    packages: tuple[str, ...] = ()
    mirror: str = ""
    overlay: Path | None = None
    command: str = field(default="quiet")


@dataclass(frozen=True)
class Built:
    """Size of the installation in MB of 10^6 bytes, and how the root file system is named."""

    installed_mb: float
    root: str


def build_rootfs(
    out: Path,
    plan: Plan,
    *,
    source: Source,
    node: NodeFiles,
    bundles: Sequence[Path] = (),
    say: Callable[[str], None],
) -> Built:
    """Write the image ``out``; it appears only when it is whole. Neither root nor mounts.

    Raises:
        FlashError: a program is missing or fails.
    """
    emulator = _check_tools()
    part = out.with_name(f"{out.name}.part").absolute()
    # the same for the same host, so that two cards in one reader can be told apart
    disk_id = int.from_bytes(plan.host.encode(), "big") % 0xFFFFFFFE + 1
    root = f"PARTUUID={disk_id:08x}-02"
    try:
        with tempfile.TemporaryDirectory(prefix="edge-rootfs-") as name:
            work = Path(name)
            say("installing edge-runtime for it")
            installed_mb = build_installation(source, PYTHONS[plan.suite], work / "tree")
            packed = archive_tree(work / "tree", node.public, bundle_trees(bundles))
            (work / "installation.tar.gz").write_bytes(packed)
            shutil.rmtree(work / "tree")
            (work / "files.tar").write_bytes(archive_files([*node.secret, *_files(plan)]))
            if plan.overlay is not None:
                (work / "overlay.tar").write_bytes(_overlay(plan.overlay))
            boot_size = _BOOT_MIB * _MIB
            partitions = [
                Partition(1, _UEFI, _MIB, boot_size),
                Partition(2, LINUX, _MIB + boot_size, plan.size_mib * _MIB),
            ]
            with part.open("wb") as image:
                part.chmod(0o600)
                image.truncate(_MIB + boot_size + plan.size_mib * _MIB)
                write_partitions(image, partitions, disk_id)
            say(f"building Debian {plan.suite} for arm64: minutes under an emulator")
            _debian(plan, emulator, part, partitions[1], work)
            with part.open("r+b") as image:
                format_fat32(image, _MIB, boot_size, "EDGE-BOOT")
                _fill_boot(FatVolume(image, _MIB), work / "boot", f"root={root} {plan.command}")
        part.replace(out)
    except FlashError:
        part.unlink(missing_ok=True)
        raise
    except OSError as exc:
        part.unlink(missing_ok=True)
        raise FlashError(f"{out} cannot be written: {exc}") from exc
    return Built(installed_mb, root)


def _check_tools() -> str:
    missing = [package for tool, package in _TOOLS.items() if shutil.which(tool) is None]
    emulator = next(filter(None, map(shutil.which, _EMULATORS)), None)
    if emulator is None:
        missing.append("qemu-user-static")
    if missing:
        raise FlashError(f"programs are missing; run: sudo apt install {' '.join(missing)}")
    return emulator or ""


def _debian(plan: Plan, emulator: str, image: Path, root: Partition, work: Path) -> None:
    (work / "finish.sh").write_bytes(_asset("finish.sh"))
    # the mapped root of mmdebstrap reads them as another user
    for path in (work, *work.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    packages = ",".join(dict.fromkeys([*_PACKAGES, plan.kernel, *plan.packages]))
    (work / "build.sh").write_bytes(_asset("build.sh"))
    command = [
        "unshare", "--user", "--map-root-user", "--map-auto", "--mount", "--pid", "--fork",
        "--kill-child", "--mount-proc", "sh", str(work / "build.sh"), emulator, str(image),
        str(root.offset), str(root.size // 1024), str(work), plan.suite, plan.mirror, packages,
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
        said = [line for line in lines if line.startswith(("E:", "unshare:", "newuidmap:"))]
        raise FlashError(f"mmdebstrap: {' / '.join(said[:2] or lines[-1:])}")


def _fill_boot(boot: FatVolume, parts: Path, command: str) -> None:
    initramfs = build_initramfs(_asset("init"), (parts / "busybox").read_bytes(), parts / "modules")
    entry = f"title edge-runtime\nlinux /vmlinuz\ninitrd /initrd.img\noptions {command}\n"
    for name, content in {
        "vmlinuz": (parts / "vmlinuz").read_bytes(),
        "initrd.img": initramfs,
        "cmdline.txt": f"{command}\n".encode(),
        "EFI/BOOT/BOOTAA64.EFI": (parts / "systemd-bootaa64.efi").read_bytes(),
        "loader/loader.conf": b"timeout 0\n",
        "loader/entries/edge.conf": entry.encode(),
    }.items():
        boot.write(name, content)
    boot.flush()


def _files(plan: Plan) -> list[File]:
    return [
        File(Path("/etc/hostname"), f"{plan.host}\n"),
        File(Path("/etc/hosts"), f"127.0.0.1 localhost\n127.0.1.1 {plan.host}\n::1 localhost\n"),
        File(Path("/etc/fstab"), "LABEL=edge-root / ext4 defaults,noatime,errors=remount-ro 0 1\n"),
        # made at the first boot, each board its own
        File(Path("/etc/machine-id")),
        File(Path("/etc/systemd/network/80-ethernet.network"), _NETWORK),
        File(Path(_ENABLED), target="/lib/systemd/system/systemd-networkd.service"),
        File(Path("/usr/local/bin/edge-run"), target=str(PROGRAM)),
    ]


def _overlay(directory: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(directory.rglob("*")):
            archive.add(path, str(path.relative_to(directory)), recursive=False)
    return buffer.getvalue()


def _asset(name: str) -> bytes:
    return (resources.files("edge_devices") / "assets/rootfs" / name).read_bytes()
