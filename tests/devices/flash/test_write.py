from __future__ import annotations

import lzma
import os
import pty
from pathlib import Path

import pytest

from edge_devices.flash import cli
from edge_devices.flash.disks import Disk, find_disk
from edge_devices.flash.errors import DiskError
from edge_devices.flash.write import verify_image, write_image
from tests.devices.flash.system import System

SIZE = 9_000_001


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "out.img"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    system = System(tmp_path / "root")
    return find_disk(system.disk("sdb"), system.root)


def ignore(_done: int, _total: int) -> None:
    pass


def test_the_disk_holds_the_image_and_what_was_behind_it_stays(image: Path, disk: Disk) -> None:
    disk.path.write_bytes(b"\xff" * (SIZE + 5))
    told: list[tuple[int, int]] = []
    write_image(image, disk, lambda done, total: told.append((done, total)))
    assert disk.path.read_bytes() == image.read_bytes() + b"\xff" * 5
    assert told[-1] == (SIZE, SIZE)
    assert sorted(told) == told
    verify_image(image, disk.path, ignore)


@pytest.mark.parametrize("at", [0, 4_194_304, SIZE - 1])
def test_one_wrong_byte_is_found_and_its_place_said(image: Path, disk: Disk, at: int) -> None:
    write_image(image, disk, ignore)
    content = bytearray(disk.path.read_bytes())
    content[at] ^= 1
    disk.path.write_bytes(content)
    with pytest.raises(DiskError, match=f"at byte {at};"):
        verify_image(image, disk.path, ignore)


def test_a_disk_that_ends_early_is_found(image: Path, disk: Disk) -> None:
    disk.path.write_bytes(image.read_bytes()[:5_000_000])
    with pytest.raises(DiskError, match="at byte 5000000;"):
        verify_image(image, disk.path, ignore)


def test_a_disk_that_is_too_small_is_not_touched(image: Path, tmp_path: Path) -> None:
    system = System(tmp_path / "small")
    disk = find_disk(system.disk("sdb", size=SIZE - 1000), system.root)
    with pytest.raises(DiskError, match="the image needs"):
        write_image(image, disk, ignore)
    assert disk.path.read_bytes() == b""


def test_write_shows_what_is_lost_and_asks(
    image: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "find_disk", lambda _device: disk)
    # standard input is no terminal here: nobody can be asked
    assert cli.main(["write", str(image), str(disk.path)]) == 1
    told = capsys.readouterr()
    assert "everything on this disk will be lost" in told.out
    assert "nothing was written" in told.err
    assert disk.path.read_bytes() == b""
    assert cli.main(["write", str(image), str(disk.path), "--yes"]) == 0
    assert cli.main(["verify", str(image), str(disk.path)]) == 0
    assert disk.path.read_bytes() == image.read_bytes()


def test_this_machines_own_disks_are_refused(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    device = next((line.split()[0] for line in mounts if line.split()[1] == "/"), "")
    if not device.startswith("/dev/"):
        pytest.skip("the root file system of this machine is on no device")
    assert cli.main(["write", str(image), device, "--yes"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_a_file_is_not_written_over(image: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert cli.main(["write", str(image), str(tmp_path / "letter.txt"), "--yes"]) == 1
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_a_compressed_image_is_not_written(
    image: Path, disk: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    image.write_bytes(lzma.compress(b"an image"))
    assert cli.main(["write", str(image), str(disk.path), "--yes"]) == 1
    assert f"{image} is compressed; run: xz -dk {image}" in capsys.readouterr().err
    assert disk.path.read_bytes() == b""


@pytest.mark.parametrize(("typed", "is_written"), [("sdb\n", True), ("sda\n", False), ("", False)])
def test_only_the_disks_name_lets_it_begin(
    image: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, typed: str, *, is_written: bool
) -> None:
    monkeypatch.setattr(cli, "find_disk", lambda _device: disk)
    ours, theirs = pty.openpty()
    # end of input on a terminal: a control character at the beginning of a line
    os.write(ours, typed.encode() or b"\x04")
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        assert cli.main(["write", str(image), str(disk.path)]) == (0 if is_written else 1)
    os.close(ours)
    assert (disk.path.read_bytes() == image.read_bytes()) is is_written
