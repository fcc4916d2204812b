"""Home commands: intent and slots as a whole, as Home Assistant takes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.assistant.figures import Figure, figure
from benchmarks.assistant.sets import Sets
from edge_export.evaluation.metrics import share
from edge_runtime.assistant.commands.home import home_command
from edge_runtime.assistant.commands.names import Home
from edge_runtime.tasks.classification import classify
from edge_runtime.tasks.tagging import tag

_FILE = "home_assistant_intents"
_NAME = "Home Assistant intents"


def home_figures(sets: Sets) -> Iterator[Figure]:
    """Yield the share of commands of which everything is right.

    Once with names as they are said, and once with those of the home that the data is about, as a
    device knows those of its own.
    """
    path = sets.data / _FILE / f"{sets.split}.jsonl"
    heads = sets.encoder.bundle.manifest.heads
    if not path.is_file() or not {"intent", "slots", "target"} <= heads.keys():
        sets.skipped.append(f"{_NAME}: no file {path.name}, or no heads slots and target")
        return
    rows = read_commands(path)
    encodings = sets.encode([row["text"] for row in rows], f"{_NAME}: commands")
    homes = {"": None, ", names known": _home(sets.data)}
    intents: list[bool] = []
    wholes: dict[str, list[bool]] = {name: [] for name in homes}
    for row, encoding in zip(rows, encodings, strict=True):
        logits = encoding.mean("intent").copy()
        logits[[not label.startswith("Hass") for label in heads["intent"].labels]] = -np.inf
        intent = classify("intent", heads["intent"], logits).label
        target = classify("target", heads["target"], encoding.mean("target")).label
        spans = tag("slots", heads["slots"], encoding)
        intents.append(intent == row["intent"])
        for name, home in homes.items():
            slots = home_command(row["text"], intent, spans, target, row.get("context", {}), home)
            wholes[name].append(intents[-1] and same_slots(slots, row["slots"]))
    n = len(rows)
    yield figure("intent", _NAME, "intent right", n, share(np.array(intents)))
    for name, right in wholes.items():
        metric = f"intent and slots right{name}"
        yield figure("intent, slots, target", _NAME, metric, n, share(np.array(right)))


def read_commands(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of commands."""
    return [json.loads(line) for line in path.read_text("utf-8").rstrip("\n").split("\n")]


def _home(data: Path) -> Home | None:
    """Return the names of the home in which the sentences were said."""
    path = data / _FILE / "raw" / "tests" / "en" / "_fixtures.yaml"
    if not path.is_file():
        return None
    found = yaml.safe_load(path.read_text("utf-8"))
    devices, areas, floors = (
        tuple(str(each["name"]) for each in found[key]) for key in ("entities", "areas", "floors")
    )
    return Home(devices=devices, areas=areas, floors=floors)


def same_slots(found: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    """Return whether slots are equal; the data lists some values with their alternatives."""
    return found.keys() == wanted.keys() and all(
        _same(found[name], value) for name, value in wanted.items()
    )


def _same(found: object, wanted: object) -> bool:
    if isinstance(wanted, list):
        return any(_same(found, each) for each in wanted)
    if isinstance(wanted, str) and isinstance(found, str):
        return found.strip() == wanted.strip()
    return found == wanted
