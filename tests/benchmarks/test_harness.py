from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.alternation import Case, Footprint, Runs, Sample, alternate
from benchmarks.harness.figures import Goal, figures, judge
from benchmarks.harness.groups import clock, group
from benchmarks.harness.lineup import lineup
from benchmarks.harness.machine import busy_cores
from benchmarks.harness.plot import Bar, Line, Panel, draw, draw_lines
from benchmarks.harness.process import ContestantError, Entry, Measured, Process
from benchmarks.harness.report import begin, goal_table, markdown, of_runs, publish
from benchmarks.harness.timing import Timing

_SLEEPER = "tests.benchmarks.sleeper"


class Counter:
    """A contestant that writes down whose turn it is."""

    def __init__(self, name: str, turns: list[str], fails_at: int | None = None) -> None:
        self.name = name
        self._turns = turns
        self._fails_at = fails_at

    def measure(self, case: Case) -> Measured:
        self._turns.append(f"{self.name}{case['n']}")
        if self._turns.count(f"{self.name}{case['n']}") == self._fails_at:
            raise ContestantError("out of memory")
        return Measured({"work": Timing(0.5, 0.25, 10)}, {"turn": len(self._turns)})


def _sample(contestant: str, number: int, seconds: float) -> Sample:
    return Sample("g", contestant, "c", "p", number, seconds, 2 * seconds, 6)


def _entry(tmp_path: Path, name: str = "sleeper", **settings: Any) -> Entry:
    return Entry(name, _SLEEPER, {"file": str(tmp_path / "prepared"), **settings})


def test_contestants_take_turns_case_by_case_after_a_warm_up() -> None:
    turns: list[str] = []
    runs = Runs()
    playing = [Counter("a", turns), Counter("b", turns)]
    alternate(runs, "g", playing, {"one": {"n": 1}, "two": {"n": 2}}, rounds=2)
    assert turns == ["a1", "b1", "a2", "b2"] * 3
    assert [(s.contestant, s.case, s.round) for s in runs.samples[:3]] == [
        ("a", "one", 1), ("b", "one", 1), ("a", "two", 1),
    ]  # fmt: skip
    assert len(runs.samples) == 8
    assert runs.facts["g", "b", "two"] == {"turn": 12}


def test_who_fails_is_missing_from_then_on_and_the_others_go_on() -> None:
    turns: list[str] = []
    runs = Runs()
    playing = [Counter("a", turns), Counter("b", turns, fails_at=3)]
    alternate(runs, "g", playing, {"one": {"n": 1}}, rounds=3)
    assert turns == ["a1", "b1", "a1", "b1", "a1", "b1", "a1"]
    assert runs.missing == {("g", "b"): "one: out of memory"}
    assert [s.contestant for s in runs.samples] == ["a", "b", "a", "a"]


def test_a_process_stays_alive_and_answers(tmp_path: Path) -> None:
    process = Process(_entry(tmp_path))
    try:
        facts = process.load()
        assert facts.versions["numpy"].count(".") == 2
        assert facts.versions["no-such-package"] == "not installed"
        first, second = (process.measure({"units": 7}) for _ in range(2))
        assert first.timings["work"].units == 7
        assert first.facts == second.facts != {}
        assert process.peak_rss_bytes() > 5_000_000
    finally:
        process.close()


def test_a_failed_case_ends_neither_the_process_nor_the_reason(tmp_path: Path) -> None:
    process = Process(_entry(tmp_path))
    try:
        with pytest.raises(ContestantError, match=r"^ValueError: 'measure' before"):
            process.measure({"units": 1})
        process.load()
        with pytest.raises(ContestantError, match=r"^RuntimeError: cannot read it$"):
            process.measure({"fail": True})
        assert process.measure({"units": 1}).timings["work"].units == 1
    finally:
        process.close()


def test_a_process_that_dies_leaves_its_last_words(tmp_path: Path) -> None:
    process = Process(_entry(tmp_path))
    try:
        process.load()
        with pytest.raises(ContestantError, match=r"^last words$"):
            process.measure({"die": True})
    finally:
        process.close()


def test_who_cannot_start_is_missing_with_the_reason(tmp_path: Path) -> None:
    runs = Runs()
    entries = [
        _entry(tmp_path, "fine"),
        _entry(tmp_path, "refuses", refuse=True),
        Entry("unnamed", _SLEEPER, python=None, option="--some-python"),
        Entry("no python", _SLEEPER, python=tmp_path / "python"),
        Entry("no module", "tests.benchmarks.no_such_module"),
    ]
    with lineup(runs, "g", entries) as playing:
        assert [process.name for process in playing] == ["fine"]
    missing = {name: reason for (_, name), reason in runs.missing.items()}
    assert missing.keys() == {"refuses", "unnamed", "no python", "no module"}
    assert missing["refuses"] == "ValueError: too small a machine"
    assert missing["unnamed"] == "no --some-python"
    assert "does not start" in missing["no python"]
    assert "no_such_module" in missing["no module"]
    assert runs.footprints["g", "fine"].peak_rss_bytes > 5_000_000


def test_files_are_prepared_by_a_process_of_their_own(tmp_path: Path) -> None:
    runs = Runs()
    with lineup(runs, "g", [_entry(tmp_path)]) as (process,):
        measured = process.measure({"units": 1})
    (preparer,) = (tmp_path / "prepared").read_text().split()
    assert int(preparer) != measured.facts["pid"]


def test_a_figure_has_rates_and_times_by_both_clocks() -> None:
    (figure,) = figures([_sample("a", 1, 2.0), _sample("a", 2, 1.0), _sample("a", 3, 3.0)])
    assert figure.rate("wall").median == 3.0
    assert figure.rate("cpu").median == 1.5
    assert figure.ms("wall").median == 2000
    assert figure.ms("cpu").median == 4000


@pytest.mark.parametrize(
    ("quantity", "limit", "is_met"),
    [("rate", 2.0, True), ("rate", 2.1, False), ("time", 0.5, True), ("time", 0.4, False)],
)
def test_a_goal_is_judged_by_rounds_that_both_ran(
    quantity: Any,
    limit: float,
    is_met: bool,  # noqa: FBT001
) -> None:
    samples = [_sample("a", n, 1.0 * n) for n in range(1, 8)]
    samples += [_sample("b", n, 2.0 * n) for n in range(2, 9)]
    (verdict,) = judge([Goal("a", "b", "g", "c", "p", "wall", limit, quantity)], Runs(samples))
    assert verdict.ratio is not None
    assert verdict.ratio.pairs == 6
    assert verdict.is_met is is_met
    assert verdict.is_certain


def test_an_interval_across_the_limit_is_within_the_noise() -> None:
    samples = [_sample("a", n, 1.0) for n in range(5)]
    samples += [_sample("b", n, seconds) for n, seconds in enumerate((1, 2, 3, 1, 2))]
    (verdict,) = judge([Goal("a", "b", "g", "c", "p", "wall", 1.5)], Runs(samples))
    assert verdict.is_met
    assert not verdict.is_certain
    assert "met, within the noise" in goal_table([verdict])


@pytest.mark.parametrize(("clock", "is_met"), [("wall", None), ("cpu", True)])
def test_on_a_busy_machine_nothing_is_decided_by_the_wall(
    clock: Any,
    is_met: bool | None,  # noqa: FBT001
) -> None:
    samples = [_sample(name, n, seconds) for name, seconds in (("a", 1), ("b", 2)) for n in (1, 2)]
    runs = Runs(samples, busy_cores={"g": 1.5})
    (verdict,) = judge([Goal("a", "b", "g", "c", "p", clock, 1.5)], runs)
    assert verdict.is_met is is_met
    assert ("not decided: others used 1.5 cores" in goal_table([verdict])) is (clock == "wall")


def test_other_work_is_seen_while_contestants_wait() -> None:
    code = "import time\nwhile time.process_time() < 60: pass"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        time.sleep(0.2)
        busy = busy_cores(0.5)
        process.kill()
    assert 0.5 < busy <= (os.cpu_count() or 1)


def test_where_the_system_does_not_say_nothing_is_busy(tmp_path: Path) -> None:
    assert busy_cores(0, tmp_path / "stat") == 0


def test_a_few_pairs_are_never_certain() -> None:
    samples = [_sample(name, n, seconds) for name, seconds in (("a", 1), ("b", 2)) for n in (1, 2)]
    (verdict,) = judge([Goal("a", "b", "g", "c", "p", "wall", 1.5)], Runs(samples))
    assert verdict.is_met
    assert not verdict.is_certain


def test_without_a_side_nothing_is_decided() -> None:
    goal = Goal("a", "b", "g", "c", "p", "wall", 1.5)
    (verdict,) = judge([goal], Runs([_sample("a", 1, 1.0)]))
    assert verdict.is_met is None
    assert not verdict.is_certain
    assert "not measured" in goal_table([verdict])


def test_one_thread_is_timed_by_its_cpu_and_more_by_the_wall() -> None:
    assert [clock(group("m", threads)) for threads in (1, 2, 11)] == ["cpu", "wall", "wall"]


def test_a_cell_cannot_break_the_table() -> None:
    lines = markdown(["a", "b"], [["x|y", "1"]]).splitlines()
    assert lines == ["| a | b |", "| --- | ---: |", r"| x\|y | 1 |"]


def test_the_last_line_is_the_whole_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs(
        samples=[_sample("a", 1, 1.0), _sample("b", 1, 2.0)],
        footprints={("g", "a"): Footprint(0.5, 123, {"numpy": "2"})},
        missing={("g", "c"): "no --python"},
    )
    verdicts = judge([Goal("a", "b", "g", "c", "p", "wall", 1.5)], runs)
    publish("| table |", {**begin("b", ["numpy"]), **of_runs(runs, verdicts)}, tmp_path / "out")
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert document == json.loads((tmp_path / "out/results.json").read_text())
    assert (tmp_path / "out/table.md").read_text() == "| table |\n"
    assert document["benchmark"] == "b"
    assert document["cores"] >= 1
    assert len(document["commit"]) in {0, 40}
    assert document["versions"]["python"].startswith(f"{sys.version_info[0]}.")
    assert len(document["load_average_before"]) == len(document["load_average_after"]) == 3
    assert document["missing"][0]["reason"] == "no --python"
    assert document["footprints"][0]["peak_rss_bytes"] == 123
    assert document["goals"][0]["is_met"] is True
    assert document["samples"][1]["wall_s"] == 2.0


def test_plots_are_written_where_there_is_something_to_draw(tmp_path: Path) -> None:
    draw([Panel("p", "tokens/s", [])], tmp_path / "empty.png")
    draw_lines([], "x", "y", tmp_path / "no-lines.png")
    assert not list(tmp_path.iterdir())
    bars = [Bar("a", 2.0, 1.5, 2.5, is_ours=True), Bar("b", 1.0, 0.9, 1.1, is_ours=False)]
    draw([Panel("p", "tokens/s", bars)] * 3, tmp_path / "bars.png")
    draw_lines([Line("p", "a", [1, 2], [3, 4])], "x", "y", tmp_path / "lines.png")
    for path in tmp_path.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
