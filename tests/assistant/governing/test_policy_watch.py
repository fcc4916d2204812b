from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_runtime.assistant.governing.policy_watch import PolicyWatch
from edge_runtime.errors import ConfigError
from edge_runtime.settings import Settings, load_settings, read_policy_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text('privacy = "redact"')
    return path


def watching(path: Path) -> PolicyWatch:
    return PolicyWatch([path], lambda: read_policy_file(path))


def test_a_policy_that_is_edited_is_in_force_at_the_next_query(file: Path) -> None:
    policy = watching(file)
    assert policy().privacy == "redact"
    file.write_text('privacy = "local"')
    assert policy().privacy == "local"


def test_an_edit_of_the_same_size_with_the_old_time_is_seen(file: Path) -> None:
    policy = watching(file)
    before = file.stat()
    file.write_text('privacy = "local" ')
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert policy().privacy == "local"


def test_a_file_that_is_put_in_its_place_is_seen(file: Path) -> None:
    policy = watching(file)
    other = file.with_name("new")
    other.write_text('privacy = "local"')
    other.replace(file)
    assert policy().privacy == "local"


def test_a_broken_file_keeps_the_old_policy_and_is_told_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policy = watching(file)
    file.write_text('when_offline = "fail"\nprivacy = "lokal"')
    for _ in range(5):
        assert policy().privacy == "redact"
    [record] = caplog.records
    assert f"{file}:2: " in record.getMessage()
    file.write_text('privacy = "local"')
    assert policy().privacy == "local"


def test_a_file_that_is_gone_does_not_bring_the_defaults_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "edge.toml"
    path.write_text('[policy]\nprivacy = "local"')
    environment = {"HOME": str(tmp_path)}

    def load() -> Settings:
        return load_settings(
            {**environment, **({"EDGE_CONFIG": str(path)} if path.exists() else {})}
        )

    policy = PolicyWatch([path], lambda: load().owner_policy())
    path.unlink()
    for _ in range(3):
        assert policy().privacy == "local"
    assert [f"{path} is gone" in each.getMessage() for each in caplog.records] == [True]
    path.write_text('[policy]\nprivacy = "redact"')
    assert policy().privacy == "redact"


def test_a_policy_that_is_broken_from_the_start_is_an_error(file: Path) -> None:
    file.write_text("privacy = 1")
    with pytest.raises(ConfigError, match=r"policy\.toml:1: "):
        watching(file)
