from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_devices.probe import Board, probe_board
from edge_devices.profiles import load_profile
from edge_devices.strain import Strain
from edge_runtime.cli.checks.board import (
    check_board,
    check_clock,
    check_heat,
    check_memory,
    check_system,
)
from edge_runtime.cli.checks.link import check_certificates
from edge_runtime.cli.checks.software import check_onnxruntime, check_python, check_state
from edge_runtime.settings import Settings

PI4 = Board(
    model="Raspberry Pi 4 Model B Rev 1.5",
    machine="aarch64",
    cpu_features=frozenset({"fp", "asimd"}),
    cores=4,
    memory_mb=1848,
    temperature_c=51.0,
    android=False,
)
PROFILE = load_profile("pi-zero-2w")
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_doctor_finds_this_machine_in_order(edge_run: Any) -> None:
    done = edge_run("doctor", "--json")
    assert done.code == 0, done.out
    assert [row["check"] for row in done.rows] == [
        "system", "board", "memory", "heat", "clock", "python", "onnxruntime", "bundle", "state",
        "certificates", "broker",
    ]  # fmt: skip
    assert all(row["ok"] for row in done.rows)


def test_every_check_is_one_line_with_its_mark(edge_run: Any) -> None:
    lines = edge_run("doctor").out.splitlines()
    assert len(lines) == 11
    assert {line[:5] for line in lines} <= {"ok   ", "warn ", "FAIL "}


def test_doctor_names_a_broker_that_does_not_answer(edge_run: Any) -> None:
    done = edge_run("doctor", "--broker", "mqtt://127.0.0.1:1")
    assert done.code == 1
    assert "FAIL broker" in done.out


def test_a_tampered_bundle_fails(edge_run: Any, tmp_path: Path) -> None:
    import edge_runtime

    copy = tmp_path / "bundle"
    shutil.copytree(Path(edge_runtime.__file__).parent / "data/assistant", copy)
    with (copy / "tokenizer.json").open("a") as file:
        file.write(" ")
    done = edge_run("doctor", EDGE_BUNDLE=str(copy))
    assert done.code == 1
    assert "FAIL bundle" in done.out
    assert "tokenizer.json" in done.out


def test_an_unknown_profile_is_an_error_that_lists_them(edge_run: Any) -> None:
    done = edge_run("doctor", EDGE_PROFILE="pi6")
    assert done.code == 1
    assert "pi5" in done.err


def test_another_profile_than_the_boards_own_is_pointed_out() -> None:
    finding = check_board(PI4, load_profile("pi5"), "pi4")
    assert finding.ok
    assert "profile pi5" in finding.fact
    assert "no int8 instructions" in finding.fact
    assert "pi4" in finding.advice


def test_big_cores_and_instructions_are_named(tmp_path: Path) -> None:
    for core, capacity in enumerate((400, 400, 1024, 1024)):
        write(tmp_path, f"sys/devices/system/cpu/cpu{core}/cpu_capacity", f"{capacity}\n")
    board = Board("", "aarch64", frozenset({"asimddp", "i8mm"}), 4, 8000, None, android=False)
    finding = check_board(board, load_profile("generic-arm64"), "generic-arm64", tmp_path)
    assert "big cores 2,3" in finding.fact
    assert "int8 by dot product and i8mm" in finding.fact
    assert not finding.advice


def test_the_system_is_named(tmp_path: Path) -> None:
    write(tmp_path, "etc/os-release", 'NAME="x"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')
    assert "Debian GNU/Linux 13 (trixie), aarch64" in check_system(PI4, tmp_path).fact
    assert "unknown system" in check_system(PI4, tmp_path / "nothing").fact


@pytest.mark.parametrize(("free_mb", "mark"), [(100, "FAIL"), (250, "warn"), (400, "ok  ")])
def test_memory_is_compared_with_what_a_node_holds(tmp_path: Path, free_mb: int, mark: str) -> None:
    write(tmp_path, "proc/meminfo", f"MemTotal: 1 kB\nMemAvailable: {free_mb * 1024} kB\n")
    assert check_memory(PI4, PROFILE, tmp_path).line().startswith(mark)


@pytest.mark.parametrize(
    ("strain", "mark", "says"),
    [
        (Strain(), "ok  ", "no readings"),
        (Strain(temperature_c=50.0), "ok  ", "50 °C"),
        (Strain(temperature_c=79.0), "warn", "cool the board"),
        (Strain(battery_percent=5.0), "warn", "charge it"),
        (Strain(is_throttled=True), "warn", "throttled now"),
        (Strain(is_throttled=False, was_throttled=True), "warn", "heat sink"),
        (Strain(is_under_voltage=True), "warn", "power supply"),
        (Strain(was_under_voltage=True), "warn", "since boot"),
    ],
)
def test_heat_and_power_say_what_to_do(strain: Strain, mark: str, says: str) -> None:
    line = check_heat(PROFILE, strain).line()
    assert line.startswith(mark)
    assert says in line


@pytest.mark.parametrize(
    ("time_s", "synchronized", "mark"),
    [(0.0, True, "FAIL"), (1.8e9, False, "warn"), (1.8e9, True, "ok  "), (1.8e9, None, "ok  ")],
)
def test_the_clock(time_s: float, synchronized: object, mark: str) -> None:
    finding = check_clock(lambda: time_s, lambda: synchronized)  # type: ignore[arg-type,return-value]
    assert finding.line().startswith(mark)


def test_a_32_bit_system_on_a_64_bit_kernel_is_told_apart() -> None:
    assert "the system is not" in check_python(PI4, is_wide=False).advice
    old = Board("", "armv7l", frozenset(), 4, 1000, None, android=False)
    finding = check_python(old, is_wide=False)
    assert not finding.ok
    assert "armv7l" in finding.fact


def test_a_release_that_kills_its_process_is_named_by_its_signal(tmp_path: Path) -> None:
    finding = check_onnxruntime(PI4, program(tmp_path / "python", "kill -ILL $$"))
    assert not finding.ok
    assert "signal 4" in finding.fact
    assert "pip install" in finding.advice


def test_a_release_that_is_known_to_be_bad_here_fails_though_it_loads(tmp_path: Path) -> None:
    python = program(tmp_path / "python", "echo 1.21.0")
    finding = check_onnxruntime(PI4, python)
    assert not finding.ok
    assert "SIGILL" in finding.fact
    assert "onnxruntime!=1.21.0" in finding.advice
    assert check_onnxruntime(probe_board(), python).ok is ("x86" in probe_board().machine)


def test_an_import_that_fails_is_quoted(tmp_path: Path) -> None:
    finding = check_onnxruntime(
        PI4, program(tmp_path / "python", "echo 'ImportError: GLIBC_2.38' >&2; exit 1")
    )
    assert (finding.ok, finding.fact) == (False, "ImportError: GLIBC_2.38")


def test_a_state_directory_that_keeps_no_files_fails() -> None:
    found = check_state(Settings(state="/proc/sys"))
    assert (found.ok, found.advice) == (False, "set EDGE_STATE")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_directory_that_cannot_be_written_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert not check_state(Settings(state=str(tmp_path / "state"))).ok


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for ten years from now on, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    directory = tmp_path_factory.mktemp("certificates")
    for name in ("one", "two"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "3650",
             "-subj", "/CN=kitchen", "-keyout", str(directory / f"{name}.key"),
             "-out", str(directory / f"{name}.pem")],
            check=True, capture_output=True,
        )  # fmt: skip
    return directory / "one.pem", directory / "one.key"


def settings(certificate: tuple[Path, Path], **changed: str) -> Settings:
    values = {"mqtt_cert_file": str(certificate[0]), "mqtt_key_file": str(certificate[1])}
    return Settings(**{**values, **changed})  # type: ignore[arg-type]


def test_a_valid_certificate_with_its_own_private_key_is_well(
    certificate: tuple[Path, Path],
) -> None:
    certificate[1].chmod(0o600)
    found = check_certificates(settings(certificate))
    assert [each.line()[:4] for each in found] == ["ok  ", "ok  "]
    until = datetime.now(UTC) + timedelta(days=3650)
    assert f"{until:%Y-%m}" in found[0].fact + found[1].fact


@pytest.mark.parametrize(
    ("days", "mark", "says"), [(-1, "warn", "renew"), (1, "FAIL", "ended on"), (-30, "ok  ", "")]
)
def test_the_end_of_a_certificate_is_told_before_it_comes(
    certificate: tuple[Path, Path], days: int, mark: str, says: str
) -> None:
    now = datetime.now(UTC) + timedelta(days=3650 + days)
    found = check_certificates(Settings(mqtt_cert_file=str(certificate[0])), now)
    assert found[0].line().startswith(mark)
    assert says in found[0].line()


def test_a_key_that_others_can_read_fails_first(certificate: tuple[Path, Path]) -> None:
    certificate[1].chmod(0o644)
    try:
        worst = check_certificates(settings(certificate))[0]
    finally:
        certificate[1].chmod(0o600)
    assert not worst.ok
    assert "chmod 600" in worst.advice


def test_the_key_of_another_certificate_fails(certificate: tuple[Path, Path]) -> None:
    other = certificate[1].with_name("two.key")
    other.chmod(0o600)
    worst = check_certificates(settings(certificate, mqtt_key_file=str(other)))[0]
    assert not worst.ok
    assert "is not the key of" in worst.fact


@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\n"])
def test_a_certificate_that_is_none_fails(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    [finding] = check_certificates(Settings(mqtt_ca_file=str(path)), NOW)
    assert not finding.ok
    assert str(path) in finding.fact


def test_doctor_loads_onnxruntime_in_another_process_only(tmp_path: Path) -> None:
    code = (
        "import sys; from edge_runtime.cli.checks import board, link, software; "
        "sys.exit('onnxruntime' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=tmp_path)
    assert done.returncode == 0
