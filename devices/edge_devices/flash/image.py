"""``edge-flash image``: from a stock image of Raspberry Pi OS to one that comes up as a node."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_devices.flash.archive import archive_files, archive_tree
from edge_devices.flash.base_image import System, copy_base, examine
from edge_devices.flash.errors import FlashError, ImageError
from edge_devices.flash.fat import FatVolume
from edge_devices.flash.first_boot import Owner, prepare_boot
from edge_devices.flash.installation import Source, build_installation
from edge_devices.flash.node_files import BUNDLES, NodeFiles

_BUNDLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Made:
    """What was made: sizes in MB of 10^6 bytes."""

    system: System
    installed_mb: float
    archive_mb: float
    free_mb: float


def make_image(  # noqa: PLR0913 - all but two are keywords
    base: Path,
    out: Path,
    *,
    source: Source,
    node: NodeFiles,
    owner: Owner,
    bundles: Sequence[Path] = (),
    say: Callable[[str], None],
) -> Made:
    """Write ``out``; it appears only when it is whole.

    ``say`` is told what is being done.

    Raises:
        FlashError: something is missing, does not fit, or cannot be written.
    """
    trees = bundle_trees(bundles)
    part = out.with_name(f"{out.name}.part")
    try:
        say(f"copying {base.name}")
        copy_base(base, part)
        # it holds secrets until the first boot
        part.chmod(0o600)
        with part.open("r+b") as image, tempfile.TemporaryDirectory(prefix="edge-flash-") as name:
            system = examine(image)
            say(f"{system.name}, Python {system.python}, first boot by {system.first_boot}")
            root = Path(name)
            say("installing edge-runtime for it")
            installed_mb = build_installation(source, system.python, root)
            say("packing")
            packed = archive_tree(root, node.public, trees)
            boot = FatVolume(image, system.boot.offset)
            prepare_boot(boot, system, owner, packed, archive_files(node.secret))
            free_mb = boot.free_bytes / 1e6
        part.replace(out)
    except OSError as exc:
        part.unlink(missing_ok=True)
        if isinstance(exc, ImageError):
            raise ImageError(f"{base}: {exc}") from exc
        if isinstance(exc, FlashError):
            raise
        raise FlashError(f"{out} cannot be written: {exc.strerror or exc}") from exc
    return Made(system, installed_mb, len(packed) / 1e6, free_mb)


def bundle_trees(bundles: Sequence[Path]) -> dict[Path, Path]:
    """Return where each bundle lies on the board.

    Raises:
        FlashError: one is no bundle, or two have the same name.
    """
    trees: dict[Path, Path] = {}
    for directory in bundles:
        name = directory.resolve().name
        if not any((directory / file).is_file() for file in ("bundle.json", "config.json")):
            raise FlashError(f"{directory} is no bundle: there is no bundle.json in it")
        if not _BUNDLE_NAME.fullmatch(name):
            raise FlashError(f"{directory}: a bundle's name has letters, digits, . _ and - only")
        if BUNDLES / name in trees:
            raise FlashError(f"two bundles are named {name}")
        trees[BUNDLES / name] = directory
    return trees
