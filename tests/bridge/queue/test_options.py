"""What the owner may set about the queue, and what a request may ask of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_runtime.bridge.queue.options import EscalationOptions, priority_of
from edge_runtime.errors import ConfigError
from edge_runtime.messages import Request
from edge_runtime.settings import load_settings


def test_the_table_queue_sets_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text('[queue]\njournal = "memory"\nmost_rows = 50\n')
    options = load_settings({"EDGE_CONFIG": str(file), "HOME": str(tmp_path)}).queue
    assert options == EscalationOptions(journal="memory", most_rows=50)


@pytest.mark.parametrize("line", ["most_rows = 0", "rows = 5", 'journal = "ram"', "retry_s = -1"])
def test_what_makes_no_sense_is_refused_with_its_place(tmp_path: Path, line: str) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(f"[queue]\n{line}\n")
    with pytest.raises(ConfigError, match=r"edge\.toml:2"):
        load_settings({"EDGE_CONFIG": str(file), "HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("asked", "priority"),
    [(0, 0), (9, 9), (None, 4), (10, 4), (-1, 4), ("9", 4), (True, 4), (2.5, 4)],
)
def test_a_priority_is_a_whole_number_from_0_to_9(asked: Any, priority: int) -> None:
    assert priority_of(Request(text="why?", options={"priority": asked})) == priority


def test_pauses_between_attempts_double_up_to_the_longest_and_differ() -> None:
    options = EscalationOptions(retry_s=2.0, longest_retry_s=300.0)
    for attempts, longest_s in ((0, 2.0), (3, 16.0), (100, 300.0)):
        pauses = {options.backoff_s(attempts) for _ in range(50)}
        assert longest_s / 2 <= min(pauses) < max(pauses) <= longest_s
