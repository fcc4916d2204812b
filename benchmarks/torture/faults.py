"""What is broken, and when: after how many final answers; the same for the same seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["node", "broker", "worker", "cut", "disk"]


@dataclass(frozen=True)
class Fault:
    """``kind`` is broken once there are ``after`` final answers; ``delay_s`` is left to chance."""

    kind: Kind
    after: int
    delay_s: float


def plan_faults(counts: dict[Kind, int], requests: int, rng: random.Random) -> list[Fault]:
    """Return the faults in their order, spread over the whole run."""
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    rng.shuffle(kinds)
    gap = requests / (len(kinds) + 1)
    return [
        Fault(kind, int(gap * (place + 1)), rng.uniform(0.0, 0.3))
        for place, kind in enumerate(kinds)
    ]


def due(faults: Sequence[Fault], done: int, finals: int) -> Fault | None:
    """Return the next fault if it is due; ``done`` is how many there were."""
    if done < len(faults) and finals >= faults[done].after:
        return faults[done]
    return None
