"""``python -m edge_devices.launch ROOT ARGUMENTS…``: ``edge-run`` of the current tree.

Each start of a tree on trial is counted; one that was started too often without being kept is left
for the tree before. What is wrong with the disk or the records keeps nothing from starting.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from edge_devices.slots import NAMES, Slots, tree_slots

MOST_STARTS = 3
_ENTRY = "edge_runtime.cli.entry"


def choose_tree(slots: Slots, most_starts: int = MOST_STARTS) -> Path | None:
    """Count a start and return the tree to run: the current one, else any that is there."""
    try:
        slots.started(most_starts)
    except OSError as exc:
        sys.stderr.write(f"the start is not counted: {exc}\n")
    active = slots.active
    names = ([active] if active is not None else []) + list(NAMES)
    trees = (slots.place(name) for name in names)
    return next((t for t in trees if (t / "edge_runtime" / "__init__.py").is_file()), None)


def main() -> NoReturn:
    """Become the current tree's ``edge-run``; exit status 1 where there is no tree."""
    if len(sys.argv) < 2:  # noqa: PLR2004 - the root, at least
        sys.exit("usage: python -m edge_devices.launch ROOT ARGUMENTS…")
    root = Path(sys.argv[1])
    tree = choose_tree(tree_slots(root))
    if tree is None:
        sys.exit(f"error: no runtime in {root}; install one: python -m edge_devices.trees")
    # the tree comes first, before what is installed beside this Python
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-P", "-m", _ENTRY, *sys.argv[2:]]
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell


if __name__ == "__main__":
    main()
