from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_devices.probe import big_cores
from edge_devices.profiles import load_profile, profile_names
from edge_runtime.errors import ConfigError
from edge_runtime.inference.resources import Resources
from edge_runtime.settings import load_settings


def _settings(tmp_path: Path, text: str = "", **environment: str) -> Resources:
    config = tmp_path / "edge.toml"
    config.write_text(text)
    return load_settings({"EDGE_CONFIG": str(config), **environment}).resources()


@pytest.mark.parametrize("name", profile_names())
def test_what_a_bundle_may_use_is_what_the_profile_says(name: str) -> None:
    profile = load_profile(name)
    resources = load_settings({"EDGE_PROFILE": name}).resources()
    assert (resources.threads, resources.spinning) == (profile.threads, profile.spinning)
    assert (resources.arena, resources.huge_pages) == (profile.arena, profile.huge_pages)
    assert resources.max_context == profile.max_context
    assert resources.memory_mb == (profile.memory_mb or None)
    assert set(resources.cores) <= set(range(os.cpu_count() or 1))


def test_settings_go_before_the_profile_key_by_key(tmp_path: Path) -> None:
    text = 'profile = "pi5"\nthreads = 3\nspinning = false\naffinity = "0,1"\n'
    resources = _settings(tmp_path, text, EDGE_MAX_CONTEXT="300", EDGE_MEMORY_MB="64")
    assert resources == load_settings(
        {
            "EDGE_PROFILE": "pi5", "EDGE_THREADS": "3", "EDGE_SPINNING": "false",
            "EDGE_AFFINITY": "0,1", "EDGE_MAX_CONTEXT": "300", "EDGE_MEMORY_MB": "64",
        }
    ).resources()  # fmt: skip
    assert (resources.threads, resources.spinning, resources.cores) == (3, False, (0, 1))
    assert (resources.max_context, resources.memory_mb) == (300, 64)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"EDGE_PROFILE": "pi9"}, "no profile 'pi9'"),
        ({"EDGE_AFFINITY": "fast"}, "affinity must be big, any, or numbers"),
        ({"EDGE_THREADS": "two"}, "EDGE_THREADS: Expected `int"),
        ({"EDGE_THREADS": "0"}, "threads must be 1 or more"),
        ({"EDGE_MAX_CONTEXT": "1"}, "max_context must be 16 or more"),
    ],
)
def test_a_wrong_setting_is_named(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_settings(environment).resources()


def test_big_cores_are_those_of_the_highest_capacity(tmp_path: Path) -> None:
    assert big_cores(tmp_path) == ()
    for core, capacity in enumerate(("446", "446", "1024", "1024")):
        path = tmp_path / f"sys/devices/system/cpu/cpu{core}/cpu_capacity"
        path.parent.mkdir(parents=True)
        path.write_text(f"{capacity}\n")
    assert big_cores(tmp_path) == (2, 3)
    for core in (0, 1):
        (tmp_path / f"sys/devices/system/cpu/cpu{core}/cpu_capacity").write_text("1024\n")
    assert big_cores(tmp_path) == ()
