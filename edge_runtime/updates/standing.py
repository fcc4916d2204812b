"""Where a bundle or the runtime stands: what is installed, what is offered, whether it is newer."""

from __future__ import annotations

import edge_runtime
from edge_runtime.updates.index import Release
from edge_runtime.updates.progress import Progress
from edge_runtime.updates.state import Component, Installed
from edge_runtime.updates.target import Target


def standing(target: Target, known: Component) -> Progress:
    """Return where a target stands, as far as the device itself knows."""
    now = _installed(target, known)
    own = target.own() if now is None else None
    trial = target.slots.trial
    is_on_trial = trial is not None and trial.ended is None
    return Progress(
        kind=target.kind,
        name=target.name,
        state="switched" if is_on_trial else "current",
        installed_version=now.version if now else own.version if own else None,
        latest_version=known.latest or None,
        reason="on trial" if is_on_trial else None,
    )


def offer(
    target: Target, known: Component, release: Release | None, *, retry: bool = False
) -> tuple[Progress, Release | None]:
    """Return where a target stands, and the release if it is newer and may be taken.

    ``retry`` lets one that failed be tried again.
    """
    found = standing(target, known)
    if release is None or not _is_newer(release, target, known):
        return found, None
    reason = None
    if release.contents in known.failed and not retry:
        reason = "it was tried before and left again; see edge-run update --help"
    elif target.slots.trial is not None:
        reason = f"{found.installed_version} is on trial"
    elif _numbers(release.oldest_runtime) > _numbers(edge_runtime.__version__):
        reason = f"it needs edge-runtime {release.oldest_runtime} or newer"
    if reason is not None:
        return found.at("held", reason), None
    return found.at("available"), release


def _is_newer(release: Release, target: Target, known: Component) -> bool:
    now = _installed(target, known)
    if now is not None:
        return release.serial > now.serial and release.contents != now.contents
    own = target.own()
    # what came with the system or was added by hand has no serial
    return own is None or _numbers(release.version) > _numbers(own.version)


def _installed(target: Target, known: Component) -> Installed | None:
    active = target.slots.active
    if active is not None:
        return known.places.get(active)
    own = target.own()
    is_ours = known.shipped is not None and own is not None and own.manifest == known.shipped_as
    return known.shipped if is_ours else None


def _numbers(version: str) -> list[int]:
    return [int(part) if part.isdigit() else 0 for part in version.split(".")]
