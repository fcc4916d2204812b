from __future__ import annotations

import pytest

from edge_runtime.bridge.protocol.presence import Presence, is_online


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nobody_is_known_to_be_absent_before_the_broker_had_time_to_say() -> None:
    clock = Clock()
    presence = Presence(0.5, clock)
    assert not presence.is_known()
    assert presence.unknown_for_s() is None
    presence.connected()
    assert not presence.is_known()
    assert presence.unknown_for_s() == 0.5
    clock.now = 0.5
    assert presence.is_known()
    assert presence.workers() == set()


def test_a_worker_that_is_there_counts_at_once_and_is_new_once() -> None:
    presence = Presence(0.5, Clock())
    # its retained status may arrive before the subscription is confirmed
    assert presence.update("w", online=True)
    presence.connected()
    assert presence.workers() == {"w"}
    assert not presence.update("w", online=True)
    presence.update("w", online=False)
    assert presence.workers() == set()
    assert presence.update("w", online=True)


def test_after_a_lost_connection_workers_have_to_be_confirmed() -> None:
    clock = Clock()
    presence = Presence(0.5, clock)
    presence.connected()
    presence.update("stays", online=True)
    presence.update("goes", online=True)
    presence.lost()
    presence.update("stays", online=True)
    presence.connected()
    assert presence.workers() == {"stays", "goes"}
    clock.now = 0.5
    assert presence.workers() == {"stays"}


@pytest.mark.parametrize(
    ("payload", "online"),
    [
        (b'{"status":"online","llm":"x"}', True),
        (b'{"status":"offline"}', False),
        (b"", False),
        (b"online", False),
        (b"\xff", False),
        (b'{"status":1}', False),
        (b"[]", False),
    ],
)
def test_a_status_is_read(payload: bytes, online: bool) -> None:  # noqa: FBT001
    assert is_online(payload) is online
