"""On a real block device: needs root, and loop devices."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_devices.flash.disks import Disk, find_disk
from edge_devices.flash.errors import DiskError
from edge_devices.flash.write import verify_image, write_image
from tests.devices.flash import lookalike

SIZE = 80 << 20


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Path]:
    backing = tmp_path / "backing"
    with backing.open("wb") as file:
        file.truncate(SIZE)
    if os.geteuid() != 0:
        pytest.skip("loop devices need root")
    done = subprocess.run(
        ["losetup", "--find", "--show", backing], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no loop device here: {done.stderr.strip()}")
    device = Path(done.stdout.strip())
    yield device
    subprocess.run(["losetup", "--detach", device], check=True)


def ignore(_done: int, _total: int) -> None:
    pass


def test_a_loop_device_is_no_removable_disk(loop: Path) -> None:
    with pytest.raises(DiskError, match="is built in"):
        find_disk(loop)


def test_an_image_is_on_the_device_and_the_device_knows_its_partitions(
    loop: Path, tmp_path: Path
) -> None:
    image = lookalike.make(tmp_path / "base.img")
    write_image(image, Disk(loop, "loop", SIZE, ()), ignore)
    verify_image(image, loop, ignore)
    with loop.open("rb") as device:
        device.seek(lookalike.BOOT.offset + 82)
        assert device.read(5) == b"FAT32"


def test_a_mounted_device_is_not_opened(loop: Path, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"x" * 4096)
    subprocess.run(["mke2fs", "-q", "-F", loop], check=True)
    place = tmp_path / "mounted"
    place.mkdir()
    mounted = subprocess.run(["mount", loop, place], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        with pytest.raises(DiskError, match="is it in use"):
            write_image(image, Disk(loop, "loop", SIZE, ()), ignore)
    finally:
        subprocess.run(["umount", place], check=True)
