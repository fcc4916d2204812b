from __future__ import annotations

from pathlib import Path

import pytest

from edge_devices.probe import choose_profile, probe_board
from edge_devices.profiles import UnknownProfileError, load_profile, profile_names

PI5_CPUINFO = """processor\t: 0
Features\t: fp asimd asimdhp asimddp
processor\t: 1
processor\t: 2
processor\t: 3
"""


def _board(root: Path, model: str) -> Path:
    for name, content in {
        "proc/device-tree/model": f"{model}\0",
        "proc/cpuinfo": PI5_CPUINFO,
        "proc/meminfo": "MemTotal:        8245348 kB\n",
        "sys/class/thermal/thermal_zone0/temp": "51234\n",
        "sys/class/thermal/thermal_zone1/temp": "not a number\n",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_the_board_is_read_from_the_kernels_files(tmp_path: Path) -> None:
    board = probe_board(_board(tmp_path, "Raspberry Pi 5 Model B Rev 1.0"))
    assert board.model == "Raspberry Pi 5 Model B Rev 1.0"
    assert "asimddp" in board.cpu_features
    assert (board.cores, board.memory_mb, board.temperature_c) == (4, 8052, 51.234)
    assert "51 °C" in board.summary()


@pytest.mark.parametrize(
    ("model", "profile"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0", "pi5"),
        ("Raspberry Pi 4 Model B Rev 1.5", "pi4"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "pi-zero-2w"),
        ("NVIDIA Jetson Orin Nano Developer Kit", "jetson-orin"),
    ],
)
def test_a_known_board_gets_its_profile(tmp_path: Path, model: str, profile: str) -> None:
    assert choose_profile(probe_board(_board(tmp_path, model))) == profile


def test_a_board_without_any_of_these_files_still_gets_a_profile(tmp_path: Path) -> None:
    board = probe_board(tmp_path)
    assert (board.model, board.memory_mb, board.temperature_c) == ("", None, None)
    assert choose_profile(board) in {"generic-x86_64", "generic-arm64"}


def test_every_profile_can_be_loaded() -> None:
    names = profile_names()
    assert {"pi4", "pi5", "pi-zero-2w", "jetson-orin", "android-termux"} < set(names)
    for name in names:
        assert load_profile(name).threads >= 1


def test_an_unknown_profile_lists_those_that_there_are() -> None:
    with pytest.raises(UnknownProfileError, match="pi5"):
        load_profile("pi6")
