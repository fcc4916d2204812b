"""Runs the contestants of each shape, with each number of threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.decoders.contestants import FORMS, Form, entries
from benchmarks.decoders.shapes import SHAPES, make_source
from benchmarks.decoders.weights import bytes_per_token
from benchmarks.harness.alternation import Case, Runs, alternate
from benchmarks.harness.groups import group
from benchmarks.harness.lineup import lineup
from benchmarks.harness.process import Entry
from benchmarks.outliers.models import make_ids, vocabulary_size

MEMORY = "memory read"

_IDS_SEED = 1000
# context -> tokens made after it
CONTEXTS = {64: 32, 128: 0, 512: 32}


@dataclass(frozen=True)
class Settings:
    """What is measured, and how often; ``pythons`` are the peers' by the name of their option."""

    shapes: Sequence[str] = tuple(SHAPES)
    threads: Sequence[int] = (1, 2)
    rounds: int = 9
    contexts: Mapping[int, int] = field(default_factory=lambda: dict(CONTEXTS))
    forms: Sequence[Form] = FORMS
    pythons: Mapping[str, Path | None] = field(default_factory=dict)


class Bench:
    """Fills ``runs``; ``work`` keeps the models of every runtime.

    ``read_bytes`` are the weights that a decode step reads, by group and contestant.
    """

    def __init__(self, settings: Settings, work: Path) -> None:
        self.runs = Runs()
        self.read_bytes: dict[tuple[str, str], int] = {}
        self._settings = settings
        self._work = work.resolve()

    def measure(self, shape: str) -> None:
        """Make the models of a shape where they are missing, and run all of them in turn."""
        settings = self._settings
        source = make_source(shape, self._work)
        context = max(context + tokens for context, tokens in settings.contexts.items()) + 1
        size = vocabulary_size(source)
        cases: dict[str, Case] = {
            f"context {length}": {
                "ids": make_ids(1, length, size, _IDS_SEED)[0].tolist(),
                "tokens": tokens,
            }
            for length, tokens in settings.contexts.items()
        }
        for threads in settings.threads:
            name = group(shape, threads)
            playing = entries(
                settings.forms, source, settings.pythons, threads=threads, context=context
            )
            self._run(name, playing, cases, threads)

    def _run(
        self, name: str, playing: Sequence[Entry], cases: Mapping[str, Case], threads: int
    ) -> None:
        memory = Entry(MEMORY, "benchmarks.decoders.runtimes.memory", {"threads": threads})
        with lineup(self.runs, name, [*playing, memory]) as processes:
            alternate(self.runs, name, processes, cases, rounds=self._settings.rounds)
        for entry in playing:
            if (name, entry.name) in self.runs.footprints:
                self.read_bytes[name, entry.name] = bytes_per_token(Path(entry.settings["model"]))
