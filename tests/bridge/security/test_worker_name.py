"""`edge-cloud serve` with the files that `edge-run broker-files` made, behind the shipped ACL."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.node.options import NodeOptions
from edge_runtime.bridge.protocol.presence import is_online
from tests.bridge.harness import DEADLINE_S, FAST, Echo, until
from tests.bridge.security.site import Guarded, User

STATUS = "edge/workers/gpu/status"
QUESTIONS = 8


@contextlib.contextmanager
def worker(broker: Guarded, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the worker `gpu` as its machine would; which it is, nobody says.

    By itself it would say for ten minutes no more that it is there.
    """
    user = broker.directory / "users/gpu"
    directory.mkdir()
    config = directory / "edge.toml"
    config.write_text((user / "edge.toml").read_text().replace("/etc/edge-runtime", str(user)))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "edge_runtime.cli.cloud",
                "serve",
                "--llm",
                "inspect",
                "--announce-s",
                "600",
            ],
            env={**os.environ, "EDGE_CONFIG": str(config), "EDGE_STATE": str(directory)},
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def statuses(ops: User) -> list[bool]:
    return [is_online(payload) for topic, payload in ops.heard if topic == STATUS]


def ask(phone: User, first: int) -> None:
    """Ask as many questions as there are, and wait for the answers of workers."""
    ids = {f"q{number}" for number in range(first, first + QUESTIONS)}
    for each in ids:
        request = json.dumps({"id": each, "text": f"why {each}?"}).encode()
        assert phone.code("edge/v1/pi1/req/ask/phone", request) == 0

    def answered() -> bool:
        found = [json.loads(payload) for topic, payload in phone.heard if "/res/" in topic]
        return ids <= {each["id"] for each in found if each["source"] == "cloud"}

    until(answered, "an answer to each question")


def test_two_processes_with_one_name_share_the_work_and_one_may_be_killed(tmp_path: Path) -> None:
    with (
        Guarded(
            tmp_path / "site",
            "tls",
            {"pi1": "node", "phone": "client", "gpu": "worker", "ops": "operator"},
        ) as broker,
        User(broker.settings("phone"), "phone") as phone,
        User(broker.settings("ops"), "ops") as ops,
        worker(broker, tmp_path / "one") as one,
        worker(broker, tmp_path / "two") as two,
    ):
        node = Node(
            broker.settings("pi1"),
            Echo(),
            name="pi1",
            outbox=tmp_path / "outbox.db",
            options=NodeOptions(escalations=FAST),
        )
        node.start(DEADLINE_S)
        try:
            until(lambda: statuses(ops).count(True) >= 2, "both processes online")
            ask(phone, 0)
            one.kill()
            until(lambda: False in statuses(ops) and statuses(ops)[-1], "the other one's word")
            until(lambda: node.health.now().workers == 1)
            ask(phone, QUESTIONS)
        finally:
            node.stop()
        two.terminate()
        assert two.wait(DEADLINE_S) == 0
        until(lambda: statuses(ops)[-1] is False)
    for name in ("one", "two"):
        log = (tmp_path / name / "log").read_text()
        assert ": answered" in log, f"{name} had its share"
        assert "refuse" not in log
