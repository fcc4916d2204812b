"""What nodes and workers say of themselves, as the page shows it; what is not known is left out."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from edge_runtime.bridge.protocol.health import Health

MOST_BYTES = 64 * 1024  # of one report


class Calibration(msgspec.Struct, frozen=True):
    """What a head promises: an error of at most ``alpha``, with certainty ``1 - delta``.

    ``coverage`` is the share of answers above ``threshold`` on the ``n`` samples it was shown on.
    """

    alpha: float
    delta: float
    n: int = 0
    threshold: float | None = None
    coverage: float | None = None


class Bundle(msgspec.Struct, frozen=True):
    """A bundle that a node answers with."""

    name: str = ""
    version: str = ""
    model: str = ""
    languages: list[str] | None = None


class Info(msgspec.Struct, frozen=True):
    """What a node is."""

    version: str = ""
    tasks: list[str] = []
    bundles: list[Bundle] = []
    calibration: dict[str, Calibration] = {}


class PolicyState(msgspec.Struct, frozen=True):
    """The policy in force; ``error`` is what was wrong with the last one that was set."""

    version: int = 0
    policy: dict[str, object] = {}
    error: str | None = None
    source: str = ""


class Price(msgspec.Struct, frozen=True):
    """USD for a million tokens."""

    prompt: float = 0.0
    generation: float = 0.0


class WorkerStatus(msgspec.Struct, frozen=True):
    """Whether a worker is there, with which LLM, at which price."""

    status: str = "offline"
    llm: str = ""
    price_usd_per_million: Price | None = None


_Report = TypeVar("_Report", bound=Info | Health | PolicyState | WorkerStatus)


def read_report(payload: bytes, kind: type[_Report]) -> _Report | None:
    """Read a message; None for one that is not JSON, not as agreed, or too large."""
    if len(payload) > MOST_BYTES:
        return None
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
