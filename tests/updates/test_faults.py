"""``kill -9`` before every change of the disk, and a disk that is full at every size.

What Python is about to do to the disk it announces (PEP 578), so that the process can be killed
between any two changes; the child does a whole update, from transfer to trial.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from edge_runtime.bundles.install import add_bundle
from edge_runtime.errors import EdgeError
from tests.updates.site import NAME, Site, weights, write_bundle

_CHANGES = {
    "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink",
    "os.truncate",
}  # fmt: skip
DONE = 0
_FAILED = 7
_SURVIVED = 8
_WEIGHTS = weights(300_000)
_NEWER = _WEIGHTS[:100_000] + weights(1000, seed=2) + _WEIGHTS[100_000:]


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be: hundreds of updates wait for no disk."""
    if not os.access("/dev/shm", os.W_OK):  # noqa: S108 - asked for, not made up
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


def _is_change(event: str, arguments: tuple[object, ...]) -> bool:
    if event == "open":
        flags = arguments[2]
        return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    # ctypes: renameat2 changes the disk as well
    return event in _CHANGES or event == "ctypes.dlsym"


def in_child(work: Callable[[], None], number: int, fault: Callable[[], None]) -> int:
    """Do some work in a child; before its change of this number the fault happens.

    Returns minus the signal that ended the child, or whether it failed, survived the fault, or was
    done before it.
    """
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            if _is_change(event, arguments):
                count += 1
                if count == number:
                    fault()

        status = _FAILED
        try:
            sys.addaudithook(hook)
            work()
            status = DONE if count < number else _SURVIVED
        except EdgeError:
            status = _FAILED
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _update(site: Site) -> Callable[[], None]:
    def work() -> None:
        (found,) = site.updater().update(by_owner=True)
        if found.state == "failed":
            os._exit(_FAILED)

    return work


def _from_shipped(site: Site) -> str:
    """Nothing of the name is on the device but what was added by hand."""
    add_bundle(site.store, str(write_bundle(site.root / "own", "0.9", weights=_WEIGHTS)), NAME)
    return "0.9"


def _from_first(site: Site) -> str:
    site.take("1", weights=_WEIGHTS)
    return "1"


def _from_second(site: Site) -> str:
    site.take("0.1", weights=weights(300_000, seed=3))
    return _from_first(site)


@pytest.mark.parametrize("begin", [_from_shipped, _from_first, _from_second])
def test_killed_at_any_change_of_the_disk_the_node_has_a_whole_bundle(
    tmp_path: Path, begin: Callable[[Site], str]
) -> None:
    base = Site(tmp_path / "base")
    old = begin(base)
    base.publish("2", weights=_NEWER)
    kills = 0
    for number in range(1, 1000):
        site = _copy(base, tmp_path / "copy")
        ended = in_child(_update(site), number, killed)
        if ended == DONE:
            assert site.running == "2"
            break
        assert ended == -signal.SIGKILL
        kills += 1
        # the next start, as the node does it
        assert site.running in {old, "2"}, number
        site.trials().started()
        version = site.running
        assert version in {old, "2"}, number
        trial = site.target.slots.trial
        assert (version == "2") == (trial is not None), "what is new is always on trial"
        # and the update can be done after all
        if version == old:
            (found,) = site.updater().update(by_owner=True)
            assert (found.state, site.running) == ("switched", "2"), number
        # a version that crashes is left again
        for _ in range(site.options.most_starts + 1):
            site.trials().started()
        assert site.running == old, number
        _nothing_is_left_over(site)
    assert kills > 30


@pytest.mark.parametrize("ending", ["crashes", "kept", "back"])
def test_killed_at_the_end_of_a_trial_the_node_has_a_whole_bundle(
    tmp_path: Path, ending: str
) -> None:
    base = Site(tmp_path / "base")
    _from_first(base)
    base.take("2", keep=False)

    def work(site: Site) -> None:
        if ending == "kept":
            site.trials().keep()
        elif ending == "back":
            site.trials().back()
        else:
            for _ in range(site.options.most_starts + 1):
                site.trials().started()

    for number in range(1, 1000):
        site = _copy(base, tmp_path / "copy")
        ended = in_child(partial(work, site), number, killed)
        assert site.running in {"1", "2"}, number
        for _ in range(site.options.most_starts + 1):
            site.trials().started()
        if ended == DONE:
            assert site.running == ("2" if ending == "kept" else "1")
            break
        assert site.running in {"1", "2"}, number
    assert number > 3


@pytest.mark.parametrize("begin", [_from_shipped, _from_first])
def test_a_write_that_fails_anywhere_leaves_a_whole_bundle(
    tmp_path: Path, begin: Callable[[Site], str]
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    base = Site(tmp_path / "base")
    old = begin(base)
    base.publish("2", weights=_NEWER)
    failures = 0
    for number in range(1, 1000):
        site = _copy(base, tmp_path / "copy")
        ended = in_child(_update(site), number, full)
        if ended == DONE:
            break
        assert ended in {_FAILED, _SURVIVED}, number
        assert site.running in {old, "2"}, number
        failures += ended == _FAILED
        if site.running == old:
            site.trials().started()
            (found,) = site.updater().update(by_owner=True)
            assert (found.state, site.running) == ("switched", "2"), number
    assert failures > 20


def test_a_disk_that_is_really_full_leaves_a_whole_bundle(
    tmp_path: Path, small_disk: Callable[[int], Path]
) -> None:
    base = Site(tmp_path / "base")
    _from_second(base)
    base.publish("2", weights=weights(400_000, seed=5))
    held_up = 0
    for kilobytes in range(700, 2600, 60):
        disk = small_disk(kilobytes)
        subprocess.run(["cp", "-a", str(base.state), str(disk / "state")], check=True)
        (disk / "repository").symlink_to(base.repository)
        site = Site(disk, free=lambda _path: 10**12)  # nobody counts beforehand
        (found,) = site.updater().update()
        assert site.running == ("2" if found.state == "switched" else "1"), kilobytes
        if found.state != "switched":
            held_up += 1
            assert found.state == "failed"
            assert "No space left" in (found.reason or ""), found
            _nothing_is_left_over(site)
            assert not (site.state / "updates" / "chunks").exists(), "others need room, too"
    assert held_up > 5
    assert found.state == "switched", "the last disk is large enough"


def _nothing_is_left_over(site: Site) -> None:
    names = {path.name for path in (site.state / "bundles").iterdir()}
    assert names <= {NAME, f".{NAME}.a", f".{NAME}.b", f".{NAME}.trial"}, names


def _copy(base: Site, root: Path) -> Site:
    subprocess.run(["rm", "-rf", str(root)], check=True)
    root.mkdir()
    subprocess.run(["cp", "-a", str(base.state), str(root / "state")], check=True)
    (root / "repository").symlink_to(base.repository)
    return Site(root, options=base.options)
