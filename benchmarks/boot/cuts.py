"""Power cuts under load: the emulator is killed while requests arrive, and starts again."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.boot.app import App, Asked
from benchmarks.boot.guest import Guest
from benchmarks.boot.queries import LOCAL, OPEN, QUERIES

BOOT_TIMEOUT_S = 400.0

_EVERY_S = 0.15
_LOAD_S = (2.0, 9.0)
_SETTLE_S = 240.0


@dataclass
class Cuts:
    """What happened: how long each start took, and what became of the requests."""

    done: int = 0
    boot_s: list[float] = field(default_factory=list)
    asked: int = 0
    open_questions: int = 0
    promised: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: int = 0
    different: int = 0
    file_system_errors: int = 0


def power_cuts(
    app: App,
    start: Callable[[], Guest],
    times: int,
    worker: Callable[[], Any],
    *,
    seed: int,
    give_up_at: float,
) -> Cuts:
    """Cut the power so many times, or until ``give_up_at``; then let everything be answered.

    ``worker`` is a context manager: somebody who answers for the large model.

    Raises:
        TimeoutError: the node does not come up by itself.
    """
    found = Cuts()
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    before = len(app.asked)
    while found.done < times and time.monotonic() < give_up_at:
        guest = _boot(app, start, found)
        try:
            _load(app, chance.uniform(*_LOAD_S))
        finally:
            guest.cut()
        found.done += 1
        _say(f"cut {found.done}: {len(app.asked)} asked, up again needed {found.boot_s[-1]:.0f} s")
    asked = list(app.asked.values())[before:]
    guest = _boot(app, start, found)
    try:
        found.file_system_errors = guest.shell("dmesg | grep -ciE 'EXT4-fs error' || true") != "0"
        with worker():
            try:
                app.wait_final([each for each in asked if each.taken], _SETTLE_S)
            except TimeoutError as exc:
                _say(str(exc))
    finally:
        guest.cut()
    _count(found, app, asked)
    return found


def _boot(app: App, start: Callable[[], Guest], found: Cuts) -> Guest:
    seen = app.online
    guest = start()
    try:
        found.boot_s.append(app.wait_online(seen + 1, BOOT_TIMEOUT_S) - guest.began)
    except BaseException:
        guest.cut()
        raise
    return guest


def _load(app: App, seconds: float) -> None:
    """Ask, what the small model answers and what has to wait for the large one in turn."""
    over_at = time.monotonic() + seconds
    number = 0
    while time.monotonic() < over_at:
        if number % 2:
            app.ask("ask", OPEN.format(number=len(app.asked)))
        else:
            task, text = QUERIES[number // 2 % len(QUERIES)]
            app.ask(task, text, policy=LOCAL)
        number += 1
        time.sleep(_EVERY_S)


def _count(found: Cuts, app: App, asked: list[Asked]) -> None:
    names = {id(each): name for name, each in app.asked.items()}
    found.asked = len(asked)
    found.open_questions = sum(each.text.startswith(OPEN[:12]) for each in asked)
    found.promised = sum(any(a["status"] == "queued" for a in each.answers) for each in asked)
    found.lost = [names[id(each)] for each in asked if each.taken and each.final is None]
    for each in asked:
        finals = [a for a in each.answers if a["status"] != "queued"]
        found.doubled += len(finals) > 1
        found.different += len({str(a["result"]) for a in finals}) > 1


def seed_of(image: Path) -> int:
    """Return a seed that is another for each state of the image."""
    return int(image.stat().st_mtime)


def _say(what: str) -> None:
    print(what, file=sys.stderr)
