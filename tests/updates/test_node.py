"""A node that is started again whenever it ends: it takes, tests, begins anew, keeps, returns."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2.sandbox
import pytest

from benchmarks.broker import Broker
from edge_export.publishing.publish import Terms, bundle_item, publish
from edge_export.signing import rewrite_manifest
from edge_runtime.bridge.protocol.home_assistant import BIRTH, Device, discovery_document
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bundles.store import Store
from edge_runtime.updates.contents import Golden
from tests.bridge.harness import App, until
from tests.updates.site import PRIVATE, PUBLIC

GOLDEN = Golden("turn on the light in the kitchen", expect={"intent": "HassTurnOn"})
# keys of Home Assistant's MQTT update state, which refuses any other (2025.4)
SHOWN = {"installed_version", "latest_version", "in_progress", "update_percentage"}
# what is no state of its own: locks, what SQLite and the disk's reserve need, a cache that is made
# anew where it cannot be read, and the bundles themselves
NO_STATE = re.compile(
    r"(updates/)?lock|outbox\.db\.reserve|.*\.db-(wal|shm)|hashes\.json|bundles/\.?[a-z]+(\.[ab])?/.*"
)


class Manager:
    """Starts a node again whenever it ends, as systemd does, until it is closed."""

    def __init__(self, broker: Broker, name: str, root: Path) -> None:
        self.starts = 0
        self._command = [sys.executable, "-m", "edge_runtime.cli.app", "serve", "--broker",
                         broker.url, "--node", name]  # fmt: skip
        self._environment = {
            **os.environ,
            "EDGE_STATE": str(root / "state"),
            "EDGE_CONFIG": str(root / "edge.toml"),
            "EDGE_SOCKET": str(root / "edge.sock"),
        }
        self._is_closing = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_closing:
            self.starts += 1
            self._process = subprocess.Popen(
                self._command, env=self._environment, stderr=subprocess.DEVNULL
            )
            self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def command(self, *arguments: str, by_node: bool) -> subprocess.CompletedProcess[str]:
        """Run another command of the device, with the node's settings."""
        sockets = {} if by_node else {"EDGE_SOCKET": "off"}
        return subprocess.run(
            [*self._command[:3], *arguments], env={**self._environment, **sockets},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def close(self) -> None:
        self._is_closing = True
        until(lambda: self._process is not None)
        assert self._process is not None
        self._process.kill()
        self._thread.join()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "repository"


@pytest.fixture
def managed(mosquitto: Broker, name: str, tmp_path: Path, repository: Path) -> Iterator[Manager]:
    (tmp_path / "key.pub").write_bytes(PUBLIC)
    (tmp_path / "edge.toml").write_text(
        f'home_assistant = true\n[update]\nurl = "{repository}"\n'
        f'key_file = "{tmp_path / "key.pub"}"\nconfirm_s = 1\n'
        'restart = "exit"\ninterval_s = 3600\n'
    )
    manager = Manager(mosquitto, name, tmp_path)
    yield manager
    manager.close()


def _publish(root: Path, version: str, *golden: Golden) -> None:
    made = root / f"bundle-{version}"
    shutil.copytree(Store(None).find("assistant"), made)
    rewrite_manifest(made, version=version)
    item = bundle_item(Store(None).open(str(made)))
    publish(root / "repository", PRIVATE, item, Terms(golden=golden), valid_days=1)


def _events(app: App, state: str) -> Any:
    def fits(message: Message) -> bool:
        return message.topic.endswith("/evt/update") and (
            json.loads(message.payload)["state"] == state
        )

    return json.loads(app.wait(fits)[-1].payload)


def _version(app: App, version: str) -> None:
    """Wait until the node says that it runs a version."""

    def fits(message: Message) -> bool:
        if not message.topic.endswith("/info"):
            return False
        return bool(json.loads(message.payload)["bundles"][0]["version"] == version)

    app.wait(fits)


def test_an_update_over_the_broker_is_taken_kept_and_told(
    managed: Manager, mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    _publish(tmp_path, "9.0.0", GOLDEN)
    with App(mosquitto, name) as app:
        app.wait(lambda m: m.topic == f"{app.root}/status" and m.payload == b"online")
        app.connection.publish(Message(topic=f"{app.root}/cmd/update", payload=b"{}"))
        switched = _events(app, "switched")
        assert switched["latest_version"] == "9.0.0"
        assert "1 of 1 right" in switched["reason"]
        _version(app, "9.0.0")
        assert managed.starts == 2
        kept = _events(app, "kept")
        assert (kept["name"], kept["installed_version"]) == ("assistant", "9.0.0")
        assert app.ask("turn on the light").model.startswith("assistant@")


@pytest.mark.usefixtures("managed")
def test_home_assistant_is_shown_what_runs_and_how_far_an_update_is(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    """Its template, over what a node says of itself; tests/bridge/home_assistant has a real one."""
    _publish(tmp_path, "9.0.0", GOLDEN)
    document = discovery_document(NodeTopics(name), Device("1"))
    update: Any = document["cmps"]["update"]  # type: ignore[index]
    template = jinja2.sandbox.SandboxedEnvironment().from_string(update["value_template"])
    with App(mosquitto, name) as app:
        app.wait(lambda m: m.topic == f"{app.root}/status" and m.payload == b"online")
        app.connection.publish(Message(topic=f"{app.root}/cmd/update", payload=b"{}"))
        _events(app, "kept")
        told = list(app.received)
        app.received.clear()
        app.connection.publish(Message(topic=BIRTH, payload=b"online"))
        _events(app, "kept")
        again = list(app.received)
    shown, after = (
        [
            json.loads(template.render(value_json=json.loads(message.payload)))
            for message in messages
            if message.topic == update["state_topic"]
        ]
        for messages in (told, again)
    )
    assert all(set(each) == SHOWN for each in shown)
    under_way = [each["update_percentage"] for each in shown if each["in_progress"]]
    assert (under_way[0], under_way[-1]) == (0, None), "from the transfer to the test"
    assert 100 in under_way
    assert shown[-1] == {
        "installed_version": "9.0.0",
        "latest_version": "9.0.0",
        "in_progress": False,
        "update_percentage": None,
    }
    assert after == [shown[-1]], "when Home Assistant has started again"
    runtime = {"kind": "runtime", "name": "edge-runtime", "state": "current"}
    assert template.render(value_json=runtime) == "{}", "which Home Assistant passes over"


def test_an_owner_who_updates_while_the_node_does_is_told_who_is_at_work(
    managed: Manager, mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    _publish(tmp_path, "9.0.0", GOLDEN)
    with App(mosquitto, name) as app:
        app.wait(lambda m: m.topic == f"{app.root}/status" and m.payload == b"online")
        app.connection.publish(Message(topic=f"{app.root}/cmd/update", payload=b"{}"))
        _events(app, "testing")
        done = managed.command("update", "now", by_node=False)
        assert done.returncode == 1
        assert f"error: process {managed.pid} (edge-run serve" in done.stderr
        assert "works on updates; wait until that has ended" in done.stderr
        assert "Traceback" not in done.stderr
        assert _events(app, "switched")["latest_version"] == "9.0.0"


def test_the_node_does_what_an_owner_wants_done_at_once(
    managed: Manager, mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    _publish(tmp_path, "9.0.0")
    with App(mosquitto, name) as app:
        app.wait(lambda m: m.topic == f"{app.root}/status" and m.payload == b"online")
        node = managed.pid
        done = managed.command("update", "now", "assistant", "--json", by_node=True)
        assert (done.returncode, json.loads(done.stdout)["state"]) == (0, "switched")
        assert "9.0.0  testing" in done.stderr, "its steps are carried over"
        assert f"process {node} " in (tmp_path / "state/updates/lock").read_text()
        _version(app, "9.0.0")
        back = managed.command("update", "back", by_node=True)
        assert "returned: the owner went back" in back.stdout


def test_every_file_of_the_state_says_its_format(
    managed: Manager, mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    _publish(tmp_path, "9.0.0", GOLDEN)
    state = tmp_path / "state"
    with App(mosquitto, name) as app:
        app.wait(lambda m: m.topic == f"{app.root}/status" and m.payload == b"online")
        policy = b'{"patch": {"privacy": "cloud", "budget.day": {"requests": 9}}}'
        app.connection.publish(Message(topic=f"{app.root}/policy/set", payload=policy))
        until((state / "policy.json").exists)
        for _ in range(2):
            request = {"text": "Who was Angela Merkel?", "session": "s", "id": "1"}
            app.ask(json.dumps(request))
        app.connection.publish(Message(topic=f"{app.root}/cmd/update", payload=b"{}"))
        _events(app, "switched")
        managed.close()
    paths = [path for path in state.rglob("*") if path.is_file() and not path.is_symlink()]
    found = {
        path.relative_to(state).as_posix(): _format(path)
        for path in paths
        if not NO_STATE.fullmatch(path.relative_to(state).as_posix())
    }
    least = {"outbox.db", "memory.db", "budget.db", "policy.json", "updates/state.json",
             "bundles/.assistant.trial", "updates/assistant.a.json"}  # fmt: skip
    assert least <= set(found)
    assert all(found.values()), found


def _format(path: Path) -> int | None:
    """Return the number of a file's format, None if it has none."""
    if path.suffix == ".db":
        db = sqlite3.connect(path)
        (number,) = db.execute("PRAGMA user_version").fetchone()
        db.close()
        return int(number)
    found = json.loads(path.read_bytes()).get("format")
    return found if isinstance(found, int) else None


def test_a_version_that_kills_the_node_is_left_again_by_itself(
    managed: Manager, mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    """What the gate cannot see: the bundle is spoilt after the switch."""
    _publish(tmp_path, "9.0.0")
    with App(mosquitto, name) as app:
        app.wait(lambda m: m.topic == f"{app.root}/status" and m.payload == b"online")
        place = tmp_path / "state" / "bundles" / ".assistant.a"
        watcher = threading.Thread(target=_spoil, args=(place,))
        watcher.start()
        app.connection.publish(Message(topic=f"{app.root}/cmd/update", payload=b"{}"))
        returned = _events(app, "returned")
        watcher.join()
        assert "never stayed up" in returned["reason"]
        assert managed.starts >= 4
        assert app.ask("turn on the light").status == "ok"


def _spoil(place: Path) -> None:
    until(place.is_dir)
    (place / "config.json").write_text("no JSON")
