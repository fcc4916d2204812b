from __future__ import annotations

from pathlib import Path

import pytest

from edge_devices.flash.disks import find_disk
from edge_devices.flash.errors import DiskError
from tests.devices.flash.system import System


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def test_a_removable_disk_is_found_with_what_is_on_it(system: System) -> None:
    device = system.disk("sdb", size=32_000_000_000, parts=[("sdb1", 536_870_912, "bootfs")])
    disk = find_disk(device, system.root)
    assert (disk.size, [part.label for part in disk.parts]) == (32_000_000_000, ["bootfs"])
    assert disk.lines() == [
        f"{device}: Generic STORAGE DEVICE, 32.0 GB",
        "  sdb1: 537 MB 'bootfs'",
    ]


def test_a_card_in_a_reader_that_is_built_in_is_removable(system: System) -> None:
    device = system.disk("mmcblk0", removable="0", kind="SD", parts=[("mmcblk0p1", 1 << 20, "")])
    assert [part.name for part in find_disk(device, system.root).parts] == ["mmcblk0p1"]


def test_a_usb_disk_is_removable(system: System) -> None:
    device = system.disk("sdc", removable="0", bus="pci0000:00/usb2/2-1")
    assert find_disk(device, system.root).path == device


@pytest.mark.parametrize(("name", "kind"), [("nvme0n1", ""), ("sda", ""), ("mmcblk1", "MMC")])
def test_a_disk_that_is_built_in_is_refused(system: System, name: str, kind: str) -> None:
    device = system.disk(name, removable="0", kind=kind)
    with pytest.raises(DiskError, match="is built in"):
        find_disk(device, system.root)


def test_a_partition_is_refused_and_its_disk_named(system: System) -> None:
    system.disk("sdb", parts=[("sdb1", 1 << 20, "")])
    with pytest.raises(DiskError, match="is a partition; give the whole disk, /dev/sdb"):
        find_disk(system.root / "dev/sdb1", system.root)


def test_a_mounted_disk_is_refused(system: System) -> None:
    device = system.disk("sdb", parts=[("sdb1", 1 << 20, "bootfs")])
    system.mount("sdb1", "/media/me/bootfs")
    with pytest.raises(DiskError, match="sdb1 at /media/me/bootfs; run: sudo umount /dev/sdb1"):
        find_disk(device, system.root)


def test_a_disk_that_is_swapped_to_is_refused(system: System) -> None:
    device = system.disk("sdb", parts=[("sdb1", 1 << 20, "")])
    (system.root / "proc/swaps").write_text("Filename Type\n/dev/sdb1 partition 1 0 -2\n")
    with pytest.raises(DiskError, match="sdb1 at swap"):
        find_disk(device, system.root)


def test_a_disk_below_another_is_refused(system: System) -> None:
    device = system.disk("sdb", parts=[("sdb1", 1 << 20, "")])
    (system.root / "sys/class/block/sdb/sdb1/holders/dm-0").mkdir(parents=True)
    with pytest.raises(DiskError, match="in use by dm-0"):
        find_disk(device, system.root)


def test_an_empty_reader_is_said(system: System) -> None:
    with pytest.raises(DiskError, match="put the card into its reader"):
        find_disk(system.disk("sdb", size=0), system.root)


def test_a_file_of_a_disks_name_is_no_disk(system: System, tmp_path: Path) -> None:
    system.disk("sdb", number="8:16")
    (tmp_path / "elsewhere").mkdir()
    impostor = tmp_path / "elsewhere/sdb"
    impostor.write_bytes(b"")
    for path in (impostor, tmp_path / "elsewhere/sdx"):
        with pytest.raises(DiskError):
            find_disk(path, system.root)
