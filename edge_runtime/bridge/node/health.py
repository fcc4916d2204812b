"""How the node is doing: said every 30 seconds, for whoever listens."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_devices import readings
from edge_runtime.assistant.governing.sensors import Remembered
from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.node.line import Line
from edge_runtime.bridge.node.tally import Tally
from edge_runtime.bridge.protocol.health import (
    Board,
    Budget,
    Counts,
    Health,
    Pace,
    Queue,
    health_message,
)
from edge_runtime.bridge.protocol.message import Message, Sender
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.queue.depth import Depth
from edge_runtime.errors import UnavailableError
from edge_runtime.routing.budget import ALL, Account

_log = logging.getLogger(__name__)

_EVERY_S = 30.0
_LINK_EVERY_S = 60.0  # it takes a child process
_NOBODY = "-"  # for the accounts of all clients together


class Waiting(Protocol):
    """The queue of escalations, as far as its depth goes."""

    def depth(self) -> Depth:
        """Return how much waits."""


class Budgets(Protocol):
    """What is left to be spent; the governor knows."""

    def accounts(self, client: str) -> list[Account]:
        """Return what is left for a client and for all; raises UnavailableError."""


class Pacer(Protocol):
    """How fast the board lets the node work; ``assistant.governing.pacer.Pacer`` is the one."""

    def health(self) -> dict[str, str]:
        """Return ``level`` and ``reason``."""


@dataclass(frozen=True)
class Sources:
    """What health tells besides the node's own numbers; None: it is not known."""

    budgets: Budgets | None = None
    pacer: Pacer | None = None


class HealthReports:
    """A companion with a thread of its own: readings of the board take time.

    ``clock`` returns seconds since the epoch.
    """

    def __init__(
        self,
        topics: NodeTopics,
        line: Line,
        tally: Tally,
        waiting: Waiting,
        sources: Sources,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._topics = topics
        self._line = line
        self._tally = tally
        self._waiting = waiting
        self._sources = sources
        self._clock = clock
        self._started = time.monotonic()
        self._is_metered = Remembered(readings.link_is_metered, _LINK_EVERY_S)
        self._sender: Sender | None = None
        self._due = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)
        self.subscriptions: Mapping[str, int] = {}

    def start(self, sender: Sender) -> None:
        """Begin to tell."""
        self._sender = sender
        self._thread.start()

    def connected(self) -> None:
        """Tell at once."""
        self.tell_soon()

    def lost(self) -> None:
        """Do nothing: nobody would hear it."""

    def received(self, message: Message) -> bool:
        """Take nothing."""
        del message
        return False

    def stop(self) -> None:
        """End."""
        self._stopping = True
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()

    def tell_soon(self) -> None:
        """Tell at once, since something has changed; any thread may call."""
        self._due.set()

    def now(self) -> Health:
        """Return what is told."""
        depth, tally, now = self._waiting.depth(), self._tally, time.monotonic()
        oldest_at = self._line.oldest_at()
        ages = [depth.oldest_s, None if oldest_at is None else now - oldest_at]
        refused = tally.count("refused")
        return Health(
            time=round(self._clock(), 3),
            uptime_s=round(now - self._started, 3),
            queue=Queue(
                requests=len(self._line),
                escalations=depth.escalations,
                bytes=depth.bytes + self._line.size_bytes,
                oldest_s=max((round(age, 3) for age in ages if age is not None), default=None),
            ),
            dropped={**depth.dropped, **({"queue": refused} if refused else {})},
            counts=Counts(*map(tally.count, Counts.__struct_fields__)),
            coverage=tally.coverage(),
            latency=tally.latencies(),
            board=self._board(),
            pace=self._pace(),
            budget=self._budget(),
            workers=depth.workers,
            paused=depth.is_paused,
        )

    def _run(self) -> None:
        while not self._stopping:
            self._due.wait(_EVERY_S)
            self._due.clear()
            if self._sender is None or not self._sender.is_ready or self._stopping:
                continue
            try:
                self._sender.publish(health_message(self._topics, self.now()))
            except Exception as exc:  # noqa: BLE001 - the next one may be told
                log_failure(_log, "the health cannot be told", exc)

    def _board(self) -> Board:
        battery_percent = readings.discharging_battery_percent()
        return Board(
            temperature_c=readings.temperature_c(),
            rss_mb=_rss_mb(),
            battery_percent=battery_percent,
            on_battery=battery_percent is not None,
            # told over the link, it is up
            link="metered" if self._is_metered() else "up",
        )

    def _pace(self) -> Pace | None:
        pacer = self._sources.pacer
        return None if pacer is None else Pace(**pacer.health())

    def _budget(self) -> Budget:
        budgets = self._sources.budgets
        left: dict[str, list[float]] = {"requests_left": [], "tokens_left": [], "usd_left": []}
        try:
            accounts = [] if budgets is None else budgets.accounts(_NOBODY)
        except UnavailableError as exc:
            _log.warning("%s", exc)
            accounts = []
        for account in accounts:
            if account.client != ALL:
                continue
            limits, spent = account.limits, account.spent
            for name, most, has in (
                ("requests_left", limits.requests, spent.requests),
                ("tokens_left", limits.tokens, spent.tokens),
                ("usd_left", limits.cost_usd, spent.cost_usd),
            ):
                if most is not None:
                    left[name].append(max(0, most - has))
        return Budget(**{name: min(values, default=None) for name, values in left.items()})


def _rss_mb() -> float | None:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
