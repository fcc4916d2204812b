from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mount a file system of so many KiB."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mounted = 0

    def mount(kilobytes: int) -> Path:
        nonlocal mounted
        if mounted:
            subprocess.run(["umount", str(directory)], check=True)
        size = f"size={kilobytes}k,mode=0700"
        command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(directory)]
        try:
            done = subprocess.run(command, capture_output=True, check=False)
        except FileNotFoundError:
            pytest.skip("no mount")
        if done.returncode:
            pytest.skip("no right to mount a file system")
        mounted += 1
        return directory

    try:
        yield mount
    finally:
        if mounted:
            subprocess.run(["umount", str(directory)], check=True)
