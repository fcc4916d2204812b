from __future__ import annotations

import gzip
import lzma
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_devices.flash.initramfs import build_initramfs, needed_modules

DEP = """\
kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko
kernel/fs/jbd2/jbd2.ko:
kernel/fs/mbcache.ko:
kernel/lib/crc16.ko:
kernel/drivers/block/virtio_blk.ko.xz:
kernel/drivers/usb/storage/usb-storage.ko: kernel/drivers/usb/core/usbcore.ko
kernel/drivers/usb/core/usbcore.ko:
"""


def test_a_module_stands_after_those_it_needs() -> None:
    order = [path.rpartition("/")[2] for path in needed_modules(DEP)]
    assert order.index("ext4.ko") > max(map(order.index, ["crc16.ko", "mbcache.ko", "jbd2.ko"]))
    assert order.index("usb-storage.ko") > order.index("usbcore.ko")
    assert "virtio_blk.ko.xz" in order
    assert len(order) == len(set(order)) == 7


def test_what_is_built_in_or_not_made_is_left_out() -> None:
    assert needed_modules("") == []


def test_cpio_unpacks_it(tmp_path: Path) -> None:
    if shutil.which("cpio") is None:
        pytest.skip("cpio is not installed")
    modules = tmp_path / "modules"
    for line in DEP.splitlines():
        path = modules / line.partition(":")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        content = path.name.encode()
        path.write_bytes(lzma.compress(content) if path.suffix == ".xz" else content)
    (modules / "modules.dep").write_text(DEP)
    archive = gzip.decompress(build_initramfs(b"#!/bin/sh\n", b"busybox", modules))
    (tmp_path / "out").mkdir()
    subprocess.run(["cpio", "-i", "-d", "--quiet"], input=archive, cwd=tmp_path / "out", check=True)
    assert (tmp_path / "out/init").stat().st_mode & 0o777 == 0o755
    order = (tmp_path / "out/modules/order").read_text().split()
    for name in order:
        # unpacked already: not every busybox can
        assert (tmp_path / "out/modules" / name).read_bytes().startswith(name.encode())
