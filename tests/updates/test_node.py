"""A node that is started again whenever it ends: it takes, tests, begins anew, keeps, returns."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker
from edge_export.publishing.publish import Terms, bundle_item, publish
from edge_export.signing import rewrite_manifest
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bundles.store import Store
from edge_runtime.updates.contents import Golden
from tests.bridge.harness import App, until
from tests.updates.site import PRIVATE, PUBLIC

GOLDEN = Golden("turn on the light in the kitchen", expect={"intent": "HassTurnOn"})


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
            "EDGE_SOCKET": "off",
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
        f'[update]\nurl = "{repository}"\nkey_file = "{tmp_path / "key.pub"}"\nconfirm_s = 1\n'
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
