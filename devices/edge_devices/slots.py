"""Two places for one thing, A and B, and a link to the one in use: a new version is on trial first.

The link is the truth about what runs; it moves in one step. Before it moves to a new version, the
trial is on disk: which place is new, which is the way back, how often it was started. A version
that is never confirmed is left again. Without a link the way back is what ships with the system.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge_devices import durable

FORMAT = 1
NAMES = ("a", "b")


@dataclass(frozen=True)
class Trial:
    """A version that has to prove itself.

    ``release`` names it; ``to`` is its place and ``back`` the one before, None for what ships with
    the system; ``starts`` counts how often it was begun. ``ended`` says why it was left again.
    """

    release: str
    to: str
    back: str | None
    starts: int = 0
    ended: str | None = None
    format: int = FORMAT


class Slots:
    """The places, the link and the trial record; every method may raise OSError.

    ``link`` is what others open; ``places`` are the two directories, beside the link; ``record`` is
    the file of the trial.
    """

    def __init__(self, link: Path, places: tuple[Path, Path], record: Path) -> None:
        self.link = link
        self._places = dict(zip(NAMES, places, strict=True))
        self._record = record

    def place(self, name: str) -> Path:
        """Return the directory of a place."""
        return self._places[name]

    @property
    def active(self) -> str | None:
        """The place in use; None when the link is not there."""
        with contextlib.suppress(OSError):
            target = os.readlink(self.link)  # noqa: PTH115 - nothing is resolved
            return next((n for n, each in self._places.items() if each.name == target), None)
        return None

    @property
    def spare(self) -> str:
        """The place that is free for a new version."""
        return "b" if self.active == "a" else "a"

    @property
    def trial(self) -> Trial | None:
        """What is on trial, or was until it was left; None also when the record cannot be read."""
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            found = Trial(**json.loads(self._record.read_text(encoding="utf-8")))
            return found if found.format == FORMAT and found.to in NAMES else None
        return None

    def adopt(self) -> None:
        """Let a plain directory that stands where the link should be become place B, in one step.

        At no time is there nothing under the name.
        """
        if self.link.is_symlink() or not self.link.is_dir():
            return
        place = self._places["b"]
        durable.remove(place)
        place.symlink_to(place.name)  # to itself: after the exchange it stands where the link was
        durable.exchange(self.link, place)

    def begin(self, release: str) -> Trial:
        """Switch to the spare place, on trial."""
        trial = Trial(release, self.spare, self.active)
        self._write(trial)
        durable.point_link(self.link, self._places[trial.to].name)
        return trial

    def started(self, most_starts: int) -> Trial | None:
        """Count a start of what is on trial, and go back after too many; return the trial.

        A trial whose switch never happened is forgotten; one that had ended is left for good, and
        stays on record until ``forget``.
        """
        trial = self.trial
        if trial is None:
            return None
        if trial.ended is not None:
            self._leave(trial)
            return trial
        if self.active != trial.to:
            self.forget()
            return None
        if trial.starts >= most_starts:
            return self.go_back(f"it was started {trial.starts} times and never stayed up")
        counted = replace(trial, starts=trial.starts + 1)
        self._write(counted)
        return counted

    def go_back(self, why: str) -> Trial | None:
        """Leave what is on trial for what was before; return the trial, None when nothing is."""
        trial = self.trial
        if trial is None:
            return None
        ended = replace(trial, ended=trial.ended or why)
        self._write(ended)
        self._leave(ended)
        return ended

    def confirm(self) -> None:
        """Keep what is on trial."""
        trial = self.trial
        if trial is not None and trial.ended is None:
            self.forget()

    def forget(self) -> None:
        """Delete the record of the trial."""
        self._record.unlink(missing_ok=True)
        if self._record.parent.is_dir():
            durable.sync(self._record.parent)

    def use(self, name: str | None) -> None:
        """Let the link point at a place; None: at nothing, so that what ships is used."""
        if name is not None:
            durable.point_link(self.link, self._places[name].name)
        elif self.link.is_symlink():
            self.link.unlink()
            durable.sync(self.link.parent)

    def _leave(self, trial: Trial) -> None:
        if self.active == trial.to:
            self.use(trial.back)

    def _write(self, trial: Trial) -> None:
        durable.write_file(self._record, json.dumps(asdict(trial)).encode())


def tree_slots(root: Path) -> Slots:
    """Return the places of runtimes that updates brought: ``a``, ``b``, the link ``current``."""
    return Slots(root / "current", (root / "a", root / "b"), root / "trial.json")
