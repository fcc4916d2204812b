"""Looks for newer versions, and takes those that nothing holds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from edge_runtime.errors import EdgeError, UpdateError
from edge_runtime.updates.holds import Readings, read_board, why_held
from edge_runtime.updates.index import Index
from edge_runtime.updates.options import UpdateOptions
from edge_runtime.updates.progress import Progress, Report, no_report
from edge_runtime.updates.standing import offer, standing
from edge_runtime.updates.state import UpdateState, installed
from edge_runtime.updates.taking import Means, take
from edge_runtime.updates.target import Target
from edge_runtime.updates.trials import settle
from edge_runtime.updates.workplace import Workplace, writing


@dataclass(frozen=True)
class Device:
    """The device that is updated: its name, what is updated on it, and what its board says."""

    node: str
    targets: Sequence[Target]
    board: Callable[[], Readings] = read_board


class Updater:
    """Updates one device with ``means``; None where no repository is set."""

    def __init__(self, workplace: Workplace, device: Device, means: Means | None) -> None:
        self._workplace = workplace
        self._device = device
        self._means = means

    @property
    def uses_link(self) -> bool:
        """Whether a look at the repository takes the network."""
        return self._means is not None and self._means.repository.source.uses_link

    def check(self) -> list[Progress]:
        """Look at the repository, and say what is new; nothing is taken.

        Raises:
            UpdateError, UnavailableError: the repository cannot be read or believed.
        """
        with self._workplace.alone():
            _, index, state = self._look()
            return [
                offer(each, state.component(each.name), index.release(each.kind, each.name))[0]
                for each in self._device.targets
            ]

    def update(
        self, *, by_owner: bool = False, only: str | None = None, report: Report = no_report
    ) -> list[Progress]:
        """Take what is newer and not held; return where each stands then.

        ``by_owner`` takes it now: neither stage nor window, nor the price of the link, nor an
        earlier failure holds it. ``only`` is the name of the one to take.

        Raises:
            UpdateError, UnavailableError: the repository cannot be read or believed, or there is
                nothing of this name.
        """
        targets = [each for each in self._device.targets if only in {None, each.name}]
        if not targets:
            names = ", ".join(each.name for each in self._device.targets)
            raise UpdateError(f"{only!r} is not updated here; {names} are")
        with self._workplace.alone():
            means, index, _ = self._look()
            if by_owner:
                means = replace(means, options=_now(means.options))
            done = []
            for target in targets:
                found = self._update(target, index, means, report, by_owner=by_owner)
                report(found)
                done.append(found)
            return done

    def status(self) -> list[Progress]:
        """Return where each stands, without a look at the repository; raises UpdateError."""
        state = self._workplace.state()
        return [standing(each, state.component(each.name)) for each in self._device.targets]

    def _look(self) -> tuple[Means, Index, UpdateState]:
        means = self._means
        if means is None:
            raise UpdateError("no repository is set: set url and key_file in [update] of edge.toml")
        state = self._workplace.state()
        try:
            index, seen = means.repository.index(state)
        except EdgeError as exc:
            with contextlib.suppress(UpdateError):
                self._workplace.write(msgspec.structs.replace(state, last_error=str(exc)))
            raise
        seen = msgspec.structs.replace(seen, last_error=None)
        for target in self._device.targets:
            release = index.release(target.kind, target.name)
            if release is None:
                continue
            known = msgspec.structs.replace(seen.component(target.name), latest=release.version)
            own = target.own() if target.slots.active is None else None
            if own is not None and release.manifest and own.manifest == release.manifest:
                known = msgspec.structs.replace(
                    known, shipped=installed(release), shipped_as=own.manifest
                )
            seen = seen.with_component(target.name, known)
        self._workplace.write(seen)
        return means, index, seen

    def _update(
        self, target: Target, index: Index, means: Means, report: Report, *, by_owner: bool
    ) -> Progress:
        settle(self._workplace, target)
        known = self._workplace.state().component(target.name)
        release = index.release(target.kind, target.name)
        found, release = offer(target, known, release, retry=by_owner)
        if release is None or not means.options.automatic:
            return found
        held = why_held(
            release, self._device.node, means.options, self._device.board(),
            uses_link=means.repository.source.uses_link,
        )  # fmt: skip
        if held is not None:
            return found.at("held", held)
        try:
            with writing(self._workplace.directory):
                return take(means, target, release, found, report)
        except EdgeError as exc:
            return found.at("failed", str(exc))


def _now(options: UpdateOptions) -> UpdateOptions:
    """Return the options of an owner who does not want to wait."""
    return msgspec.structs.replace(
        options, automatic=True, window="", honour_stages=False, allow_metered=True
    )
