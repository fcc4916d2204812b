"""The runtime of tomorrow: this one, with a newer format of the outbox."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import edge_devices
import edge_runtime
from edge_runtime.bridge.queue.file.schema import FORMAT

VERSION = "9.0.0"
NEWER = FORMAT + 1
FORWARD = (
    "ALTER TABLE escalations ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'",
    "ALTER TABLE requests ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'",
    "UPDATE escalations SET route = CAST(route || '!' AS BLOB)",
)
BACK = (
    "UPDATE escalations SET route = substr(route, 1, length(route) - 1)",
    "UPDATE escalations SET route_crc = crc(route)",
    "ALTER TABLE escalations DROP COLUMN colour",
    "ALTER TABLE requests DROP COLUMN colour",
)
_STEP = """

def _to_tomorrow(db: sqlite3.Connection, _wall: float) -> None:
    for statement in {forward!r}:
        db.execute(statement)


STEPS[{format}] = Step(_to_tomorrow, {back!r})
"""


def move(db: sqlite3.Connection, _wall: float) -> None:
    """Move an outbox to the format of tomorrow."""
    for statement in FORWARD:
        db.execute(statement)


def write_tree(tree: Path) -> None:
    """Write the runtime of tomorrow as ``pip install --target`` would; it can be started.

    Its node writes routes as today's does: what it has moved itself is what goes back.
    """
    for package in (edge_runtime, edge_devices):
        source = Path(str(package.__file__)).parent
        shutil.copytree(source, tree / source.name, copy_function=_place)
    forward, back = ([each for each in steps if "route" not in each] for steps in (FORWARD, BACK))
    step = _STEP.format(forward=forward, back=tuple(back), format=FORMAT)
    file = "edge_runtime/bridge/queue/file"
    _patch(tree / "edge_runtime/__init__.py", f'"{edge_runtime.__version__}"', f'"{VERSION}"')
    _patch(tree / file / "schema.py", f"\nFORMAT = {FORMAT}\n", f"\nFORMAT = {NEWER}\n")
    _patch(tree / file / "migration.py", "\nSTEPS = {1: Step(_from_1)}\n",
           f"\nSTEPS = {{1: Step(_from_1)}}\n{step}")  # fmt: skip


def _place(source: str, target: str) -> None:
    """Code may be linked; a bundle may not."""
    (os.symlink if source.endswith((".py", ".pyc")) else shutil.copyfile)(source, target)


def _patch(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, path
    path.unlink()
    path.write_text(text.replace(old, new), encoding="utf-8")
