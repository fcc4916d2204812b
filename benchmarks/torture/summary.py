"""The last line of a run: one JSON document."""

from __future__ import annotations

import msgspec

from benchmarks.torture.run import Outcome

_SHOWN = 50
_LONGEST = 1000


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, answered, dropped, repeated, paid and used.

    ``dropped`` is what the node has counted by reason, ``told`` what of it was told in events;
    ``refused`` counts by type the errors that said when to come again. ``repeats`` are final
    answers that came more than once, byte for byte; ``unexplained`` of them without a repeated
    request or a fault nearby. ``llm_wasted`` are calls that were computed and of no use;
    ``llm_paid_twice`` full answers to one question beyond the first.
    """

    requests: int
    final: int
    silent: int
    codes: dict[str, int]
    refused: dict[str, int]
    dropped: dict[str, int]
    told: dict[str, int]
    different: int
    repeats: int
    unexplained: int
    asked_again: int
    faults: dict[str, int]
    events: dict[str, int]
    parts: int
    llm_calls: int
    llm_paid: int
    llm_paid_twice: int
    llm_wasted: int
    max_rss_mb: float
    max_disk_mb: float
    duration_s: float
    violations: int
    first_violations: list[str]


def summary(outcome: Outcome) -> Summary:
    """Return the summary of a run."""
    verdict, calls = outcome.verdict, outcome.calls
    return Summary(
        requests=outcome.requests,
        final=outcome.requests - verdict.silent,
        silent=verdict.silent,
        codes=dict(verdict.codes),
        refused=dict(verdict.refusals),
        dropped=dict(outcome.dropped),
        told=dict(outcome.told),
        different=verdict.different,
        repeats=verdict.repeats,
        unexplained=verdict.unexplained,
        asked_again=outcome.repeated,
        faults=dict(outcome.faults),
        events=dict(outcome.events),
        parts=outcome.parts,
        llm_calls=calls.total(),
        llm_paid=sum(outcome.paid.values()),
        llm_paid_twice=sum(count - 1 for count in outcome.paid.values()),
        llm_wasted=calls["late"] + calls["garbled"] + calls["cut"],
        max_rss_mb=round(outcome.max_rss_bytes / 2**20, 1),
        max_disk_mb=round(outcome.max_disk_bytes / 2**20, 1),
        duration_s=round(outcome.duration_s, 1),
        violations=len(verdict.violations),
        first_violations=[each[:_LONGEST] for each in verdict.violations[:_SHOWN]],
    )
