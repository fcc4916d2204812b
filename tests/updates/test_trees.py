"""Two trees of a runtime: small ones, started for real by the ``edge-run`` that is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import edge_runtime
from edge_devices.launch import INSTALLED, note_start, with_tree
from edge_devices.slots import tree_slots
from edge_export.publishing.publish import Terms, publish, runtime_item
from edge_runtime.bundles.store import Store
from edge_runtime.cli.updating import open_updates
from edge_runtime.places import TREES_VARIABLE
from edge_runtime.settings import Settings
from edge_runtime.updates.options import UpdateOptions
from edge_runtime.updates.progress import Progress
from edge_runtime.updates.repository import Repository
from edge_runtime.updates.source import DirectorySource
from edge_runtime.updates.taking import Means
from edge_runtime.updates.target import RUNTIME, runtime_target
from edge_runtime.updates.trials import Trials
from edge_runtime.updates.updater import Device, Updater
from tests.updates.site import BOOT, ON_MAINS, PRIVATE, PUBLIC, Site, passes
from tests.updates.test_faults import DONE, in_child, killed

ENTRY = "import sys\nprint({version!r}, *sys.argv[1:])\nsys.exit({status})\n"
OURS = "error: which broker?"  # what is installed says to `serve`


def _site(root: Path, version: str, status: int = 0) -> Path:
    """Write what ``pip install --target`` would: a runtime that says its version and ends."""
    package = root / f"site-{version}" / "edge_runtime"
    (package / "cli").mkdir(parents=True)
    (package / "__init__.py").write_text(f"__version__ = {version!r}\n")
    (package / "cli" / "__init__.py").touch()
    (package / "cli" / "entry.py").write_text(ENTRY.format(version=version, status=status))
    (package.parent / f"edge_runtime-{version}.dist-info").mkdir()
    return package.parent


class Board:
    """A device whose runtime is updated, with its publisher."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site = Site(root)
        self.trees = self.site.state / "runtime"
        self.slots = tree_slots(self.trees)
        target = runtime_target(self.trees, lambda: Store(None).find("assistant"))
        source = DirectorySource(self.site.repository)
        repository = Repository(source, PUBLIC, uptime=lambda: BOOT, wall=lambda: self.site.now_s)
        means = Means(self.site.workplace, repository, self.site.options, passes)
        device = Device("kitchen", [target], lambda: ON_MAINS)
        self.updater = Updater(self.site.workplace, device, means)
        self.trials = Trials(self.site.workplace, [target], self.site.options)

    def take(self, version: str, status: int = 0) -> Progress:
        """Publish a runtime, and have it on the device."""
        item = runtime_item(_site(self.root, version, status))
        publish(
            self.site.repository, PRIVATE, item, Terms(), valid_days=1, now=lambda: self.site.now_s
        )
        (found,) = self.updater.update()
        return found

    def run(self, *arguments: str) -> tuple[str, int]:
        """Run ``edge-run``; return the first line that it says, and its status."""
        environment = {**os.environ, "EDGE_STATE": str(self.site.state), "EDGE_SOCKET": "off",
                       "EDGE_CONFIG": os.devnull}  # fmt: skip
        for name in ("PYTHONPATH", "EDGE_BROKER", TREES_VARIABLE):
            environment.pop(name, None)
        done = subprocess.run(
            [sys.executable, "-P", "-m", "edge_runtime.cli.entry", *arguments],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return (done.stdout + done.stderr).splitlines()[0], done.returncode

    def start(self) -> str:
        """Start a node; return which runtime it was, and whether it failed."""
        said, status = self.run("serve")
        return f"{said.removesuffix(' serve')} {status}" if not said.startswith(OURS) else "ours"


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_without_trees_what_is_installed_runs(board: Board) -> None:
    assert board.run("--version") == (f"edge-run {edge_runtime.__version__}", 0)
    assert board.start() == "ours"
    assert not board.trees.exists()


def test_a_newer_runtime_is_taken_kept_and_runs_every_command(board: Board) -> None:
    found = board.take("8.0.0")
    assert (found.name, found.state) == (RUNTIME, "switched")
    assert board.start() == "8.0.0 0"
    assert board.run("serve", "--node", "n") == ("8.0.0 serve --node n", 0)
    assert board.run("ask", "why?") == ("8.0.0 ask why?", 0)
    (kept,) = board.trials.keep()
    assert (kept.state, kept.installed_version) == ("kept", "8.0.0")
    assert [board.start() for _ in range(5)] == ["8.0.0 0"] * 5


def test_only_starts_of_a_node_count(board: Board) -> None:
    board.take("8.0.0")
    for _ in range(5):
        assert board.run("ask", "why?")[1] == 0
    assert board.start() == "8.0.0 0"


def test_a_first_runtime_that_never_stays_up_is_left_for_what_is_installed(board: Board) -> None:
    board.take("8.0.0", status=1)
    assert [board.start() for _ in range(4)] == ["8.0.0 1"] * 3 + ["ours"]
    (left,) = board.trials.started()
    assert left.state == "returned"
    (held,) = board.updater.update()
    assert held.state == "held"
    assert board.start() == "ours"


def test_a_second_runtime_that_never_stays_up_is_left_for_the_first(board: Board) -> None:
    board.take("8.0.0")
    board.trials.keep()
    board.take("8.1.0", status=1)
    assert [board.start() for _ in range(4)] == ["8.1.0 1"] * 3 + ["8.0.0 0"]


def test_the_owner_goes_back_to_what_is_installed(board: Board) -> None:
    board.take("8.0.0")
    board.trials.keep()
    (back,) = board.trials.back()
    assert (back.state, back.installed_version) == ("returned", edge_runtime.__version__)
    assert board.start() == "ours"


def test_an_installation_that_is_another_one_takes_the_place_of_the_trees(board: Board) -> None:
    board.take("8.0.0")
    assert board.start() == "8.0.0 0"
    board.trials.keep()
    record = board.trees / INSTALLED
    now = record.read_text()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert now == f"{edge_runtime.__version__} on Python {python}"
    others = [f"0.0.9 on Python {python}", f"{edge_runtime.__version__} on Python 3.9"]
    for number, other in enumerate(others, 1):
        record.write_text(other)
        assert board.start() == "ours"
        assert record.read_text() == now
        assert board.take(f"8.{number}.0").state == "switched"
        assert board.start() == f"8.{number}.0 0"
        board.trials.keep()


def test_killed_at_any_change_a_start_is_noted_the_next_time(tmp_path: Path) -> None:
    """Another installation takes the place of a tree on trial."""
    for number in range(1, 50):
        root = tmp_path / str(number)
        slots = tree_slots(root)
        (slots.place("a") / "edge_runtime").mkdir(parents=True)
        (slots.place("a") / "edge_runtime" / "__init__.py").touch()
        (root / INSTALLED).write_text("0.0.9 on Python 3.9")
        slots.begin("new")
        ended = in_child(partial(note_start, root, slots, "1.0.0"), number, killed)
        note_start(root, slots, "1.0.0")
        assert (slots.active, slots.trial) == (None, None), number
        if ended == DONE:
            break
    assert number > 4


def test_a_tree_that_is_not_whole_is_no_reason_not_to_start(board: Board) -> None:
    board.take("8.0.0")
    (board.slots.place("a") / "edge_runtime" / "__init__.py").unlink()
    assert board.start() == "ours"


@pytest.mark.parametrize("record", ["", "{", "[]", '{"format": 9}', '{"release": 1}'])
def test_a_broken_record_keeps_nothing_from_starting(board: Board, record: str) -> None:
    board.take("8.0.0")
    (board.trees / "trial.json").write_text(record)
    assert board.start() == "8.0.0 0"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_root_runs_no_code_that_another_user_may_have_put_there(board: Board) -> None:
    board.take("8.0.0")
    os.chown(board.trees, 12345, 12345)
    assert board.start() == "ours"


def test_a_tree_comes_first_and_the_other_one_is_out(tmp_path: Path) -> None:
    before = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "a"), "/elsewhere"]), "HOME": "/"}
    found = with_tree(tmp_path / "b.new", before)
    assert found == {"HOME": "/", "PYTHONPATH": f"{tmp_path / 'b.new'}{os.pathsep}/elsewhere"}


def test_the_runtime_is_updated_where_the_next_start_would_begin_with_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TREES_VARIABLE, raising=False)

    def names(*, runtime: bool = True) -> list[str]:
        settings = Settings(state=str(tmp_path), update=UpdateOptions(runtime=runtime))
        return [each.name for each in open_updates(settings).targets]

    assert names() == ["assistant"]
    monkeypatch.setenv(TREES_VARIABLE, str(tmp_path / "runtime"))
    assert names() == ["assistant", RUNTIME]
    assert names(runtime=False) == ["assistant"]
