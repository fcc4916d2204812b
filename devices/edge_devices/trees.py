"""``python -m edge_devices.trees ROOT SITE``: an installed runtime as one of two trees.

Below ``ROOT``: the trees ``a`` and ``b``, each what ``pip install --target`` makes; the link
``current``; and ``launcher``, a copy of the few modules that start the current tree and go back to
the other one when it never stays up. The launcher is not part of a tree, so that no update can
break it. Who runs the node has to be able to write ``ROOT``.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from edge_devices.durable import remove, sync
from edge_devices.slots import tree_slots

LAUNCHER = "launcher"
_MODULES = ("__init__.py", "durable.py", "launch.py", "slots.py")


class TreeError(ValueError):
    """A directory holds no installed runtime."""


def install(root: Path, site: Path) -> Path:
    """Copy an installation into the spare tree and use it; return the tree.

    Raises:
        TreeError: ``site`` holds no edge-runtime.
        OSError: the disk cannot be written.
    """
    if not (site / "edge_runtime" / "__init__.py").is_file():
        raise TreeError(
            f"{site} holds no edge-runtime; make it with: pip install --target {site} edge-runtime"
        )
    package = root / LAUNCHER / "edge_devices"
    package.mkdir(parents=True, exist_ok=True)
    for name in _MODULES:
        shutil.copyfile(Path(__file__).with_name(name), package / name)
    slots = tree_slots(root)
    tree = slots.place(slots.spare)
    remove(tree)
    shutil.copytree(site, tree, ignore=shutil.ignore_patterns("__pycache__", "bin"))
    sync(tree)
    sync(root)
    slots.use(slots.spare)
    slots.forget()
    return tree


def main(arguments: Sequence[str] | None = None) -> None:
    """Install, and say how the node is started."""
    parser = argparse.ArgumentParser(
        prog="python -m edge_devices.trees",
        description="Install a runtime as one of two trees, so that it can be updated and go back.",
    )
    parser.add_argument("root", type=Path, help="where the trees are, such as /opt/edge-runtime")
    parser.add_argument("site", type=Path, help="what pip install --target made")
    options = parser.parse_args(arguments)
    try:
        tree = install(options.root, options.site)
    except (OSError, TreeError) as exc:
        parser.error(str(exc))
    print(  # noqa: T201 - a command
        f"{tree}\nstart it with: PYTHONPATH={options.root / LAUNCHER} python3 -m "
        f"edge_devices.launch {options.root} serve\nand set trees = {str(options.root)!r} in "
        "[update] of edge.toml"
    )


if __name__ == "__main__":
    main()
