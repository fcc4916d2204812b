from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edge_devices.services.apply import ServiceError, install, remove, run_command
from edge_devices.services.plan import Node, Plan
from edge_devices.services.runit import termux_plan
from edge_devices.services.systemd import system_plan, user_plan

PROGRAM = Path("/opt/edge runtime/50%$/edge-run")
HOME = Path("/home/me")
PREFIX = Path("/data/data/com.termux/files/usr")
NODE = Node(
    PROGRAM,
    {"EDGE_BROKER": 'mqtts://e@b/"%h'},
    {"EDGE_MQTT_KEY_FILE": Path("/etc/edge-runtime/key 50%.pem")},
)
PLANS = {
    "system": system_plan(NODE),
    "user": user_plan(NODE, HOME),
    "termux": termux_plan(NODE, PREFIX, HOME),
}


def nothing(_command: tuple[str, ...]) -> None:
    pass


def tree(root: Path) -> dict[str, str]:
    """Every path below a directory, with content or target."""
    return {
        str(path.relative_to(root)): (
            str(path.readlink())
            if path.is_symlink()
            else path.read_text()
            if path.is_file()
            else "directory"
        )
        for path in sorted(root.rglob("*"))
    }


def populated(root: Path, plan: Plan) -> Path:
    """A root in which others have their services beside ours."""
    for file in plan.files:
        beside = root / file.path.parent.parent.relative_to("/") / "others/other"
        beside.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text("of somebody else")
    return root


def used(root: Path, plan: Plan) -> None:
    """Make what a service manager and a service make while they run."""
    for path in (*plan.made, *plan.state):
        here = root / path.relative_to("/")
        here.parent.mkdir(parents=True, exist_ok=True)
        if here == root / "var/lib/edge-runtime":
            here.symlink_to("private/edge-runtime")
        else:
            here.mkdir()
            (here / "file").write_text("left")


@pytest.mark.parametrize("kind", PLANS)
def test_nothing_is_left_of_a_service_that_was_used(tmp_path: Path, kind: str) -> None:
    plan = PLANS[kind]
    root = populated(tmp_path, plan)
    used_parents = root / "var/lib/private"
    used_parents.mkdir(parents=True)
    (root / "run").mkdir()
    (root / f"{PREFIX.relative_to('/')}/var/log/sv").mkdir(parents=True)
    before = tree(root)
    install(plan, root)
    used(root, plan)
    assert tree(root) != before
    deleted = remove(plan, root, nothing, keep_state=False)
    assert tree(root) == before
    assert deleted
    assert remove(plan, root, nothing, keep_state=False) == []


def test_state_can_be_kept(tmp_path: Path) -> None:
    plan = PLANS["system"]
    install(plan, tmp_path)
    used(tmp_path, plan)
    remove(plan, tmp_path, nothing, keep_state=True)
    assert (tmp_path / "var/lib/private/edge-runtime/file").read_text() == "left"
    assert not (tmp_path / "etc").exists()


def test_installing_again_replaces_what_was_there(tmp_path: Path) -> None:
    install(system_plan(Node(Path("/old"))), tmp_path)
    install(PLANS["system"], tmp_path)
    assert "/old" not in (tmp_path / "etc/systemd/system/edge-runtime.service").read_text()


def test_a_failed_installation_leaves_nothing(tmp_path: Path) -> None:
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.parent.mkdir(parents=True)
    wants.write_text("in the way")
    before = tree(tmp_path)
    with pytest.raises(ServiceError, match=r"multi-user\.target\.wants"):
        install(PLANS["system"], tmp_path)
    assert tree(tmp_path) == before


def test_a_command_that_fails_says_why_and_one_that_is_missing_too() -> None:
    with pytest.raises(ServiceError, match="no rights"):
        run_command(("sh", "-c", "echo no rights >&2; exit 3"))
    with pytest.raises(ServiceError, match="edge-no-such-command"):
        run_command(("edge-no-such-command",))
    run_command(("true",))


def test_the_service_is_stopped_before_its_files_go(tmp_path: Path) -> None:
    plan = PLANS["system"]
    install(plan, tmp_path)
    unit = tmp_path / "etc/systemd/system/edge-runtime.service"
    seen: list[tuple[tuple[str, ...], bool]] = []
    remove(plan, tmp_path, lambda c: seen.append((c, unit.exists())), keep_state=False)
    assert seen == [
        (("systemctl", "stop", "edge-runtime.service"), True),
        (("systemctl", "daemon-reload"), False),
        (("systemctl", "reset-failed", "edge-runtime.service"), False),
    ]


def test_secrets_stand_in_no_unit() -> None:
    [unit, _] = PLANS["system"].files
    assert "LoadCredential=edge_mqtt_key_file:/etc/edge-runtime/key 50%%.pem" in unit.text
    path = "/run/credentials/edge-runtime.service/edge_mqtt_key_file"
    assert f"EDGE_MQTT_KEY_FILE={path}" in unit.text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
class TestSystemd:
    @pytest.mark.parametrize("program", [PROGRAM, Path("/home/me/venv/bin/edge-run")])
    @pytest.mark.parametrize("group", ["", "users"])
    def test_the_unit_is_shut_in(self, tmp_path: Path, program: Path, group: str) -> None:
        node = Node(program, NODE.environment, NODE.credentials, group)
        [unit, _] = system_plan(node).files
        path = tmp_path / "edge-runtime.service"
        path.write_text(unit.text)
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(path)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "exposure level" in done.stdout

    @pytest.mark.parametrize("kind", ["system", "user"])
    def test_systemd_understands_the_unit(self, tmp_path: Path, kind: str) -> None:
        program = tmp_path / "a b%$/edge-run"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        node = Node(program, NODE.environment, NODE.credentials)
        plan = system_plan(node) if kind == "system" else user_plan(node, HOME)
        path = tmp_path / "edge-runtime.service"
        path.write_text(plan.files[0].text)
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(path)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = [
            line
            for line in done.stderr.splitlines()
            # of systemd 254; older ones ignore them
            if "RestartSteps" not in line and "RestartMaxDelaySec" not in line
        ]
        assert not [line for line in said if "edge-runtime" in line], said


@pytest.mark.parametrize("kind", ["run", "finish", "edge-runtime"])
def test_a_shell_understands_the_scripts_for_termux(tmp_path: Path, kind: str) -> None:
    [file] = [f for f in PLANS["termux"].files if f.path.name == kind and f.target is None]
    path = tmp_path / kind
    path.write_text(file.text)
    subprocess.run(["sh", "-n", str(path)], check=True)
    assert file.mode == 0o755


def test_the_script_for_termux_starts_the_node_awake_with_its_settings(tmp_path: Path) -> None:
    program = tmp_path / "it's/edge-run"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$EDGE_BROKER" "$@"\n')
    program.chmod(0o755)
    lock = tmp_path / "bin/termux-wake-lock"
    lock.parent.mkdir()
    lock.write_text("#!/bin/sh\necho awake\n")
    lock.chmod(0o755)
    script = termux_plan(Node(program, NODE.environment), PREFIX, HOME).files[0]
    done = subprocess.run(
        ["sh", "-c", script.text],
        capture_output=True, text=True, check=True,
        env={"PATH": f"{lock.parent}:/usr/bin:/bin"},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["awake", 'mqtts://e@b/"%h serve']
