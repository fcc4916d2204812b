"""A repository gives up what only old versions need, and never what a device may ask for."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import sys
import zlib
from pathlib import Path

import pytest

from edge_export.publishing.publish import Terms
from edge_runtime.errors import ConfigError, UpdateError
from edge_runtime.updates.contents import contents_path, read_contents
from edge_runtime.updates.index import FILE_NAME, Index, Release, read_index
from tests.updates.site import PUBLIC, Site, weights

_CHANGES = {"os.remove", "os.rename"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def _index(repository: Path) -> Index:
    return read_index((repository / FILE_NAME).read_bytes(), PUBLIC)


def _is_whole(repository: Path, release: Release) -> bool:
    """Whether a device could fetch every byte of a release."""
    path = repository / contents_path(release.contents)
    if not path.is_file():
        return False
    for chunk in read_contents(path.read_bytes(), release.contents).chunks:
        packed = repository / chunk.path
        if not packed.is_file():
            return False
        assert hashlib.sha256(zlib.decompress(packed.read_bytes())).hexdigest() == chunk.sha256
    return True


def _files(repository: Path) -> set[str]:
    return {str(path.relative_to(repository)) for path in repository.rglob("*") if path.is_file()}


def _publish(site: Site, version: str, keep: int | None = None) -> int:
    """Publish a version of which half is as in every other."""
    own = weights(400_000, seed=int(version.replace(".", "")) + 10)
    return site.publish(version, weights=weights(400_000) + own, terms=Terms(keep=keep)).freed_bytes


def test_everything_is_kept_until_somebody_says_how_much(site: Site) -> None:
    for version in ("1", "2", "3"):
        assert _publish(site, version) == 0
    index = _index(site.repository)
    assert [each.version for each in index.earlier] == ["2", "1"]
    assert all(_is_whole(site.repository, each) for each in [*index.releases, *index.earlier])


def test_what_only_older_versions_need_goes(site: Site) -> None:
    for version in ("1", "2", "3"):
        _publish(site, version)
    first = _index(site.repository).earlier[-1]
    before = _files(site.repository)
    freed = _publish(site, "4", keep=2)
    index = _index(site.repository)
    assert [each.version for each in [*index.releases, *index.earlier]] == ["4", "3"]
    assert all(_is_whole(site.repository, each) for each in [*index.releases, *index.earlier])
    assert not _is_whole(site.repository, first)
    assert 800_000 < freed < 1_400_000, "the own half of two versions, and where it begins"
    assert len(before - _files(site.repository)) > 4
    site.updater().update()
    assert site.running == "4"


def test_the_index_alone_can_be_signed_anew_and_pruned(site: Site) -> None:
    _publish(site, "1")
    _publish(site, "2")
    done = site.publish(None, terms=Terms(keep=1))
    assert done.freed_bytes > 300_000
    index = _index(site.repository)
    assert [each.version for each in index.releases] == ["2"]
    assert index.earlier == []
    assert site.publish(None, terms=Terms(keep=1)).freed_bytes == 0


def test_a_version_that_comes_again_is_kept_once(site: Site) -> None:
    for version in ("1", "2", "1", "2"):
        _publish(site, version)
    index = _index(site.repository)
    assert [each.version for each in [*index.releases, *index.earlier]] == ["2", "1"]


def test_killed_anywhere_every_version_that_is_offered_is_whole(tmp_path: Path) -> None:
    base = Site(tmp_path / "base")
    for version in ("1", "2", "3"):
        _publish(base, version)
    root = tmp_path / "copy"
    kills = 0
    for number in range(1, 200):
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        shutil.copytree(base.repository, root / "repository")
        site = Site(root)
        was_killed = _killed_at(number, site)
        kills += was_killed
        index = _index(site.repository)
        assert index.releases[0].version in {"3", "4"}
        assert _is_whole(site.repository, index.releases[0]), number
        assert all(_is_whole(site.repository, each) for each in index.earlier), number
        # and the next time everything is done
        site.publish(None, terms=Terms(keep=2))
        after = _index(site.repository)
        kept = [*after.releases, *after.earlier]
        wanted = {contents_path(each.contents) for each in kept}
        assert {name for name in _files(site.repository) if name.startswith("contents")} == wanted
        if not was_killed:
            break
    assert kills > 20


def _killed_at(number: int, site: Site) -> bool:
    """Publish the fourth version, keeping two, in a child; killed at a change of the disk."""
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event: str, _arguments: object) -> None:
            nonlocal count
            count += event in _CHANGES
            if count == number and event in _CHANGES:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        _publish(site, "4", keep=2)
        os._exit(0)
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended) == -signal.SIGKILL


def test_a_damaged_repository_loses_nothing_more(site: Site) -> None:
    _publish(site, "1")
    _publish(site, "2")
    kept = site.repository / contents_path(_index(site.repository).earlier[0].contents)
    kept.write_bytes(b"{}")
    before = _files(site.repository)
    with pytest.raises(UpdateError, match="is not what the index says"):
        site.publish(None, terms=Terms(keep=2))
    assert _files(site.repository) == before


def test_two_processes_do_not_publish_at_once(site: Site) -> None:
    _publish(site, "1")
    opened = os.open(site.repository, os.O_RDONLY)
    fcntl.flock(opened, fcntl.LOCK_EX)
    with pytest.raises(ConfigError, match="another process publishes"):
        _publish(site, "2")
    os.close(opened)
    _publish(site, "2")
