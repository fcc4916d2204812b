"""Brings contestants to the start and notes what each was like when they are done."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.harness.alternation import Footprint, Runs
from benchmarks.harness.process import ContestantError, Entry, Process, prepare


@contextmanager
def lineup(runs: Runs, group: str, entries: Sequence[Entry]) -> Iterator[list[Process]]:
    """Prepare and load all entries; yield the processes of those that can take part.

    Who cannot is missing from ``runs``, with the reason. After the body the load time and the peak
    memory of each are noted there too, and all processes end.
    """
    processes = []
    facts = {}
    try:
        for entry in entries:
            print(f"{group}: {entry.name}", file=sys.stderr, flush=True)
            try:
                prepare(entry)
                process = Process(entry)
                processes.append(process)
                facts[entry.name] = process.load()
            except ContestantError as exc:
                runs.missing[group, entry.name] = str(exc)
        playing = [process for process in processes if process.name in facts]
        yield playing
        for process in playing:
            if (group, process.name) in runs.missing:
                continue
            known = facts[process.name]
            try:
                peak_rss_bytes = process.peak_rss_bytes()
            except ContestantError as exc:
                runs.missing[group, process.name] = str(exc)
                continue
            runs.footprints[group, process.name] = Footprint(
                load_s=known.load.wall_s,
                peak_rss_bytes=peak_rss_bytes,
                versions=known.versions,
            )
    finally:
        for process in processes:
            process.close()
