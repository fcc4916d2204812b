"""Two trees of a runtime: small ones, started for real by the launcher's copy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_devices.slots import tree_slots
from edge_devices.trees import LAUNCHER, TreeError, install
from edge_export.publishing.publish import Terms, publish, runtime_item
from edge_runtime.bundles.store import Store
from edge_runtime.updates.repository import Repository
from edge_runtime.updates.source import DirectorySource
from edge_runtime.updates.taking import Means
from edge_runtime.updates.target import RUNTIME, runtime_target
from edge_runtime.updates.trials import Trials
from edge_runtime.updates.updater import Device, Updater
from tests.updates.site import BOOT, ON_MAINS, PRIVATE, PUBLIC, Site, passes

ENTRY = "import sys\nprint({version!r}, *sys.argv[1:])\nsys.exit({status})\n"


def _site(root: Path, version: str, status: int = 0) -> Path:
    """Write what ``pip install --target`` would: a runtime that says its version and ends."""
    package = root / f"site-{version}" / "edge_runtime"
    (package / "cli").mkdir(parents=True)
    (package / "__init__.py").write_text(f"__version__ = {version!r}\n")
    (package / "cli" / "__init__.py").touch()
    (package / "cli" / "entry.py").write_text(ENTRY.format(version=version, status=status))
    (package.parent / f"edge_runtime-{version}.dist-info").mkdir()
    return package.parent


def _launch(root: Path) -> tuple[str, int]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "edge_devices.launch", str(root), "serve", "--node", "n"],
        env={**os.environ, "PYTHONPATH": str(root / LAUNCHER)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip(), done.returncode


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The first installation."""
    root = tmp_path / "opt"
    install(root, _site(tmp_path, "0.1.1"))
    return root


def _updater(tmp_path: Path, root: Path) -> tuple[Updater, Trials]:
    site = Site(tmp_path)
    target = runtime_target(root, lambda: Store(None).find("assistant"))
    source = DirectorySource(site.repository)
    repository = Repository(source, PUBLIC, uptime=lambda: BOOT, wall=lambda: site.now_s)
    means = Means(site.workplace, repository, site.options, passes)
    device = Device("kitchen", [target], lambda: ON_MAINS)
    return (
        Updater(site.workplace, device, means),
        Trials(site.workplace, [target], site.options),
    )


def _publish(tmp_path: Path, version: str, status: int) -> None:
    item = runtime_item(_site(tmp_path, version, status))
    site = Site(tmp_path)
    publish(site.repository, PRIVATE, item, Terms(), valid_days=1, now=lambda: site.now_s)


def test_the_installed_tree_is_started_with_its_arguments(root: Path) -> None:
    assert _launch(root) == ("0.1.1 serve --node n", 0)


def test_a_newer_runtime_is_taken_and_kept(tmp_path: Path, root: Path) -> None:
    _publish(tmp_path, "0.2.0", status=0)
    updater, trials = _updater(tmp_path, root)
    (found,) = updater.update()
    assert (found.name, found.state) == (RUNTIME, "switched")
    assert _launch(root) == ("0.2.0 serve --node n", 0)
    (kept,) = trials.keep()
    assert (kept.state, kept.installed_version) == ("kept", "0.2.0")
    for _ in range(6):
        assert _launch(root)[0].startswith("0.2.0")


def test_a_runtime_that_never_stays_up_is_left_by_the_launcher(tmp_path: Path, root: Path) -> None:
    _publish(tmp_path, "0.2.0", status=1)
    updater, trials = _updater(tmp_path, root)
    updater.update()
    outcomes = [_launch(root) for _ in range(4)]
    assert [status for _, status in outcomes] == [1, 1, 1, 0]
    assert outcomes[-1][0].startswith("0.1.1")
    (left,) = trials.started()
    assert left.state == "returned"
    (held,) = updater.update()
    assert held.state == "held"


def test_a_tree_that_is_gone_is_no_reason_not_to_start(tmp_path: Path, root: Path) -> None:
    install(root, _site(tmp_path, "0.1.2"))
    slots = tree_slots(root)
    assert slots.active == "b"
    (slots.place("b") / "edge_runtime" / "__init__.py").unlink()
    assert _launch(root)[0].startswith("0.1.1")


@pytest.mark.parametrize("record", ["", "{", "[]", '{"format": 9}', '{"release": 1}'])
def test_a_broken_record_keeps_nothing_from_starting(root: Path, record: str) -> None:
    (root / "trial.json").write_text(record)
    assert _launch(root)[1] == 0


def test_what_holds_no_runtime_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="holds no edge-runtime"):
        install(tmp_path / "opt", tmp_path)
