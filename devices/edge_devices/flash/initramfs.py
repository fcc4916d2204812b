"""An initial root file system that mounts the real one: made here, whatever processor it is for."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterable, Iterator
from pathlib import Path

_FILE, _DIRECTORY = 0o100000, 0o040000
_DIRECTORIES = ("bin", "dev", "proc", "sys", "root", "modules")
# on virtual machines and boards: what a root file system can lie on
_MODULES = (
    "ext4", "virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi", "sd_mod", "nvme", "ahci",
    "xhci_pci", "xhci_plat_hcd", "usb_storage", "uas", "mmc_block", "sdhci_iproc", "sdhci_brcmstb",
    "bcm2835", "sdhci_acpi", "dw_mmc_pltfm", "meson_gx_mmc", "sunxi_mmc",
)  # fmt: skip


def build_initramfs(init: bytes, busybox: bytes, modules: Path) -> bytes:
    """Return a compressed cpio archive (the kernel's driver-api/early-userspace/buffer-format).

    ``modules`` is a kernel's directory with ``modules.dep``; those that are built in, or not made
    for this kernel, are left out.
    """
    entries: list[tuple[str, int, bytes]] = [(n, _DIRECTORY | 0o755, b"") for n in _DIRECTORIES]
    entries.append(("init", _FILE | 0o755, init))
    entries.append(("bin/busybox", _FILE | 0o755, busybox))
    order = []
    for path in needed_modules((modules / "modules.dep").read_text()):
        name = path.rpartition("/")[2].removesuffix(".xz")
        order.append(name)
        entries.append((f"modules/{name}", _FILE | 0o644, _module(modules / path)))
    entries.append(("modules/order", _FILE | 0o644, "".join(f"{n}\n" for n in order).encode()))
    return gzip.compress(_cpio(entries), compresslevel=6, mtime=0)


def needed_modules(dependencies: str, wanted: Iterable[str] = _MODULES) -> list[str]:
    """Return paths of modules, each after those that it needs.

    ``dependencies`` is the text of ``modules.dep``.
    """
    needs = {}
    by_name = {}
    for line in dependencies.splitlines():
        path, _, rest = line.partition(":")
        # the nearest stands first there, the one that needs nothing last
        needs[path] = rest.split()[::-1]
        by_name[path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")] = path
    order: dict[str, None] = {}
    for name in wanted:
        if (found := by_name.get(name)) is not None:
            order.update(dict.fromkeys([*needs[found], found]))
    return list(order)


def _module(path: Path) -> bytes:
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def _cpio(entries: Iterable[tuple[str, int, bytes]]) -> bytes:
    return b"".join(_records([*entries, ("TRAILER!!!", 0, b"")]))


def _records(entries: Iterable[tuple[str, int, bytes]]) -> Iterator[bytes]:
    for number, (name, mode, content) in enumerate(entries, start=1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + "".join(f"{field:08x}" for field in fields).encode()
        yield _padded(head + name.encode() + b"\0")
        yield _padded(content)


def _padded(part: bytes) -> bytes:
    return part + bytes(-len(part) % 4)
