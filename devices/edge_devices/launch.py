"""Which runtime a start of ``edge-run`` runs: a tree that an update brought, or what is installed.

Updates put runtimes below a directory of the state, where the service may write: the trees ``a``
and ``b``, each what ``pip install --target`` makes, and the link ``current``. What is installed
holds this module; no update changes it, and it is the way back from the first one. What is wrong
with the disk or the records keeps nothing from starting.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_devices import durable
from edge_devices.slots import Slots, tree_slots

MOST_STARTS = 3
# what was installed when the trees were taken, and for which Python
INSTALLED = "installed"

_ENTRY = "edge_runtime.cli.entry"


def enter(trees: str, installed: str, arguments: Sequence[str], *, is_start: bool) -> None:
    """Become ``edge-run`` of the tree in use below ``trees``; return if what is installed runs.

    That is also so where ``trees`` belongs to somebody else. ``installed`` is the version of what
    is installed, ``is_start`` whether a node is started: that is counted, and a tree on trial that
    was started too often is left.
    """
    root = Path(trees)
    if not _is_ours(root):
        return
    slots = tree_slots(root)
    if is_start:
        try:
            note_start(root, slots, installed)
        except OSError as exc:
            sys.stderr.write(f"the start is not counted: {exc}\n")
    tree = current_tree(slots)
    if tree is None:
        return
    command = [sys.executable, "-P", "-m", _ENTRY, *arguments]
    try:
        os.execve(sys.executable, command, with_tree(tree, os.environ))  # noqa: S606 - no shell
    except OSError as exc:
        sys.stderr.write(f"{tree} is not started: {exc}\n")


def note_start(root: Path, slots: Slots, installed: str, most_starts: int = MOST_STARTS) -> None:
    """Count a start of a tree on trial, and go back from one that was started too often.

    Another installation, or another Python, than the one that the trees were taken for takes their
    place: somebody has put it there since. Raises OSError.
    """
    record = root / INSTALLED
    now = f"{installed} on Python {sys.version_info.major}.{sys.version_info.minor}"
    before = record.read_text(encoding="utf-8") if record.exists() else None
    if before is not None and before != now:
        slots.use(None)
        slots.forget()
    if before != now:
        durable.write_file(record, now.encode())
    slots.started(most_starts)


def current_tree(slots: Slots) -> Path | None:
    """Return the tree in use, None if there is none or it is not whole."""
    active = slots.active
    tree = None if active is None else slots.place(active)
    is_whole = tree is not None and (tree / "edge_runtime" / "__init__.py").is_file()
    return tree if is_whole else None


def _is_ours(root: Path) -> bool:
    """Whether nobody else may write there: root does not run what a service could have left."""
    try:
        return root.stat().st_uid == os.geteuid()
    except OSError:
        return False


def with_tree(tree: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which a tree comes before all that is installed.

    Another tree of the same directory is out of it.
    """
    before = environment.get("PYTHONPATH", "").split(os.pathsep)
    kept = [each for each in before if each and Path(each).parent != tree.parent]
    return {**environment, "PYTHONPATH": os.pathsep.join([str(tree), *kept])}
