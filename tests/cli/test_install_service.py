from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = "/opt/edge-runtime/bin/edge-run"
WHOLE = ("--edge-run", PROGRAM, "--broker", "mqtt://localhost")
UNIT = "etc/systemd/system/edge-runtime.service"


def paths(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def settings(root: Path, text: str) -> None:
    path = root / "etc/edge-runtime/edge.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        ((), {}),
        (("--user",), {}),
        ((), {"TERMUX_VERSION": "0.118", "PREFIX": "/data/data/com.termux/files/usr"}),
    ],
    ids=["system", "user", "termux"],
)
def test_what_is_installed_for_an_image_is_taken_away_again(
    edge_run: Any, tmp_path: Path, options: tuple[str, ...], environment: dict[str, str]
) -> None:
    root = tmp_path / "image"
    (root / "etc/systemd/system").mkdir(parents=True)
    (root / "etc/systemd/system/other.service").write_text("of somebody else")
    (root / "data/data/com.termux/files/usr/var/service").mkdir(parents=True)
    before = paths(root)
    done = edge_run("install-service", *options, *WHOLE, "--root", str(root), **environment)
    assert done.code == 0, done.err
    new = paths(root) - before
    assert new
    assert all(
        line.removeprefix("wrote /") in new for line in done.out.splitlines() if "wrote" in line
    )
    done = edge_run("uninstall-service", *options, "--root", str(root), **environment)
    assert done.code == 0, done.err
    assert paths(root) == before


def test_a_dry_run_shows_everything_and_writes_nothing(edge_run: Any, tmp_path: Path) -> None:
    root = tmp_path / "image"
    root.mkdir()
    done = edge_run("install-service", *WHOLE, "--root", str(root), "--dry-run")
    assert done.code == 0, done.err
    assert f'ExecStart="{PROGRAM}" serve' in done.out
    assert 'Environment="EDGE_BROKER=mqtt://localhost"' in done.out
    assert paths(root) == set()
    edge_run("install-service", *WHOLE, "--root", str(root))
    before = paths(root)
    done = edge_run("uninstall-service", "--root", str(root), "--dry-run")
    assert f"delete /{UNIT}" in done.out
    assert paths(root) == before


def test_settings_and_secrets_are_those_of_the_machine_that_it_is_for(
    edge_run: Any, tmp_path: Path
) -> None:
    root = tmp_path / "image"
    settings(
        root,
        'broker = "mqtts://e@broker"\nmqtt_password_file = "/etc/edge-runtime/password"\n',
    )
    password = root / "etc/edge-runtime/password"
    password.write_text("hunter2\n")
    password.chmod(0o600)
    done = edge_run("install-service", "--edge-run", PROGRAM, "--root", str(root))
    assert done.code == 0, done.err
    unit = (root / UNIT).read_text()
    assert "LoadCredential=edge_mqtt_password_file:/etc/edge-runtime/password" in unit
    assert "hunter2" not in unit
    password.chmod(0o644)
    done = edge_run("install-service", "--edge-run", PROGRAM, "--root", str(root))
    assert done.code == 1
    assert "chmod 600" in done.err


@pytest.mark.parametrize(
    ("arguments", "toml", "says"),
    [
        ((), "", "which broker"),
        ((), "brokr = 1\n", "brokr"),
        ((), 'broker = "mqtt://localhost"\nmqtt_ca_file = "ca.pem"\n', "absolute"),
        ((), 'broker = "mqtt://localhost"\nmqtt_ca_file = "/no/ca.pem"\n', "/no/ca.pem"),
        (("--user", "--group", "edge", "--broker", "mqtt://localhost"), "", "--group"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_written(
    edge_run: Any, tmp_path: Path, arguments: tuple[str, ...], toml: str, says: str
) -> None:
    root = tmp_path / "image"
    settings(root, toml)
    before = paths(root)
    done = edge_run("install-service", *arguments, "--edge-run", PROGRAM, "--root", str(root))
    assert done.code == 1
    assert says in done.err
    assert done.err.count("\n") == 1
    assert paths(root) == before


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="this machine runs systemd")
def test_a_machine_without_systemd_is_told_so(edge_run: Any) -> None:
    done = edge_run("install-service", "--broker", "mqtt://localhost")
    assert done.code == 1
    assert "does not run systemd" in done.err


def test_termux_without_its_services_is_told_which_package(edge_run: Any, tmp_path: Path) -> None:
    done = edge_run("install-service", *WHOLE, TERMUX_VERSION="0.118", PREFIX=str(tmp_path))
    assert done.code == 1
    assert "pkg install termux-services" in done.err


def test_a_phone_gets_its_service_started(tmp_path: Path) -> None:
    """The whole way on a machine that looks like Termux, with a real shell."""
    prefix, home = tmp_path / "usr", tmp_path / "home"
    for name, text in {
        "share/termux-services/svlogger": "#!/bin/sh\n",
        "etc/profile.d/start-services.sh": f"echo all >> {tmp_path}/started\n",
        "bin/sv": f'#!/bin/sh\necho "$@" >> {tmp_path}/started\n',
    }.items():
        path = prefix / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    (prefix / "bin/sh").symlink_to("/bin/sh")
    (prefix / "var/service").mkdir(parents=True)
    (home / ".termux").mkdir(parents=True)
    (home / ".termux/termux.properties").write_text("of the user")
    before = paths(tmp_path)
    environment = {
        "PATH": f"{prefix}/bin:/usr/bin:/bin", "HOME": str(home), "PREFIX": str(prefix),
        "TERMUX_VERSION": "0.118", "EDGE_SOCKET": "off", "PYTHONPATH": os.pathsep.join(sys.path),
    }  # fmt: skip
    command = [sys.executable, "-m", "edge_runtime.cli.app"]

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [*command, *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    run("install-service", *WHOLE)
    assert (home / ".termux/boot/edge-runtime").is_file()
    assert (tmp_path / "started").read_text().split("\n") == ["all", "restart edge-runtime", ""]
    run("uninstall-service")
    assert paths(tmp_path) - {"started"} == before
