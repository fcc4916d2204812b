from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edge_runtime.dashboard.feed import MOST_VIEWERS, Feed
from edge_runtime.dashboard.fleet import Fleet
from edge_runtime.errors import UnavailableError
from tests.dashboard.saying import answer, health, said

ASKED = {"v": 1, "id": "q", "text": "where is Ada"}


def make_feed(*, texts: bool = True) -> Feed:
    return Feed(Fleet(lambda: 5.0, texts=texts), lambda: 5.0, broker="localhost:1883")


async def following(events: AsyncIterator[bytes]) -> tuple[str, dict[str, Any]]:
    raw = await asyncio.wait_for(anext(events), 10)
    name, data, *_ = raw.decode().split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_a_page_gets_everything_first_and_then_what_changes() -> None:
    async def look() -> None:
        feed = make_feed()
        feed.connected()
        feed.received(said("edge/v1/kitchen/health", health(1)))
        events = feed.view(texts=False).events()
        name, everything = await following(events)
        assert name == "snapshot"
        assert everything["broker"] == {"address": "localhost:1883", "connected": True}
        assert everything["samples"] == {"kitchen": [[5.0, 1, 2, 0]]}
        assert [record[:2] for record in everything["records"]] == [["node", "kitchen"]]
        feed.received(said("edge/v1/kitchen/status", b"online"))
        feed.received(said("edge/v1/kitchen/status"))
        name, changes = await following(events)
        assert name == "changes"
        assert changes["records"] == [["node", "kitchen", None]]

    asyncio.run(look())


def test_what_changes_often_is_sent_once_as_it_is_then() -> None:
    async def look() -> None:
        feed = make_feed()
        events = feed.view(texts=False).events()
        await following(events)
        for number in range(500):
            feed.received(said("edge/v1/kitchen/health", health(number)))
        _, changes = await following(events)
        [(_, _, node)] = changes["records"]
        assert node["health"]["queue"]["requests"] == 499

    asyncio.run(look())


def test_a_page_that_is_far_behind_gets_everything_again() -> None:
    async def look() -> None:
        feed = make_feed()
        viewer = feed.view(texts=False)
        events = viewer.events()
        await following(events)
        for number in range(5000):
            feed.received(said("edge/v1/kitchen/req/ask/app", {**ASKED, "id": str(number)}))
            assert len(viewer._pending) <= 1000  # noqa: SLF001 - it is memory all the same
        name, everything = await following(events)
        assert name == "snapshot"
        assert len(everything["records"]) == 200

    asyncio.run(look())


def test_texts_are_for_the_page_that_asks_and_a_server_that_may() -> None:
    async def look(*, may: bool, asks: bool) -> bool:
        feed = make_feed(texts=may)
        feed.received(said("edge/v1/kitchen/req/ask/app", ASKED))
        events = feed.view(texts=asks).events()
        shown = [await following(events)]
        feed.received(said("edge/v1/kitchen/res/app", answer("q", result={"text": "Ada is here"})))
        shown.append(await following(events))
        return all("Ada" in json.dumps(each) for each in shown)

    assert asyncio.run(look(may=True, asks=True))
    assert not asyncio.run(look(may=True, asks=False))
    assert not asyncio.run(look(may=False, asks=True))


def test_a_broker_that_is_gone_is_told() -> None:
    async def look() -> None:
        feed = make_feed()
        feed.connected()
        feed.received(said("edge/v1/kitchen/status", b"online"))
        events = feed.view(texts=False).events()
        await following(events)
        feed.lost()
        _, changes = await following(events)
        assert changes["broker"]["connected"] is False
        assert changes["records"][0][2]["status"] == "unknown"

    asyncio.run(look())


def test_only_so_many_pages_are_served_and_one_that_leaves_makes_room() -> None:
    async def look() -> None:
        feed = make_feed()
        viewers = [feed.view(texts=False) for _ in range(MOST_VIEWERS)]
        with pytest.raises(UnavailableError, match="pages are open"):
            feed.view(texts=False)
        feed.leave(viewers[0])
        feed.view(texts=False)

    asyncio.run(look())


def test_a_feed_that_is_closed_ends_its_pages() -> None:
    async def look() -> None:
        feed = make_feed()
        events = feed.view(texts=False).events()
        await following(events)
        feed.close()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(events), 10)
        with pytest.raises(UnavailableError):
            feed.view(texts=False)

    asyncio.run(look())
