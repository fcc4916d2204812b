from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_devices.pace import Level, decide_pace
from edge_devices.profiles import load_profile, profile_names
from edge_devices.strain import Strain, read_strain

PHONE = {"TERMUX_VERSION": "0.118"}
PI5 = load_profile("pi5")


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in front of PATH for programs that a board has."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return directory


def program(directory: Path, name: str, script: str) -> None:
    (directory / name).write_text(f"#!/bin/sh\n{script}\n")
    (directory / name).chmod(0o755)


def raspberry(root: Path) -> Path:
    write(root, "proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    write(root, "sys/class/thermal/thermal_zone0/temp", "61000\n")
    return root


def test_a_board_without_readings_has_none(tmp_path: Path) -> None:
    assert read_strain(tmp_path, environ={}) == Strain()


FLAGS = ("is_under_voltage", "is_throttled", "was_under_voltage", "was_throttled")


@pytest.mark.parametrize(
    ("said", "true"),
    [
        ("throttled=0x0", set()),
        ("throttled=0x50005", set(FLAGS)),
        ("throttled=0x80008", {"is_throttled", "was_throttled"}),
        ("throttled=0x10000", {"was_under_voltage"}),
    ],
)
def test_a_raspberry_pi_is_asked_by_vcgencmd(
    tmp_path: Path, programs: Path, said: str, true: set[str]
) -> None:
    program(programs, "vcgencmd", f'[ "$1" = get_throttled ] && echo "{said}"')
    strain = read_strain(raspberry(tmp_path), environ={})
    assert strain == Strain(temperature_c=61.0, **{flag: flag in true for flag in FLAGS})


def test_a_raspberry_pi_that_does_not_say_is_only_measured(tmp_path: Path, programs: Path) -> None:
    program(programs, "vcgencmd", "echo 'VCHI initialization failed'")
    assert read_strain(raspberry(tmp_path), environ={}) == Strain(temperature_c=61.0)


def test_the_kernels_own_file_is_enough(tmp_path: Path, programs: Path) -> None:
    program(programs, "vcgencmd", "exit 1")
    write(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", "50000\n")
    strain = read_strain(raspberry(tmp_path), environ={})
    assert (strain.is_under_voltage, strain.was_under_voltage, strain.was_throttled) == (
        False, True, True,
    )  # fmt: skip


@pytest.mark.parametrize(("state", "throttled"), [("0", False), ("3", True)])
def test_a_cpu_that_the_kernel_cools_is_throttled(
    tmp_path: Path, state: str, throttled: object
) -> None:
    write(tmp_path, "sys/class/thermal/cooling_device0/type", "pwm-fan\n")
    write(tmp_path, "sys/class/thermal/cooling_device0/cur_state", "4\n")
    write(tmp_path, "sys/class/thermal/cooling_device1/type", "cpufreq-cpu0\n")
    write(tmp_path, "sys/class/thermal/cooling_device1/cur_state", f"{state}\n")
    assert read_strain(tmp_path, environ={}).is_throttled is throttled


@pytest.mark.parametrize(
    ("status", "percent"), [("DISCHARGING", 64.0), ("CHARGING", None), ("FULL", None)]
)
def test_a_phone_is_asked_for_its_battery(
    tmp_path: Path, programs: Path, status: str, percent: object
) -> None:
    said = {"health": "GOOD", "percentage": 64, "status": status, "temperature": 31.5}
    program(programs, "termux-battery-status", f"echo '{json.dumps(said)}'")
    assert read_strain(tmp_path, environ=PHONE) == Strain(31.5, percent)  # type: ignore[arg-type]


@pytest.mark.parametrize("script", ["exit 1", "echo", "echo '{}'", "echo '[1]'", "echo hello"])
def test_a_phone_without_its_api_has_no_readings(
    tmp_path: Path, programs: Path, script: str
) -> None:
    program(programs, "termux-battery-status", script)
    assert read_strain(tmp_path, environ=PHONE) == Strain()


@pytest.mark.parametrize(
    ("strain", "level"),
    [
        (Strain(), "full"),
        (Strain(temperature_c=60), "full"),
        (Strain(temperature_c=74), "slow"),
        (Strain(temperature_c=78), "shed"),
        (Strain(battery_percent=20), "full"),
        (Strain(battery_percent=19), "slow"),
        (Strain(battery_percent=9), "shed"),
        (Strain(is_under_voltage=True), "slow"),
        (Strain(is_throttled=True), "slow"),
        (Strain(temperature_c=90, is_throttled=True), "shed"),
        (Strain(was_throttled=True, was_under_voltage=True), "full"),
    ],
)
def test_the_strictest_reason_counts(strain: Strain, level: Level) -> None:
    pace = decide_pace(PI5, strain)
    assert pace.level == level
    assert bool(pace.reason) is (level != "full")


def test_a_level_is_left_only_when_it_is_clearly_over() -> None:
    levels: list[Level] = ["full"]
    for temperature_c in (73, 74, 72, 71, 70, 78, 76, 75, 74, 71, 70):
        strain = Strain(temperature_c=temperature_c)
        levels.append(decide_pace(PI5, strain, levels[-1]).level)
    assert levels[1:] == [
        "full", "slow", "slow", "slow", "full", "shed", "shed", "shed", "slow", "slow", "full",
    ]  # fmt: skip


def test_rest_grows_with_work_and_has_an_end() -> None:
    pace = decide_pace(PI5, Strain(temperature_c=75))
    assert pace.rest_s(0.25) == 0.25
    assert pace.rest_s(1000) == 5.0
    assert decide_pace(PI5, Strain()).rest_s(1000) == 0.0
    hot = decide_pace(PI5, Strain(temperature_c=79))
    assert hot.rest_s(0.25) > pace.rest_s(0.25)


@given(
    st.sampled_from(profile_names()),
    st.floats(0, 120),
    st.floats(0, 40),
    st.sampled_from(["full", "slow", "shed"]),
)
def test_hotter_is_never_faster(name: str, heat: float, more: float, before: Level) -> None:
    order = ["full", "slow", "shed"]
    profile = load_profile(name)
    cooler = decide_pace(profile, Strain(temperature_c=heat), before)
    hotter = decide_pace(profile, Strain(temperature_c=heat + more), before)
    assert order.index(hotter.level) >= order.index(cooler.level)


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_slows_down_before_it_sheds(name: str) -> None:
    profile = load_profile(name)
    assert profile.slow_at_c < profile.shed_at_c
    assert profile.slow_below_percent > profile.shed_below_percent
