"""One release from the repository into use, on trial: the steps in their order.

Whatever step is cut off, by ``kill -9``, a power cut or a full disk, the link leads to a version
that was whole before: a new one gets its place when every byte is on the disk and the gate is
passed, and the link moves last. Until the new one has its place, the version before last is there.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_devices.durable import remove, sync
from edge_runtime.errors import EdgeError
from edge_runtime.updates.gate import Gate
from edge_runtime.updates.holds import why_no_room
from edge_runtime.updates.index import Release
from edge_runtime.updates.options import UpdateOptions
from edge_runtime.updates.pace import Pacer
from edge_runtime.updates.progress import Progress, Report
from edge_runtime.updates.repository import Repository
from edge_runtime.updates.state import installed
from edge_runtime.updates.target import Target
from edge_runtime.updates.transfer import Transfer
from edge_runtime.updates.workplace import Workplace

_STEP_PERCENT = 10  # of a transfer, between two reports


def free_bytes(directory: Path) -> int:
    """Return how much room the disk has."""
    return shutil.disk_usage(directory).free


@dataclass(frozen=True)
class Means:
    """What it takes to take a release; ``free`` says how much room the disk has."""

    workplace: Workplace
    repository: Repository
    options: UpdateOptions
    gate: Gate
    free: Callable[[Path], int] = free_bytes


def take(
    means: Means, target: Target, release: Release, found: Progress, report: Report
) -> Progress:
    """Fetch, test and switch to a release; ``found`` is where the target stood.

    Raises:
        UpdateError, UnavailableError, BundleError: it cannot be; what runs stays as it is.
        OSError: the disk cannot be written.
    """
    contents = means.repository.contents(release)
    workplace, slots = means.workplace, target.slots
    transfer = Transfer(contents, workplace.chunks, target.have())
    room = why_no_room(transfer.disk_bytes, means.free(workplace.directory), means.options)
    if room is not None:
        return found.at("held", room)
    slots.link.parent.mkdir(parents=True, exist_ok=True)
    slots.adopt()
    spare = slots.spare
    place = slots.place(spare)
    new = place.with_name(f"{place.name}.new")
    try:
        came = _fetch(means, transfer, found, report)
        remove(new)
        transfer.assemble(new)
        report(found.at("testing"))
        try:
            target.check(new)
            measured = means.gate(target.candidate(new), target.running(), contents)
        except EdgeError:
            workplace.change(target.name, lambda known: known.with_failed(release.contents))
            transfer.clear()
            raise
        workplace.change(target.name, lambda known: known.without(spare))
        remove(place)
        new.rename(place)
        sync(place.parent)
    except BaseException as exc:
        clean(target)
        if isinstance(exc, OSError) and exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            transfer.clear()  # others need room, too
        raise
    workplace.keep_contents(target.name, spare, contents)
    workplace.change(target.name, lambda known: known.with_place(spare, installed(release)))
    slots.begin(release.contents)
    transfer.clear()
    return msgspec.structs.replace(
        found,
        state="switched",
        installed_version=release.version,
        reason=measured,
        transferred_bytes=came,
        size_bytes=contents.size_bytes,
    )


def clean(target: Target) -> None:
    """Delete what an attempt has left beside the places; raises OSError."""
    for name in ("a", "b"):
        place = target.slots.place(name)
        remove(place.with_name(f"{place.name}.new"))
        remove(place.with_name(f"{place.name}.new.part"))


def _fetch(means: Means, transfer: Transfer, found: Progress, report: Report) -> int:
    told = 0

    def progress(share: float) -> None:
        nonlocal told
        percent = int(share * 100)
        if percent >= told + _STEP_PERCENT:
            told = percent - percent % _STEP_PERCENT
            report(msgspec.structs.replace(found, state="fetching", update_percentage=told))

    report(msgspec.structs.replace(found, state="fetching", update_percentage=0))
    source = means.repository.source
    try:
        return transfer.fetch(source, Pacer(means.options.rate_kb_s * 1000), progress)
    finally:
        source.close()
