from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker, broker
from tests.bridge.harness import App, Echo, running_node, until
from tests.dashboard.visiting import TOKEN, Visitor, running_dashboard

PAGE = resources.files("edge_runtime.dashboard") / "page"


@pytest.fixture
def visitor(mosquitto: Broker) -> Iterator[Visitor]:
    """Somebody who has not signed in."""
    with running_dashboard(mosquitto) as dashboard:
        yield Visitor(dashboard.url)


@pytest.fixture
def member(visitor: Visitor) -> Visitor:
    """Somebody who has, on a dashboard that is connected."""
    assert visitor.sign_in().status == 204
    with visitor.stream() as events:
        connected = (each["broker"]["connected"] for _, each in events)
        assert any(connected)
    return visitor


def error(body: bytes) -> str:
    found = json.loads(body)["error"]
    assert set(found) == {"type", "message"}
    return str(found["type"])


def test_the_page_is_for_anyone_and_what_it_shows_is_not(visitor: Visitor) -> None:
    for name in ("", *(each.name for each in PAGE.iterdir())):
        page = visitor.get(f"/{name}")
        assert page.status == 200
        assert page.body == (PAGE / (name or "index.html")).read_bytes()
    for path in ("/api/session", "/api/stream", "/api/stream?texts=1"):
        page = visitor.get(path)
        assert (page.status, error(page.body)) == (401, "sign_in")
    page = visitor.post("/api/order", {"do": "flush", "node": "n"})
    assert (page.status, error(page.body)) == (401, "sign_in")


@pytest.mark.parametrize("path", ["/", "/app.js", "/api/session", "/nothing", "/../pyproject.toml"])
def test_every_answer_keeps_strangers_out_of_the_page(visitor: Visitor, path: str) -> None:
    headers = visitor.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    for word in ("unsafe", "http:", "https:", "data:", "*"):
        assert word not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_the_page_names_no_other_place() -> None:
    for each in PAGE.iterdir():
        text = each.read_text()
        places = set(re.findall(r"[a-z]+://[^\s\"'`)]+", text))
        assert places <= {"http://www.w3.org/2000/svg"}, each.name
        assert not re.search(r"<script(?! type=\"module\" src=)|style=\"|\son\w+=\"", text), (
            each.name
        )


def test_the_token_opens_it_and_signing_out_closes_it(visitor: Visitor) -> None:
    assert visitor.sign_in("the token of another one").status == 401
    assert visitor.get("/api/session").status == 401
    page = visitor.sign_in(TOKEN)
    assert page.status == 204
    assert "SameSite=Strict" in page.headers["set-cookie"]
    session = visitor.get("/api/session")
    assert json.loads(session.body) == {"texts": False, "read_only": False}
    visitor.post("/api/sign-out", {})
    assert visitor.get("/api/session").status == 401


def test_a_page_that_was_led_here_is_refused(member: Visitor) -> None:
    for path in ("/", "/api/session", "/api/stream"):
        page = member.get(path, {"Host": "evil.example"})
        assert (page.status, error(page.body)) == (403, "foreign_request")


def test_another_site_can_order_nothing(member: Visitor) -> None:
    order = {"do": "flush", "node": "n"}
    page = member.post("/api/order", order, {"Origin": "http://evil.example"})
    assert (page.status, error(page.body)) == (403, "foreign_request")
    page = member.post("/api/order", order, {"Content-Type": "text/plain"})
    assert page.status == 415
    assert member.get("/api/order").status == 405


@pytest.mark.parametrize(
    ("order", "topic", "payload"),
    [
        ({"do": "pause", "paused": False}, "cmd/pause", b'{"paused":false}'),
        ({"do": "policy", "document": "privacy = 'local'"}, "policy/set", b"privacy = 'local'"),
    ],
)
def test_an_order_reaches_the_node_that_it_is_for(
    member: Visitor,
    mosquitto: Broker,
    name: str,
    order: dict[str, object],
    topic: str,
    payload: bytes,
) -> None:
    with App(mosquitto, name, topics=(f"edge/v1/{name}/{topic}",)) as app:
        assert member.post("/api/order", {**order, "node": name}).status == 204
        (message,) = app.wait(lambda m: m.topic.endswith(topic))
        assert message.payload == payload
        assert not message.retain


def test_an_order_that_nobody_takes_says_so(member: Visitor, name: str) -> None:
    page = member.post("/api/order", {"do": "flush", "node": name})
    assert page.status == 409
    assert "nobody listens" in json.loads(page.body)["error"]["message"]


def test_what_is_no_order_is_refused(member: Visitor) -> None:
    assert member.post("/api/order", {"do": "dance", "node": "n"}).status == 400
    assert member.post("/api/order", {"do": "flush", "node": "a/b"}).status == 400
    assert member.post("/api/order", b" " * 200_000).status == 413


def test_a_dashboard_that_only_shows_passes_no_order_on(mosquitto: Broker, name: str) -> None:
    with running_dashboard(mosquitto, read_only=True) as dashboard:
        visitor = Visitor(dashboard.url)
        visitor.sign_in()
        assert json.loads(visitor.get("/api/session").body)["read_only"] is True
        page = visitor.post("/api/order", {"do": "flush", "node": name})
        assert (page.status, error(page.body)) == (403, "read_only")


def test_what_the_broker_does_not_allow_is_told(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read edge/#\n")
    acl.chmod(0o644)
    tmp_path.chmod(0o755)
    with (
        broker(config_extra=f"acl_file {acl}") as strict,
        running_dashboard(strict) as dashboard,
    ):
        visitor = Visitor(dashboard.url)
        visitor.sign_in()
        until(lambda: _is_connected(visitor))
        page = visitor.post("/api/order", {"do": "flush", "node": "kitchen"})
        assert (page.status, error(page.body)) == (403, "policy_denied")


def test_without_a_broker_the_page_says_so_and_orders_fail() -> None:
    with broker() as own, running_dashboard(own) as dashboard:
        visitor = Visitor(dashboard.url)
        visitor.sign_in()
        until(lambda: _is_connected(visitor))
        own.stop()
        until(lambda: not _is_connected(visitor))
        page = visitor.post("/api/order", {"do": "flush", "node": "kitchen"})
        assert page.status == 409
        assert "no connection to the broker" in json.loads(page.body)["error"]["message"]
        own.start()
        until(lambda: _is_connected(visitor))


def test_a_stream_tells_of_a_real_node_and_its_answers(
    member: Visitor, mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with (
        member.stream("/api/stream?texts=1") as events,
        running_node(mosquitto, name, tmp_path, handler=Echo()),
        App(mosquitto, name) as app,
    ):
        app.ask('{"id": "q1", "text": "secret words"}')
        seen: dict[tuple[str, str], Any] = {}
        query: tuple[str, str] = ("query", f"{name}/app/q1")
        node: tuple[str, str] = ("node", name)
        for _, each in events:
            seen.update({(kind, key): record for kind, key, record in each["records"]
                         if key in {name, f"{name}/app/q1"}})  # fmt: skip
            is_answered = seen.get(query, {}).get("state") == "answered"
            if is_answered and seen.get(node, {}).get("status") == "online":
                break
        answered = seen[query]
        assert (answered["source"], answered["confidence"], answered["code"]) == (
            "local", 0.5, "200",
        )  # fmt: skip
        assert seen[node]["info"]["tasks"] == ["ask", "echo"]
        assert "secret" not in json.dumps(list(seen.values()))


def test_a_stop_ends_the_streams_that_are_open(mosquitto: Broker) -> None:
    with contextlib.ExitStack() as stack:
        dashboard = stack.enter_context(running_dashboard(mosquitto))
        visitor = Visitor(dashboard.url)
        visitor.sign_in()
        events = stack.enter_context(visitor.stream())
        assert next(events)[0] == "snapshot"
        dashboard.stop()
        assert [name for name, _ in events if name == "snapshot"] == []


def _is_connected(visitor: Visitor) -> bool:
    with visitor.stream() as events:
        return bool(next(events)[1]["broker"]["connected"])
