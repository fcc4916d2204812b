"""Write an image to a disk, and compare what the disk then holds."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_devices.flash.disks import Disk
from edge_devices.flash.errors import DiskError

Progress = Callable[[int, int], None]

_CHUNK = 1 << 22
_SYNC_EVERY = 16  # chunks; else the bar would show how fast memory fills
_FORGET_BUFFERS = 0x1261  # BLKFLSBUF of linux/fs.h


def write_image(image: Path, disk: Disk, progress: Progress) -> None:
    """Write the image to the beginning of the disk; ``progress`` is told bytes done and all.

    Raises:
        DiskError: it is too small, in use, or does not take it.
    """
    size = image.stat().st_size
    if size > disk.size:
        raise DiskError(
            f"{disk.path} has {disk.size / 1e9:.1f} GB, the image needs {size / 1e9:.1f} GB"
        )
    with image.open("rb") as source, _opened(disk.path, os.O_WRONLY) as target:
        done = 0
        try:
            for number, chunk in enumerate(_chunks(source.read), start=1):
                _write_all(target, chunk)
                done += len(chunk)
                if number % _SYNC_EVERY == 0:
                    os.fsync(target)
                progress(done, size)
            os.fsync(target)
        except OSError as exc:
            raise DiskError(f"{disk.path}: {exc.strerror} at byte {done}; try another") from exc


def verify_image(image: Path, path: Path, progress: Progress) -> None:
    """Compare a disk with the image, read from the medium and not from memory.

    Raises:
        DiskError: it holds something else, or cannot be read; the message says where.
    """
    size = image.stat().st_size
    with image.open("rb") as source, _opened(path, os.O_RDONLY) as target:
        with suppress(OSError):  # a file that stands for a disk, or no root
            fcntl.ioctl(target, _FORGET_BUFFERS)
        os.posix_fadvise(target, 0, 0, os.POSIX_FADV_DONTNEED)
        done = 0
        for chunk in _chunks(source.read):
            try:
                found = _read_all(target, len(chunk))
            except OSError as exc:
                raise DiskError(f"{path}: {exc.strerror} at byte {done}; try another") from exc
            if found != chunk:
                first = done + _first_difference(chunk, found)
                raise DiskError(
                    f"{path} differs from {image.name} at byte {first}; write it again: if that "
                    "does not help, the medium is bad or smaller than it says"
                )
            done += len(chunk)
            progress(done, size)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    try:
        # O_EXCL on a block device: not while anything of it is mounted
        file = os.open(path, flags | os.O_EXCL | os.O_CLOEXEC)
    except PermissionError as exc:
        raise DiskError(
            f'{path}: only root may do that; run: sudo "$(command -v edge-flash)" …'
        ) from exc
    except OSError as exc:
        raise DiskError(f"{path} cannot be opened: {exc.strerror}; is it in use?") from exc
    try:
        yield file
    finally:
        os.close(file)


def _chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(_CHUNK):
        yield chunk


def _write_all(file: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(file, view) :]


def _read_all(file: int, size: int) -> bytes:
    parts = []
    while size and (part := os.read(file, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _first_difference(one: bytes, other: bytes) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
