from __future__ import annotations

from pathlib import Path

import pytest

from edge_devices.readings import (
    discharging_battery_percent,
    link_is_metered,
    temperature_c,
    uptime,
)

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
{default}\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
wwan0\t0000A8C0\t00000000\t0001\t0\t0\t100\t0000FFFF\t0\t0\t0
"""


def write(root: Path, **files: str) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def supply(root: Path, name: str, **values: str) -> None:
    write(root / "sys/class/power_supply" / name, **values)


def test_a_board_without_anything_has_no_readings(tmp_path: Path) -> None:
    assert temperature_c(tmp_path) is None
    assert discharging_battery_percent(tmp_path) is None
    assert link_is_metered(tmp_path) is None


def test_the_emptiest_battery_that_discharges_counts(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online="0")
    supply(tmp_path, "BAT0", type="Battery", status="Discharging", capacity="80\n")
    supply(tmp_path, "BAT1", type="Battery", status="Discharging", capacity="35\n")
    supply(tmp_path, "mouse", type="Battery", scope="Device", status="Discharging", capacity="3")
    supply(tmp_path, "odd", type="Battery", status="Discharging", capacity="?")
    assert discharging_battery_percent(tmp_path) == 35.0


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging", "Unknown"])
def test_a_battery_that_is_not_discharging_does_not_count(tmp_path: Path, status: str) -> None:
    supply(tmp_path, "BAT0", type="Battery", status=status, capacity="3")
    assert discharging_battery_percent(tmp_path) is None


@pytest.mark.parametrize(
    ("interface", "metered"),
    [("eth0", False), ("wlan0", False), ("wwan0", True), ("ppp0", True), ("rmnet_data0", True)],
)
def test_a_modem_as_the_default_route_is_metered(
    tmp_path: Path, interface: str, metered: object
) -> None:
    write(tmp_path, **{"proc/net/route": ROUTES.format(default=interface)})
    assert link_is_metered(tmp_path) is metered


def test_without_a_default_route_nobody_knows(tmp_path: Path) -> None:
    write(tmp_path, **{"proc/net/route": "\n".join(ROUTES.splitlines()[::2])})
    assert link_is_metered(tmp_path) is None


def test_this_board_has_a_boot_and_its_uptime_goes_on() -> None:
    before, after = uptime(), uptime()
    assert before.boot == after.boot
    assert 0 < before.seconds <= after.seconds


def test_without_an_id_of_the_boot_each_process_is_one(tmp_path: Path) -> None:
    assert uptime(tmp_path).boot.startswith("process ")
