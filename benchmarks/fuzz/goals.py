"""What a node has to withstand."""

from __future__ import annotations

import msgspec

from benchmarks.fuzz.run import Found

_MOST_GROWTH_MB = 32.0
_MOST_DISK_MB = 128.0


class Goal(msgspec.Struct, frozen=True):
    """Something wanted, what was found, and whether that will do."""

    wanted: str
    measured: str
    is_met: bool


def goals_met(found: Found) -> list[Goal]:
    """Return each goal, and whether it is met."""
    growth_mb = found.rss_after_mb - found.rss_before_mb
    none = {
        "crashes": found.crashes,
        "failures in its log": found.failures,
        "requests without an answer": found.unanswered,
        "answers to somebody else": found.misdirected,
        "messages where a node may not speak": len(found.strays),
        "connections lost": found.disconnects,
    }
    return [
        *(Goal(f"no {what}", f"{number} in {found.cases}", number == 0)
          for what, number in none.items()),
        Goal("it still answers", str(found.answers), found.answers),
        Goal("it still obeys", str(found.obeys), found.obeys),
        Goal(f"memory grows by at most {_MOST_GROWTH_MB:.0f} MiB", f"{growth_mb:.1f} MiB",
             growth_mb <= _MOST_GROWTH_MB),
        Goal(f"at most {_MOST_DISK_MB:.0f} MB on disk", f"{found.disk_mb:.1f} MB",
             found.disk_mb <= _MOST_DISK_MB),
    ]  # fmt: skip
