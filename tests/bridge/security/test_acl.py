"""The rights of each role, against a real broker: every member tries every topic."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.mqtt.sockets import tls_context
from edge_runtime.errors import UnavailableError
from tests.bridge.harness import DEADLINE_S, until
from tests.bridge.security.site import Guarded, User, everybody

NOT_AUTHORIZED = 0x87
TAKEN = {0x00, 0x10}  # 0x10: nobody listens
NODES, CLIENTS = {"pi1", "pi2"}, {"phone", "tv", "ha"}
OVERSEERS = {"ops", "ha"}

# topic: who may write it, who may read it
TOPICS: dict[str, tuple[set[str], set[str]]] = {
    "edge/v1/pi1/req/ask/phone": ({"phone"}, {"pi1"}),
    "edge/v1/pi1/req/ask/tv": ({"tv"}, {"pi1"}),
    "edge/v1/pi2/req/ask/phone": ({"phone"}, {"pi2"}),
    "edge/v1/pi1/req/cancel/phone": ({"phone"}, {"pi1"}),
    "edge/v1/pi1/req/ask": (set(), {"pi1"}),
    "edge/v1/pi1/res/phone": ({"pi1"}, {"phone"}),
    "edge/v1/pi1/res/phone/part": ({"pi1"}, {"phone"}),
    "edge/v1/pi2/res/tv": ({"pi2"}, {"tv"}),
    "edge/clients/phone": (NODES, {"phone"}),
    "edge/clients/tv/inbox": (NODES, {"tv"}),
    "edge/v1/pi1/status": ({"pi1", "ops"}, CLIENTS | OVERSEERS),
    "edge/v1/pi1/info": ({"pi1", "ops"}, CLIENTS | OVERSEERS),
    "edge/v1/pi1/health": ({"pi1"}, OVERSEERS),
    "edge/v1/pi1/evt/escalated": ({"pi1"}, OVERSEERS),
    "edge/v1/pi1/cmd/pause": (OVERSEERS, {"pi1"}),
    "edge/v1/pi1/cmd/reload": ({"ops"}, {"pi1"}),
    "edge/v1/pi2/cmd/update": (OVERSEERS, {"pi2"}),
    "edge/v1/pi1/policy/set": (OVERSEERS, {"pi1"}),
    "edge/v1/pi1/policy/state": ({"pi1", "ops"}, OVERSEERS),
    "edge/v1/pi1/esc/req": ({"pi1"}, {"gpu"}),
    "edge/v1/pi2/esc/cancel": ({"pi2"}, {"gpu"}),
    "edge/v1/pi1/esc/res": ({"gpu"}, {"pi1"}),
    "edge/v1/pi2/esc/part": ({"gpu"}, {"pi2"}),
    "edge/workers/gpu/status": ({"gpu"}, NODES | OVERSEERS | {"gpu"}),
    "edge/workers/other/status": (set(), NODES | OVERSEERS),
    "homeassistant/device/pi1/config": ({"pi1", "ops"}, {"ha"}),
    "homeassistant/device/other/config": ({"ops"}, {"ha"}),
    "homeassistant/light/lamp/config": (set(), {"ha"}),
    "homeassistant/status": ({"ha"}, NODES | {"ha"}),
    "hermes/nlu/query": (set(), set()),
    "anything/else": (set(), set()),
}


def stranger(at: BrokerSettings, client_id: str) -> paho.Client:
    """A client that is not ours, with a member's credentials."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
    client.username_pw_set(at.username, at.password)
    if at.tls:
        client.tls_set_context(tls_context(at))
    return client


def a_minute() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 60
    return properties


def pump(client: paho.Client, condition: Callable[[], object]) -> None:
    def is_true() -> object:
        client.loop(0.05)
        return condition()

    until(is_true)


@pytest.fixture(scope="module", params=["local", "tls", "mtls"])
def guarded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    with Guarded(tmp_path_factory.mktemp("site"), request.param) as running:
        yield running


def test_each_name_writes_and_reads_what_its_role_needs_and_nothing_else(guarded: Guarded) -> None:
    with everybody(guarded) as users:
        for topic, (writers, _) in TOPICS.items():
            for name, user in users.items():
                code = user.code(topic, name.encode())
                expected = TAKEN if name in writers else {NOT_AUTHORIZED}
                assert code in expected, f"{name} on {topic}: {code:#x}"
        sent = [(topic, name.encode()) for topic, (may, _) in TOPICS.items() for name in may]
        for name, user in users.items():
            due = sorted(each for each in sent if name in TOPICS[each[0]][1])
            until(partial(user.has_heard, len(due)), f"what {name} may hear")
            assert sorted(user.heard) == due


def test_nobody_without_a_name_is_let_in(guarded: Guarded) -> None:
    nameless = dataclasses.replace(
        guarded.settings("phone"), username=None, password=None, cert_file=None, key_file=None
    )
    with pytest.raises(UnavailableError):
        User(nameless, "nobody").start(DEADLINE_S)


def test_a_will_does_not_reach_what_its_owner_may_not_write(guarded: Guarded) -> None:
    """A will is published by the broker, and could be a way round the rights."""
    with User(guarded.settings("ops"), "ops") as ops, User(guarded.settings("pi1"), "pi1") as pi1:
        before = len(ops.heard)
        for topic in ("edge/v1/pi1/cmd/pause", "edge/v1/pi1/status"):
            tv = stranger(guarded.settings("tv"), "tv-with-a-will")
            tv.will_set(topic, b"from a will", qos=1, retain=True)
            tv.connect(guarded.settings("tv").host, guarded.settings("tv").port)
            pump(tv, tv.is_connected)
            # as a power cut does: without a DISCONNECT the broker publishes the will
            sock = tv.socket()
            assert sock is not None
            sock.close()
        pi1.code("edge/v1/pi1/evt/done")
        until(lambda: ("edge/v1/pi1/evt/done", b"x") in ops.heard[before:])
        assert not [each for each in (*ops.heard[before:], *pi1.heard) if each[1] == b"from a will"]


def test_another_name_with_the_same_client_id_gets_nothing_that_waits_for_it(
    guarded: Guarded,
) -> None:
    """A client id is free for anybody to choose: only the name counts."""

    node = Connection(
        guarded.settings("pi2"),
        client_id="edge-pi2",
        on_message=lambda _message: None,
        subscriptions={"edge/v1/pi2/req/+/+": 1},
        session_expiry_s=60,
    )
    node.start(DEADLINE_S)
    node.stop()
    with User(guarded.settings("phone"), "phone") as phone:
        assert phone.code("edge/v1/pi2/req/ask/phone", b"a secret") in TAKEN
    stolen: list[str] = []
    thief = stranger(guarded.settings("tv"), "edge-pi2")
    thief.on_message = lambda _client, _data, message: stolen.append(message.topic)
    at = guarded.settings("tv")
    thief.connect(at.host, at.port, clean_start=False, properties=a_minute())
    pump(thief, thief.is_connected)
    thief.subscribe("edge/clients/tv/#", 1)
    with User(guarded.settings("pi2"), "pi2") as pi2:
        # tv may hear this: what came before it would have been heard by then, too
        pump(thief, lambda: pi2.code("edge/clients/tv/x") in TAKEN and stolen)
    thief.disconnect()
    assert set(stolen) == {"edge/clients/tv/x"}


def test_a_wrong_password_and_a_removed_name_are_refused(tmp_path: Path) -> None:
    with Guarded(tmp_path, "tls", {"pi1": "node", "phone": "client"}) as broker:
        right = broker.settings("phone")
        for wrong in ("", "wrong", f"{right.password}x"):
            at = dataclasses.replace(right, password=wrong)
            with pytest.raises(UnavailableError, match=r"(?i)not authori"):
                User(at, "phone").start(DEADLINE_S)
        stranger = dataclasses.replace(right, username="stranger")
        with pytest.raises(UnavailableError, match=r"(?i)not authori"):
            User(stranger, "stranger").start(DEADLINE_S)
