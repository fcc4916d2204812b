"""A node, a worker and an app at work behind the shipped ACL, and what the directory holds."""

from __future__ import annotations

import datetime as dt
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.bridge.access.acl import acl
from edge_runtime.bridge.access.directory import read_site, write_site
from edge_runtime.bridge.access.roles import Extras, Role, rights
from edge_runtime.bridge.access.site import Site
from edge_runtime.bridge.cloud.worker import Worker
from edge_runtime.bridge.node.discovery import Discovery
from edge_runtime.bridge.node.hermes import Hermes
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.node.options import NodeOptions
from edge_runtime.bridge.protocol.hermes import Query, answer_messages
from edge_runtime.bridge.protocol.home_assistant import Device
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.errors import ConfigError
from edge_runtime.messages import Answer
from tests.bridge.harness import DEADLINE_S, FAST, Echo, Scripted, until
from tests.bridge.security.site import NOW, Guarded, User

ASSETS = Path(__file__).parents[3] / "devices/edge_devices/assets/mosquitto"
HOUSEHOLD: dict[str, Role] = {
    "kitchen": "node", "phone": "client", "gpu": "worker", "admin": "operator", "hass": "home",
}  # fmt: skip


@pytest.fixture(params=["tls", "mtls"])
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guarded]:
    members: dict[str, Role] = {
        "pi1": "node", "phone": "client", "gpu": "worker", "ops": "operator", "ha": "home",
    }  # fmt: skip
    with Guarded(tmp_path / "site", request.param, members) as running:
        yield running


def test_node_worker_and_app_do_all_their_work_with_the_rights_of_their_roles(
    guarded: Guarded, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    topics = NodeTopics("pi1")
    node = Node(
        guarded.settings("pi1"),
        Echo(),
        name="pi1",
        outbox=tmp_path / "outbox.db",
        options=NodeOptions(escalations=FAST),
        companions=[Discovery(topics, Device("1"))],
    )
    worker = Worker(guarded.settings("gpu"), Scripted(), name="gpu")
    with (
        User(guarded.settings("phone"), "phone") as phone,
        User(guarded.settings("ha"), "ha") as home,
        User(guarded.settings("ops"), "ops") as operator,
    ):
        worker.start(DEADLINE_S)
        node.start(DEADLINE_S)
        try:
            until(lambda: ("edge/v1/pi1/status", b"online") in phone.heard)
            request = json.dumps({"id": "q1", "text": "why is it dark, Ada?"}).encode()
            assert phone.code("edge/v1/pi1/req/ask/phone", request) == 0
            until(lambda: answers(phone, "q1", source="cloud"))
            assert answers(phone, "q1", source="cloud")[0]["result"]["text"].startswith("because")
            assert operator.code("edge/v1/pi1/cmd/flush") == 0
            until(lambda: [t for t, _ in operator.heard if t == "edge/v1/pi1/evt/cmd"])
            until(lambda: [t for t, _ in home.heard if t == "homeassistant/device/pi1/config"])
            until(lambda: [t for t, _ in home.heard if t == "edge/v1/pi1/health"])
            assert "refuse" not in caplog.text
        finally:
            node.stop()
            worker.stop()
        until(lambda: ("edge/v1/pi1/status", b"offline") in phone.heard)
        assert not [topic for topic, _ in operator.heard + home.heard if "/res/phone" in topic]


def answers(app: User, request_id: str, *, source: str) -> list[dict[str, Any]]:
    found = [json.loads(payload) for topic, payload in app.heard if "/res/" in topic]
    return [each for each in found if each["id"] == request_id and each["source"] == source]


def test_every_topic_that_a_nodes_adapters_use_is_among_its_rights() -> None:
    topics = NodeTopics("n")
    may = rights("node", "n", Extras("house/{node}/say", hermes=True))
    readable = {right.topic for right in may if right.access == "read"}
    writable = {right.topic for right in may if right.access == "write"}
    for companion in (Hermes(topics), Discovery(topics, Device("1"))):
        assert set(companion.subscriptions) <= readable
    found = Answer(id="1", task="ask", result={"intent": "light_on"}, confidence=0.9)
    failed = Answer(id="1", task="ask", result={}, confidence=0.0)
    for answer in (found, failed):
        for message in answer_messages(Query(input="hi"), answer):
            intent = message.topic.startswith("hermes/intent/")
            assert message.topic in writable or (intent and "hermes/intent/#" in writable)
    assert "house/n/say" in writable
    assert not {topic for topic in writable if topic.startswith(("hermes/nlu/query", "edge/v1/m/"))}


def test_nobody_has_a_right_that_reaches_into_the_rights_of_a_role_above() -> None:
    for role in ("client", "worker", "node"):
        for right in rights(role, "x", Extras("home/commands", hermes=True)):
            if right.access == "write":
                assert "/cmd/" not in right.topic
                assert "/policy/set" not in right.topic
                assert not right.topic.startswith(("#", "+", "$"))


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "a b", "x" * 65, "ä", "a\nuser b"])
def test_a_name_that_would_change_the_file_is_refused(name: str) -> None:
    for role in ("node", "client", "worker", "operator", "home"):
        with pytest.raises(ConfigError):
            acl({name: role})


@pytest.mark.parametrize(
    "wrong",
    [{"hosts": ["a b"]}, {"hosts": ["x\ny"]}, {"mtls": True}, {"at": "etc"}, {"at": "/a b"},
     {"data": "/a\nuser root"}, {"commands_topic": "edge/v1/x/cmd/pause"}],
)  # fmt: skip
def test_what_would_change_the_configuration_is_refused(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError):
        write_site(tmp_path, Site(members={"n": "node"}, **wrong), NOW)
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_example_is_what_the_command_writes_for_such_a_household() -> None:
    assert (ASSETS / "acl").read_text() == acl(HOUSEHOLD)


def test_secrets_are_for_their_owner_only_whatever_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_site(tmp_path, Site(members={"n": "node"}, hosts=["h"], mtls=True), NOW)
        write_site(tmp_path, Site(members={"n": "node"}, hosts=["h"]), NOW)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    secret = {"ca-key.pem", "broker-key.pem", "mqtt-key.pem", "mqtt-password", "passwords"}
    assert {name for name, mode in modes.items() if mode == 0o600} == secret
    assert {modes[name] for name in ("broker", "users", "authority", "n")} == {0o700}


def test_a_second_run_keeps_secrets_and_writes_only_what_is_new(tmp_path: Path) -> None:
    site = Site(members={"n": "node"}, hosts=["h"], mtls=True)
    write_site(tmp_path, site, NOW)
    assert read_site(tmp_path) == site
    assert write_site(tmp_path, site, NOW) == []
    key = (tmp_path / "users/n/mqtt-key.pem").read_bytes()
    site.members["m"] = "client"
    written = {path.relative_to(tmp_path).as_posix() for path in write_site(tmp_path, site, NOW)}
    assert written == {
        "users/m/mqtt-ca.pem", "users/m/mqtt-cert.pem", "users/m/mqtt-key.pem", "users/m/edge.toml",
        "broker/acl", "site.json",
    }  # fmt: skip
    assert (tmp_path / "users/n/mqtt-key.pem").read_bytes() == key


def test_certificates_are_renewed_before_they_end_and_when_the_host_changes(tmp_path: Path) -> None:
    site = Site(members={"n": "node"}, hosts=["h"], mtls=True)
    write_site(tmp_path, site, NOW)
    soon = NOW + dt.timedelta(days=730 - 89)
    names = {path.name for path in write_site(tmp_path, site, soon)}
    assert names == {"broker-cert.pem", "broker-key.pem", "mqtt-cert.pem", "mqtt-key.pem"}
    moved = Site(members={"n": "node"}, hosts=["h", "10.0.0.1"], mtls=True)
    names = {path.name for path in write_site(tmp_path, moved, soon)}
    assert names == {"broker-cert.pem", "broker-key.pem", "site.json"}


def test_a_name_that_is_removed_leaves_nothing_behind(tmp_path: Path) -> None:
    write_site(tmp_path, Site(members={"n": "node", "old": "client"}), NOW)
    write_site(tmp_path, Site(members={"n": "node"}), NOW)
    assert not (tmp_path / "users/old").exists()
    for name in ("acl", "passwords"):
        assert "old" not in (tmp_path / "broker" / name).read_text()


def test_a_directory_of_something_else_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "site.json").write_text('{"members": 5}')
    with pytest.raises(ConfigError, match=r"site\.json"):
        read_site(tmp_path)
