"""Budgets in requests, tokens and money: what is left of a day and a month.

No date and no wall clock: a Pi has none of its own, and one that is set forward must not fill
anything up. A day is 24 hours that the board was running, a month 30 such days; both begin with
their first expense. Time that the board is off does not count, which only ever errs on the strict
side.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Literal

import msgspec

from edge_runtime.routing.refusal import Refusal

Period = Literal["day", "month"]

PERIOD_S: dict[Period, float] = {"day": 86_400.0, "month": 30 * 86_400.0}
ALL = ""  # the name under which the expenses of all clients stand together


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The most in one period; None: no limit. ``tokens`` are those read and written."""

    requests: int | None = None
    tokens: int | None = None
    cost_usd: float | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{name} must be 0 or more")


class ClientBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What each client may spend."""

    day: Limits = Limits()
    month: Limits = Limits()


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may be spent on large models, by all clients together and by each ``client``."""

    day: Limits = Limits()
    month: Limits = Limits()
    client: ClientBudget = ClientBudget()

    @property
    def is_limited(self) -> bool:
        """Whether there is anything to keep account of."""
        return self != Budget()

    def limits(self, client: str) -> Iterator[tuple[str, Period, Limits]]:
        """Yield the limits that hold for a client: on whose account, for which period."""
        sides: list[tuple[str, Budget | ClientBudget]] = [(ALL, self), (client, self.client)]
        for name, side in sides:
            for period, limits in (("day", side.day), ("month", side.month)):
                if limits != Limits():
                    yield name, "day" if period == "day" else "month", limits


class Clock(msgspec.Struct, frozen=True):
    """Time that the board was running: ``lived_s``, in all, as of ``uptime_s`` of a boot."""

    boot: str = ""
    uptime_s: float = 0.0
    lived_s: float = 0.0

    def at(self, boot: str, uptime_s: float) -> Clock:
        """Return the clock now; it never goes back, and jumps no further than the uptime."""
        gone_s = uptime_s - self.uptime_s if boot == self.boot else 0.0
        return Clock(boot, uptime_s, self.lived_s + max(0.0, gone_s))


class Spent(msgspec.Struct, frozen=True):
    """What was spent since ``begun_s`` of the clock."""

    begun_s: float = 0.0
    requests: int = 0
    tokens: int = 0
    cost_usd: float = 0.0

    def at(self, period: Period, lived_s: float) -> Spent:
        """Return what counts now: nothing once the period is over."""
        return Spent(lived_s) if lived_s - self.begun_s >= PERIOD_S[period] else self

    def plus(self, *, requests: int = 0, tokens: int = 0, cost_usd: float = 0.0) -> Spent:
        """Add an expense; what is not a number from 0 on adds nothing: workers may be wrong."""
        cost_usd = cost_usd if 0 <= cost_usd < math.inf else 0.0
        return Spent(
            self.begun_s,
            self.requests + max(0, requests),
            self.tokens + max(0, tokens),
            min(self.cost_usd + cost_usd, sys.float_info.max),
        )

    def without_request(self) -> Spent:
        """Take back a request that nobody received."""
        return Spent(self.begun_s, max(0, self.requests - 1), self.tokens, self.cost_usd)


class Account(msgspec.Struct, frozen=True):
    """The limits of one period, what was spent of them, and how long until the period is over."""

    client: str
    period: Period
    limits: Limits
    spent: Spent
    lived_s: float

    @property
    def name(self) -> str:
        """What it is called."""
        whose = "all clients" if self.client == ALL else f"client {self.client}"
        return f"{whose}, {self.period}"

    @property
    def cost_left_usd(self) -> float:
        """Return what is left to be paid; infinity without a limit, never less than 0."""
        most = self.limits.cost_usd
        return math.inf if most is None else max(0.0, most - self.spent.cost_usd)

    def said(self) -> str:
        """Return what was spent of what, in words."""
        limits, spent = self.limits, self.spent
        parts = [
            f"{_short(has)} of {_short(most)} {unit}"
            for has, most, unit in (
                (spent.requests, limits.requests, "requests"),
                (spent.tokens, limits.tokens, "tokens"),
                (spent.cost_usd, limits.cost_usd, "USD"),
            )
            if most is not None
        ]
        return f"{self.name}: {', '.join(parts)}"

    def refusal(self) -> Refusal | None:
        """Return why nothing more may be spent, if so.

        Without money from the start (0), what costs nothing may still be asked.
        """
        limits, spent = self.limits, self.spent
        gone = [
            unit
            for has, most, unit in (
                (spent.requests + 1, limits.requests, "requests"),
                (spent.tokens + 1, limits.tokens, "tokens"),
            )
            if most is not None and has > most
        ]
        if limits.cost_usd and self.cost_left_usd == 0:
            gone.append("money")
        if not gone:
            return None
        left_s = max(0.0, self.spent.begun_s + PERIOD_S[self.period] - self.lived_s)
        said = f"the budget of {self.name} is spent: {' and '.join(gone)}"
        return Refusal(said, round(left_s, 1), by="budget")


def _short(number: float) -> str:
    return f"{number:.6g}"
