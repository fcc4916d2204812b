"""``edge-flash rootfs``: a whole Debian for arm64 with the node in it, for UEFI."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_devices.flash.archive import archive_files, archive_tree
from edge_devices.flash.debian import PYTHONS, Debian, Kernel, build_debian
from edge_devices.flash.errors import FlashError
from edge_devices.flash.fat import FatVolume
from edge_devices.flash.fat_format import format_fat32
from edge_devices.flash.image import bundle_trees
from edge_devices.flash.installation import PROGRAM, Source, build_installation
from edge_devices.flash.node_files import NodeFiles
from edge_devices.flash.partitions import LINUX, Partition, write_partitions
from edge_devices.services.plan import File

_UEFI = 0xEF
_MIB = 1 << 20
_BOOT_MIB = 128
_LOADER = "systemd-boot-efi"
_NETWORK = "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n\n[Link]\nRequiredForOnline=no\n"
_ENABLED = "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service"


@dataclass(frozen=True)
class Plan:
    """What is built besides Debian: ``command`` goes to the kernel, ``overlay`` over the system."""

    host: str
    size_mib: int
    overlay: Path | None = None
    command: str = "quiet"


@dataclass(frozen=True)
class Built:
    """Size of the installation in MB of 10^6 bytes, and how the root file system is named."""

    installed_mb: float
    root: str


def build_rootfs(  # noqa: PLR0913 - all but three are keywords
    out: Path,
    debian: Debian,
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
    part = out.with_name(f"{out.name}.part").absolute()
    # the same for the same host, so that two cards in one reader can be told apart
    disk_id = int.from_bytes(plan.host.encode(), "big") % 0xFFFFFFFE + 1
    root = f"PARTUUID={disk_id:08x}-02"
    boot_size = _BOOT_MIB * _MIB
    partitions = [
        Partition(1, _UEFI, _MIB, boot_size),
        Partition(2, LINUX, _MIB + boot_size, plan.size_mib * _MIB),
    ]
    try:
        with tempfile.TemporaryDirectory(prefix="edge-rootfs-") as name:
            tree, work = Path(name, "tree"), Path(name, "work")
            work.mkdir()
            say("installing edge-runtime for it")
            installed_mb = build_installation(source, PYTHONS[debian.suite], tree)
            archives = {
                "1-installation.tar.gz": archive_tree(tree, node.public, bundle_trees(bundles)),
                "2-files.tar": archive_files([*node.secret, *_files(plan)]),
            }
            if plan.overlay is not None:
                archives["3-overlay.tar"] = _overlay(plan.overlay)
            with part.open("wb") as image:
                part.chmod(0o600)
                image.truncate(_MIB + boot_size + plan.size_mib * _MIB)
                write_partitions(image, partitions, disk_id)
            say(f"building Debian {debian.suite} for arm64: minutes under an emulator")
            whole = Debian(debian.suite, debian.kernel, (*debian.packages, _LOADER), debian.mirror)
            kernel = build_debian(whole, part, partitions[1], archives, work)
            with part.open("r+b") as image:
                format_fat32(image, _MIB, boot_size, "EDGE-BOOT")
                _fill_boot(FatVolume(image, _MIB), kernel, f"root={root} {plan.command}")
        part.replace(out)
    except FlashError:
        part.unlink(missing_ok=True)
        raise
    except OSError as exc:
        part.unlink(missing_ok=True)
        raise FlashError(f"{out} cannot be written: {exc}") from exc
    return Built(installed_mb, root)


def _fill_boot(boot: FatVolume, kernel: Kernel, command: str) -> None:
    entry = f"title edge-runtime\nlinux /vmlinuz\ninitrd /initrd.img\noptions {command}\n"
    for name, content in {
        "vmlinuz": kernel.image,
        "initrd.img": kernel.initramfs,
        "EFI/BOOT/BOOTAA64.EFI": kernel.boot_loader or b"",
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
