"""Power cuts under load: the emulator is killed while requests arrive, and starts again.

What the guest had flushed to its disk is there after that, what only its memory held is not. A card
that calls something flushed before it is cannot be tested so.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.boot.app import App, Asked
from benchmarks.boot.guest import Guest
from benchmarks.boot.queries import LOCAL, OPEN, QUERIES

BOOT_TIMEOUT_S = 900.0

_EVERY_S = 0.15
_LOAD_S = (2.0, 9.0)
_SETTLE_S = 900.0


@dataclass
class Cuts:
    """What happened: how long each start took, and what became of the requests.

    ``wanted`` is how often the power was to be cut, ``caught`` how many requests for the small
    model a cut met before their answer, ``promised`` how many had been told to wait. ``lost`` are
    those that the broker took and that got no final answer, ``errors`` counts those that got an
    error in place of one, by its code and type.
    """

    wanted: int
    done: int = 0
    boot_s: list[float] = field(default_factory=list)
    asked: int = 0
    open_questions: int = 0
    caught: int = 0
    promised: int = 0
    lost: list[str] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    doubled: int = 0
    different: int = 0
    has_file_system_errors: bool = False
    error: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it came up every time, and nothing was lost."""
        wrong = self.lost or self.errors or self.has_file_system_errors or self.error
        return self.done == self.wanted and not wrong


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

    ``worker`` is a context manager: somebody who answers for the large model. A node that does not
    come up by itself ends it, and ``error`` says so.
    """
    found = Cuts(times)
    before = len(app.asked)
    try:
        _cut_and_settle(app, start, found, worker, random.Random(seed), give_up_at)  # noqa: S311
    except OSError as exc:
        found.error = str(exc)
    count(found, app.asked, before)
    return found


def cut_line(cuts: Cuts) -> str:
    """Return what happened, in a paragraph."""
    after = (
        f", after {statistics.median(cuts.boot_s):.0f} s (median, {max(cuts.boot_s):.0f} s at most)"
        if cuts.boot_s
        else ""
    )
    fate = f"FAILED: {cuts.error}" if cuts.error else f"up again by itself every time{after}"
    damage = "yes" if cuts.has_file_system_errors else "none"
    errors = ", ".join(f"{number} x {what}" for what, number in cuts.errors.items()) or "none"
    return (
        f"Power cuts under load: {cuts.done} of {cuts.wanted}; {fate}. {cuts.asked} requests, "
        f"{cuts.open_questions} of them for the large model, of which {cuts.promised} were told to "
        f"wait; {cuts.caught} for the small model were cut off before their answer. Lost: "
        f"{len(cuts.lost)}; errors: {errors}; answered twice: {cuts.doubled}, "
        f"differently: {cuts.different}; damage to the file system: {damage}."
    )


def count(found: Cuts, everything: dict[str, Asked], before: int = 0) -> None:
    """Count what became of the requests, of which the first ``before`` are others'."""
    asked = list(everything.items())[before:]
    found.asked = len(asked)
    found.open_questions = sum(each.text.startswith(OPEN[:12]) for _, each in asked)
    found.promised = sum(any(a["status"] == "queued" for a in each.answers) for _, each in asked)
    found.lost = [name for name, each in asked if each.taken and each.final is None]
    finals = [each.final for _, each in asked if each.final is not None]
    found.errors = Counter(_error(each) for each in finals if each["status"] == "error")
    for _, each in asked:
        finals = [a for a in each.answers if a["status"] != "queued"]
        found.doubled += len(finals) > 1
        found.different += len({str(a["result"]) for a in finals}) > 1


def seed_of(image: Path) -> int:
    """Return a seed that is another for each state of the image."""
    return int(image.stat().st_mtime)


def _cut_and_settle(
    app: App,
    start: Callable[[], Guest],
    found: Cuts,
    worker: Callable[[], Any],
    chance: random.Random,
    give_up_at: float,
) -> None:
    before = len(app.asked)
    while found.done < found.wanted and time.monotonic() < give_up_at:
        guest = _boot(app, start, found)
        try:
            asked = _load(app, chance.uniform(*_LOAD_S))
        finally:
            guest.cut()
        found.done += 1
        found.caught += sum(each.taken and each.final is None for each in asked)
        _say(f"cut {found.done}: {len(app.asked)} asked, up again needed {found.boot_s[-1]:.0f} s")
    guest = _boot(app, start, found)
    try:
        errors = guest.shell("dmesg | grep -ciE 'EXT4-fs error' || true")
        found.has_file_system_errors = errors != "0"
        with worker():
            waiting = [each for each in list(app.asked.values())[before:] if each.taken]
            app.wait_final(waiting, _SETTLE_S)
    finally:
        guest.cut()


def _boot(app: App, start: Callable[[], Guest], found: Cuts) -> Guest:
    seen = app.online
    guest = start()
    try:
        found.boot_s.append(app.wait_online(seen + 1, BOOT_TIMEOUT_S) - guest.began)
    except BaseException:
        guest.cut()
        raise
    return guest


def _load(app: App, seconds: float) -> list[Asked]:
    """Ask, what the small model answers and what has to wait for the large one in turn.

    Return those for the small model.
    """
    over_at = time.monotonic() + seconds
    small: list[Asked] = []
    while time.monotonic() < over_at:
        task, text = QUERIES[len(small) % len(QUERIES)]
        small.append(app.ask(task, text, policy=LOCAL))
        time.sleep(_EVERY_S)
        app.ask("ask", OPEN.format(number=len(app.asked)))
        time.sleep(_EVERY_S)
    return small


def _say(what: str) -> None:
    print(what, file=sys.stderr)


def _error(answer: dict[str, Any]) -> str:
    error = answer["error"]
    return f"{error['code']} {error['type']}"
