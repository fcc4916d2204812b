"""``edge-flash``: images for SD cards, from a workstation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_devices.flash import image_command, rootfs_command
from edge_devices.flash.disks import find_disk
from edge_devices.flash.errors import FlashError
from edge_devices.flash.progress import Bar
from edge_devices.flash.write import verify_image, write_image

_HEAD = 8
# how it begins -> what unpacks it and keeps the file
_PACKED = {
    b"\xfd7zXZ\0": "xz -dk", b"\x1f\x8b\x08": "gunzip -k", b"\x28\xb5\x2f\xfd": "zstd -d",
    b"PK\x03\x04": "unzip",
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; an error is one line on stderr and exit status 1."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except FlashError as exc:
        return _say(f"error: {exc}", 1)
    except KeyboardInterrupt:
        return _say("stopped", 130)
    return 0


def _write(options: argparse.Namespace) -> None:
    image: Path = options.image
    _check_file(image)
    disk = find_disk(options.device)
    print("everything on this disk will be lost:", *disk.lines(), sep="\n")  # noqa: T201
    if not options.yes and not _is_confirmed(disk.path.name):
        raise FlashError("nothing was written; --yes goes on without asking")
    write_image(image, disk, Bar("writing  "))
    verify_image(image, disk.path, Bar("comparing"))
    print(f"{disk.path} holds {image.name}; it can be taken out")  # noqa: T201


def _is_confirmed(wanted: str) -> bool:
    """Whether somebody typed the name of the disk."""
    if not sys.stdin.isatty():
        return False
    try:
        return input(f"type {wanted} to go on: ").strip() == wanted
    except EOFError:
        return False


def _verify(options: argparse.Namespace) -> None:
    _check_file(options.image)
    verify_image(options.image, options.device.resolve(), Bar("comparing"))
    print(f"{options.device} holds {options.image.name}")  # noqa: T201


def _check_file(image: Path) -> None:
    if not image.is_file():
        raise FlashError(f"{image} is no image file")
    try:
        with image.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as exc:
        raise FlashError(f"{image} cannot be read: {exc.strerror}") from exc
    for magic, program in _PACKED.items():
        if head.startswith(magic):
            raise FlashError(f"{image} is compressed; run: {program} {image}")


def _say(line: str, status: int) -> int:
    print(line, file=sys.stderr)  # noqa: T201
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-flash", description="Make and write SD cards that come up as edge-runtime nodes."
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    image_command.add(verbs)
    write = verbs.add_parser(
        "write",
        help="write an image to a card, and compare",
        description="Erase a removable disk and write an image to it; then read it back and "
        "compare. Refuses disks that are built in, partitions, and what is in use.",
    )
    write.add_argument("image", type=Path, metavar="IMG", help="the image, not compressed")
    write.add_argument("device", type=Path, metavar="DEVICE", help="the whole disk, as /dev/sdX")
    write.add_argument("--yes", action="store_true", help="do not ask")
    write.set_defaults(run=_write)
    verify = verbs.add_parser(
        "verify",
        help="compare a card with an image",
        description="Compare a disk with an image, before its first boot. Changes nothing.",
    )
    verify.add_argument("image", type=Path, metavar="IMG", help="the image, not compressed")
    verify.add_argument("device", type=Path, metavar="DEVICE", help="the whole disk, as /dev/sdX")
    verify.set_defaults(run=_verify)
    rootfs_command.add(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
