from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_devices.flash.errors import ImageError
from edge_devices.flash.fat import FatVolume
from edge_devices.flash.fat_format import format_fat32

OFFSET = 1 << 20
SIZE = 40 << 20


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.img"
    with path.open("wb") as file:
        file.truncate(OFFSET + SIZE)
        format_fat32(file, OFFSET, SIZE, "bootfs")
    return path


def mtools(image: Path, *command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip("mtools is not installed")
    [program, *rest] = command
    done = subprocess.run(
        [program, "-i", f"{image}@@{OFFSET}", *rest],
        capture_output=True, text=True, check=True, env={**os.environ, "MTOOLS_SKIP_CHECK": "0"},
    )  # fmt: skip
    return done.stdout


def test_what_is_written_is_read_back(image: Path) -> None:
    files = {
        "cmdline.txt": b"console=tty1\n",
        "edge-runtime/installation.tar.gz": os.urandom(3_000_001),
        "edge-runtime/a name with spaces and ümlauts.txt": b"x",
        "deep/er/and/deeper": b"",
    }
    with image.open("r+b") as file:
        boot = FatVolume(file, OFFSET)
        for name, content in files.items():
            boot.write(name, content)
        boot.flush()
    with image.open("r+b") as file:
        again = FatVolume(file, OFFSET)
        assert {name: again.read(name) for name in files} == files
        assert again.names() == ["cmdline.txt", "edge-runtime", "deep"]
        assert again.read("CMDLINE.TXT") == files["cmdline.txt"]


def test_a_file_is_replaced_and_its_room_is_free_again(image: Path) -> None:
    with image.open("r+b") as file:
        boot = FatVolume(file, OFFSET)
        before = boot.free_bytes
        for size in (2_000_000, 10, 0, 1_000_000, 0):
            boot.write("a.bin", bytes(size))
        assert boot.read("a.bin") == b""
        assert boot.names() == ["a.bin"]
        assert boot.free_bytes == before


def test_directories_grow(image: Path) -> None:
    names = [f"a rather long name of a file, number {number}.txt" for number in range(60)]
    with image.open("r+b") as file:
        boot = FatVolume(file, OFFSET)
        for name in names:
            boot.write(f"many/{name}", name.encode())
        boot.flush()
        assert boot.names("many") == names
        assert all(boot.read(f"many/{name}") == name.encode() for name in names)


def test_a_full_volume_says_what_needs_how_much(image: Path) -> None:
    with image.open("r+b") as file:
        boot = FatVolume(file, OFFSET)
        with pytest.raises(ImageError, match=r"big\.bin needs 42 MB, 4\d MB are free|is full"):
            boot.write("big.bin", bytes(42_000_000))


def test_missing_files_and_other_volumes_are_said(image: Path, tmp_path: Path) -> None:
    with image.open("r+b") as file:
        with pytest.raises(FileNotFoundError):
            FatVolume(file, OFFSET).read("nothing")
        with pytest.raises(ImageError, match="no FAT32"):
            FatVolume(file, 0)
    with (tmp_path / "small").open("w+b") as file, pytest.raises(ImageError, match="too few"):
        format_fat32(file, 0, 1 << 20, "x")


def test_mtools_reads_the_same(image: Path, tmp_path: Path) -> None:
    content = os.urandom(1_234_567)
    with image.open("r+b") as file:
        boot = FatVolume(file, OFFSET)
        boot.write("edge-runtime/installation.tar.gz", content)
        boot.write("user-data", b"one")
        boot.write("user-data", b"two")
        boot.flush()
    mtools(image, "mcopy", "::edge-runtime/installation.tar.gz", str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == content
    assert mtools(image, "mtype", "::user-data") == "two"


def test_what_mtools_wrote_is_read_and_changed(image: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"of mtools " * 5000)
    mtools(image, "mmd", "::overlays")
    mtools(image, "mcopy", str(tmp_path / "x"), "::overlays/vc4-kms-v3d-pi5.dtbo")
    mtools(image, "mcopy", str(tmp_path / "x"), "::CONFIG.TXT")
    with image.open("r+b") as file:
        boot = FatVolume(file, OFFSET)
        assert boot.read("overlays/vc4-kms-v3d-pi5.dtbo") == b"of mtools " * 5000
        boot.write("config.txt", b"arm_64bit=1\n")
        boot.write("overlays/another.dtbo", b"new")
        boot.flush()
    assert mtools(image, "mtype", "::config.txt") == "arm_64bit=1\n"
    assert mtools(image, "mtype", "::overlays/another.dtbo") == "new"


def test_fsck_finds_nothing_wrong(image: Path, tmp_path: Path) -> None:
    fsck = shutil.which("fsck.vfat", path="/usr/sbin:/sbin:/usr/bin")
    if fsck is None:
        pytest.skip("fsck.vfat is not installed (dosfstools)")
    with image.open("r+b") as file:
        boot = FatVolume(file, OFFSET)
        for number in range(40):
            boot.write(f"some/folder/with a long name {number}", os.urandom(number * 700))
            boot.write("cmdline.txt", b"x" * number * 300)
        boot.flush()
    volume = tmp_path / "volume"
    volume.write_bytes(image.read_bytes()[OFFSET:])
    done = subprocess.run([fsck, "-n", "-v", volume], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "differ" not in done.stdout
