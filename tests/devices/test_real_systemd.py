"""The installed service under a real systemd, in a container of this machine's own files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edge_devices
import edge_runtime
from edge_devices.flash.installation import HOME, make_environment
from edge_export.publishing.publish import Terms, publish, runtime_item
from edge_runtime.bundles.signatures import new_key

NSPAWN = shutil.which("systemd-nspawn")
TIMEOUT_S = 480
# the service's own user cannot enter root's home, where this Python may be
PYTHON = f"/usr/bin/python3.{sys.version_info.minor}"

pytestmark = [
    pytest.mark.skipif(NSPAWN is None, reason="no systemd-nspawn: apt install systemd-container"),
    pytest.mark.skipif(os.geteuid() != 0, reason="systemd-nspawn needs root"),
    pytest.mark.skipif(shutil.which(PYTHON) is None, reason=f"no {PYTHON}"),
    pytest.mark.timeout(TIMEOUT_S + 30),
]

GOOD, BAD = "9.0.0", "9.1.0"

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
SCRIPT = r"""
run=/opt/edge-runtime/bin/edge-run
show() { systemctl show edge-runtime --value -p "$1"; }
left() { find /etc/systemd /var/lib /run -xdev \( -name '*edge*' -o -name '*mqtt*' \) | sort; }
echo "before: $(left)"
$run install-service >/dev/null; echo "install: $?"
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
sed -i 's/^WatchdogSec=.*/WatchdogSec=60/' /etc/systemd/system/edge-runtime.service
systemctl daemon-reload; systemctl restart edge-runtime
state=/var/lib/private/edge-runtime trees=/var/lib/edge-runtime/runtime
tree() { tr '\0' '\n' </proc/"$(show MainPID)"/environ | sed -n 's/^PYTHONPATH=\([^:]*\).*/\1/p'; }
wait_for() { n=0; while [ $n -lt 160 ] && ! eval "$1"; do n=$((n + 1)); sleep 0.5; done; }
is_at() { [ "$(show ActiveState)" = active ] && [ "$(tree)" = $trees/"$1" ]; }
mv /opt/proof/good /opt/proof/repository
wait_for 'is_at a'; echo "runs: $(tree)"
wait_for '[ ! -e $state/runtime/trial.json ]'; [ -e $state/runtime/trial.json ] || echo "kept"
echo "of others: $(find $state -not -uid "$(stat -c %u $state)" | wc -l)"
echo "root runs: $($run --version)"
$run -v ask 'turn on the kitchen light' 2>&1 | sed -n 's/.*by the node.*/after it: by the node/p'
echo "root through the node: $($run update now | grep edge-runtime)"
echo "root without: $(EDGE_SOCKET=off $run update now 2>&1 | tail -n 1)"
# as docs/updates.md says it; systemd-run needs the bus
systemctl start dbus.socket
echo "with its rights: $(systemd-run --pipe --quiet -p DynamicUser=yes -p User=edge-runtime \
  -p StateDirectory=edge-runtime -p Environment=EDGE_STATE=/var/lib/edge-runtime \
  $run update check 2>&1 | grep edge-runtime)"
mv /opt/proof/repository /opt/proof/good; mv /opt/proof/bad /opt/proof/repository
wait_for '[ "$(readlink $state/runtime/current)" = b ]'
echo "tries: $(readlink $state/runtime/current)"
wait_for 'is_at a'; echo "back: $(tree)"
journalctl --no-pager -u edge-runtime >/opt/proof/out/journal
$run uninstall-service >/dev/null; echo "uninstall: $?"
echo "after: $(left)"
systemctl exit 0
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    proof = tmp_path_factory.mktemp("proof")
    (proof / "out").mkdir()
    (proof / "etc").mkdir()
    files = {
        "proof.sh": SCRIPT,
        "etc/edge.toml": (
            'broker = "mqtt://localhost"\nmqtt_password_file = "/etc/edge-runtime/password"\n'
            '[update]\nurl = "/opt/proof/repository"\nkey_file = "/opt/proof/key.pub"\n'
            "interval_s = 5\nconfirm_s = 5\n"
        ),
        "etc/password": "secret\n",
        "our.target": GOAL,
        "empty.target": EMPTY,
        "proof.service": PROOF,
    }
    for name, text in files.items():
        (proof / name).write_text(text)
    _publish(proof)
    _install(proof / "home")
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
        # asked to end, it takes the container with it
        ["timeout", "--kill-after=20", str(TIMEOUT_S - 30),
         "unshare", "--mount", "--propagation", "private", "sh", "-c", CONTAINER, "sh",
         "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe",
         "--link-journal=no", f"--bind={proof}:/opt/proof",
         f"--bind-ro={proof / 'home'}:{HOME}",
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


def _install(home: Path) -> None:
    """Install as ``edge-flash`` does, with the packages that this Python has."""
    python = PYTHON.removeprefix("/usr/bin/python")
    site = home / f"lib/python{python}/site-packages"
    site.mkdir(parents=True)
    (site / "packages.pth").write_text("".join(f"{each}\n" for each in sys.path if each))
    make_environment(home, python)


def _publish(proof: Path) -> None:
    """Make two repositories: with a good runtime, and with a newer one that ends at once."""
    private, public = new_key()
    (proof / "key.pub").write_bytes(public)
    for version in (GOOD, BAD):
        tree = proof / f"tree-{version}"
        for package in (edge_runtime, edge_devices):
            source = Path(str(package.__file__)).parent
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, tree / source.name, ignore=ignored)
        (tree / f"edge_runtime-{version}.dist-info").mkdir()
        about = tree / "edge_runtime/__init__.py"
        about.write_text(about.read_text().replace(edge_runtime.__version__, version))
        if version == BAD:
            (tree / "edge_runtime/cli/serve.py").write_text("raise SystemExit(3)\n")
            shutil.copytree(proof / "good", proof / "bad")
        name = "good" if version == GOOD else "bad"
        publish(proof / name, private, runtime_item(tree), Terms(), valid_days=1)
        shutil.rmtree(tree)


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


def test_commands_of_what_is_installed_are_answered_by_a_newer_runtime(said: list[str]) -> None:
    assert "after it: by the node" in said
    assert f"root through the node: edge-runtime  {GOOD}  current" in said


@pytest.mark.parametrize(
    "line",
    [
        "runs: /var/lib/edge-runtime/runtime/a",
        "kept",
        "of others: 0",
        "tries: b",
        "back: /var/lib/edge-runtime/runtime/a",
    ],
)
def test_it_updates_its_own_runtime_and_goes_back(said: list[str], line: str) -> None:
    assert line in said


def test_root_leaves_what_belongs_to_the_service_alone(said: list[str]) -> None:
    assert f"root runs: edge-run {edge_runtime.__version__}" in said
    [line] = [each for each in said if each.startswith("root without: ")]
    assert "error: /var/lib/private/edge-runtime" in line
    assert "belongs to the service: start it" in line


@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="no dbus-daemon")
def test_root_may_work_with_the_rights_of_the_service(said: list[str]) -> None:
    assert f"with its rights: edge-runtime  {GOOD}  current" in said


def test_it_leaves_nothing(said: list[str]) -> None:
    before, after = "\n".join(said).split("before: ")[1].split("install: 0")[0], said
    assert "\n".join(after).split("after: ")[1].strip() == before.strip()
