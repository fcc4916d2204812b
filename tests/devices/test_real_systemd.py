"""The installed service under a real systemd, in a container of this machine's own files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

NSPAWN = shutil.which("systemd-nspawn")
TIMEOUT_S = 100
# the service's own user cannot enter root's home, where this Python may be
PYTHON = f"/usr/bin/python3.{sys.version_info.minor}"

pytestmark = [
    pytest.mark.skipif(NSPAWN is None, reason="no systemd-nspawn: apt install systemd-container"),
    pytest.mark.skipif(os.geteuid() != 0, reason="systemd-nspawn needs root"),
    pytest.mark.skipif(shutil.which(PYTHON) is None, reason=f"no {PYTHON}"),
]

# this machine's files, with changes that go with the mount
CONTAINER = """\
set -e
mount -t tmpfs tmpfs "$PROOF_MOUNT"
mkdir "$PROOF_MOUNT/changes" "$PROOF_MOUNT/work" "$PROOF_MOUNT/root"
mount -t overlay overlay "$PROOF_MOUNT/root" \
  -o "lowerdir=/,upperdir=$PROOF_MOUNT/changes,workdir=$PROOF_MOUNT/work"
exec systemd-nspawn --directory="$PROOF_MOUNT/root" "$@"
"""
# only what the service itself needs is started
EMPTY = "[Unit]\nDescription=nothing\nDefaultDependencies=no\n"
GOAL = f"{EMPTY}Wants=systemd-journald.socket proof.service\n"
PROOF = """\
[Unit]
DefaultDependencies=no
After=systemd-journald.service
[Service]
Type=oneshot
ExecStart=/bin/sh /opt/proof/proof.sh
StandardOutput=file:/opt/proof/out/said
StandardError=inherit
"""
EDGE_RUN = """\
#!/bin/sh
PYTHONPATH={path} PYTHONDONTWRITEBYTECODE=1 exec {python} -m edge_runtime.cli.entry "$@"
"""
SCRIPT = r"""
run=/opt/proof/bin/edge-run
show() { systemctl show edge-runtime --value -p "$1"; }
left() { find /etc/systemd /var/lib /run -xdev \( -name '*edge*' -o -name '*mqtt*' \) | sort; }
echo "before: $(left)"
$run install-service --edge-run $run >/dev/null; echo "install: $?"
echo "state: $(show ActiveState)"
pid=$(show MainPID)
grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/"$pid"/status | tr '\t\n' '  '; echo
[ "$(awk '/^Uid:/ { print $2 }' /proc/"$pid"/status)" = 0 ] || echo "not root"
$run -v ask 'turn on the kitchen light' 2>&1 | grep 'by the node'
sed -i 's/^WatchdogSec=.*/WatchdogSec=3/' /etc/systemd/system/edge-runtime.service
systemctl daemon-reload; systemctl restart edge-runtime
pid=$(show MainPID); sleep 5
[ "$(show MainPID)" = "$pid" ] && echo "fed its watchdog"
kill -STOP "$pid"; sleep 6
[ "$(show MainPID)" != "$pid" ] && echo "started again: $(show NRestarts)"
$run uninstall-service >/dev/null; echo "uninstall: $?"
echo "after: $(left)"
systemctl exit 0
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    proof = tmp_path_factory.mktemp("proof")
    (proof / "bin").mkdir()
    (proof / "out").mkdir()
    (proof / "etc").mkdir()
    path = os.pathsep.join(each for each in sys.path if each)
    files = {
        "proof.sh": SCRIPT,
        "bin/edge-run": EDGE_RUN.format(path=path, python=PYTHON),
        "etc/edge.toml": (
            'broker = "mqtt://localhost"\nmqtt_password_file = "/etc/edge-runtime/password"\n'
        ),
        "etc/password": "secret\n",
        "our.target": GOAL,
        "empty.target": EMPTY,
        "proof.service": PROOF,
    }
    for name, text in files.items():
        (proof / name).write_text(text)
    (proof / "bin/edge-run").chmod(0o755)
    (proof / "etc/password").chmod(0o600)
    proof.chmod(0o755)
    units = "/etc/systemd/system"
    binds = [
        f"--bind-ro={proof / source}:{units}/{target}"
        for source, target in (
            ("our.target", "our.target"),
            ("proof.service", "proof.service"),
            *(("empty.target", f"{name}.target") for name in ("sysinit", "basic", "network")),
        )
    ]
    (proof / "mount").mkdir()
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", CONTAINER, "sh",
         "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe",
         "--link-journal=no", f"--bind={proof}:/opt/proof",
         f"--bind-ro={proof / 'etc'}:/etc/edge-runtime", *binds, "--boot", "--",
         "--unit=our.target"],
        env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
             "PROOF_MOUNT": str(proof / "mount")},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    output = proof / "out/said"
    if not output.exists():
        pytest.skip(f"no container can be started here: {(done.stderr or done.stdout)[-200:]}")
    return output.read_text().splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "install: 0",
        "state: active",
        "CapEff: 0000000000000000 NoNewPrivs: 1 Seccomp: 2 ",
        "not root",
        "fed its watchdog",
        "started again: 1",
        "uninstall: 0",
    ],
)
def test_the_service_is_ready_shut_in_watched_and_taken_away(said: list[str], line: str) -> None:
    assert line in said


def test_local_commands_are_answered_by_it(said: list[str]) -> None:
    assert any("by the node at /run/edge-runtime/edge.sock" in line for line in said)


def test_it_leaves_nothing(said: list[str]) -> None:
    before, after = "\n".join(said).split("before: ")[1].split("install: 0")[0], said
    assert "\n".join(after).split("after: ")[1].strip() == before.strip()
