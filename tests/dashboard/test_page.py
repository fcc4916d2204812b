"""The page in a real browser, with a real node, worker and broker."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.broker import broker
from tests.bridge.harness import App, Scripted, running_worker
from tests.dashboard.chromium import Page, find_chromium, opened_page
from tests.dashboard.saying import health, said
from tests.dashboard.visiting import TOKEN, running_dashboard

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium: apt-get install chromium, or CHROMIUM=PROGRAM"
)

NODE = "kitchen"
PHONE = (360, 780)
DESKTOP = (1280, 900)
SURE = "turn on the light in the kitchen"
UNSURE = "why does bread rise more slowly when it is cold"

# text on what is behind it, as WCAG 2.2 measures it, for every element that shows text
CONTRAST = """
(() => {
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = rgb(getComputedStyle(each).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("#app *:not(svg *)")) {
    const shows = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!shows || !element.checkVisibility() || element.disabled) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${element.className} ${element.textContent}: ${ratio.toFixed(2)}`);
  }
  return found;
})()
"""
NAMELESS = """
[...document.querySelectorAll("button, input, textarea, [role=img], [role=region]")]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.innerText?.trim() || e.labels?.length || e.getAttribute("aria-label")
                   || e.getAttribute("aria-labelledby")))
  .map((e) => e.outerHTML)
"""


@dataclass
class Stage:
    page: Page
    app: App
    node: subprocess.Popen[bytes]
    url: str

    def show(self, size: tuple[int, int] = DESKTOP) -> Page:
        """Open the page anew, signed in, and wait for the node."""
        self.page.size(*size)
        self.page.open("about:blank")
        self.page.open(f"{self.url}#token={TOKEN}")
        self.page.wait_for_text("#nodes", NODE)
        return self.page


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    assert CHROMIUM is not None
    state = tmp_path_factory.mktemp("node")
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(broker())
        stack.enter_context(running_worker(own, Scripted()))
        # before the node, which tells of its health as soon as it is connected
        dashboard = stack.enter_context(running_dashboard(own, texts=True))
        node = stack.enter_context(_serving(own.url, state))
        app = stack.enter_context(App(own, NODE, client="panel"))
        app.wait(lambda m: m.topic == f"{app.root}/status" and m.payload == b"online")
        page = stack.enter_context(opened_page(CHROMIUM))
        yield Stage(page, app, node, dashboard.url)
        assert page.problems == []
        # nothing was asked of anybody else
        origins = {urlsplit(url)._replace(path="", query="", fragment="").geturl()
                   for url in page.requests if not url.startswith("about:")}  # fmt: skip
        assert origins == {dashboard.url.rstrip("/")}


@contextlib.contextmanager
def _serving(url: str, state: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_runtime.cli.app", "serve", "--broker", url, "--node", NODE],
        env={**os.environ, "EDGE_STATE": str(state), "EDGE_CONFIG": os.devnull,
             "EDGE_SOCKET": "off"},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_url_signs_in_and_keeps_no_token(stage: Stage) -> None:
    page = stage.show()
    page.wait_for_text("#nodes", "online")
    page.wait_for_text("#workers", "scripted")
    assert TOKEN not in page.value("location.href")
    assert page.value("document.cookie") == ""  # HttpOnly


def test_a_query_appears_with_its_decision_and_its_text_only_on_demand(stage: Stage) -> None:
    page = stage.show()
    stage.app.ask(json.dumps({"id": "sure", "text": SURE}))
    page.wait_for_text("#queries", "on the device")
    page.wait_for_text("#queries", "panel → kitchen")
    assert SURE not in page.value("document.body.innerText")
    page.click("#texts")
    page.wait_for_text("#queries", SURE)


def test_an_escalated_query_shows_the_large_model(stage: Stage) -> None:
    page = stage.show()
    correlation = stage.app.send(json.dumps({"id": "unsure", "text": UNSURE}))
    stage.app.wait(lambda m: m.correlation == correlation and b'"cloud"' in m.payload)
    page.wait_for_text("#queries", "large model")
    page.wait_for_text("#events", "escalated")


def test_what_people_write_is_text_and_never_markup(stage: Stage) -> None:
    page = stage.show()
    page.click("#texts")
    stage.app.ask(
        json.dumps({"id": "markup", "text": "turn on <img src=x onerror=alert(1)> light"})
    )
    page.wait_for_text("#queries", "<img src=x onerror=alert(1)>")
    assert page.value("document.querySelectorAll('#queries img').length") == 0


def test_risk_queue_and_policy_of_a_node_are_shown(stage: Stage) -> None:
    page = stage.show()
    page.wait_for_text("#policy", "redact")
    page.wait_for_text("#risk", "Certainty")
    page.wait_for_text("#counts", "Answered")
    page.wait_for_text("#board", "MB")
    page.wait_for_text("#board", "Pace")


@pytest.mark.wire("edge/v1/attic/*")
def test_a_node_that_is_too_hot_says_so_at_a_glance_and_in_full(stage: Stage) -> None:
    page = stage.show()
    pace = {"level": "shed", "reason": "temperature 79 °C >= 78 °C"}
    for room, content in (("status", b"online"), ("health", health(pace=pace))):
        stage.app.connection.publish(said(f"edge/v1/attic/{room}", content))
    page.wait_for_text("#nodes", "refuses long tasks")
    page.click("[data-node=attic]")
    page.wait_for_text("#board", "refuses long tasks: temperature 79 °C")
    stage.app.connection.publish(said("edge/v1/attic/status"))
    page.wait("!document.querySelector('[data-node=attic]')")


def test_a_wrong_policy_says_why_and_a_right_one_is_in_force_after_a_review(stage: Stage) -> None:
    page = stage.show()
    page.wait_for_text("#policy", "redact")
    page.click("#edit-policy")
    document = json.loads(page.value("document.querySelector('#document').value"))
    for privacy in ("clod", "local"):
        page.write("#document", json.dumps({**document, "privacy": privacy}))
        page.click("#policy-next")
        page.wait_for_text("#review-list", f'privacy: "redact" → "{privacy}"')
        page.click("#policy-next")
        if privacy == "clod":
            page.wait_for_text("#policy-problem", "clod")
    page.wait("!document.querySelector('#policy-dialog').open")
    page.wait_for_text("#policy", "local")
    page.wait_for_text("#outcome", "is in force")
    answer = stage.app.ask(json.dumps({"id": "kept here", "text": UNSURE}))
    assert answer.source == "local"


def test_a_node_is_paused_and_goes_on(stage: Stage) -> None:
    page = stage.show()
    page.click("#pause")
    page.wait_for_text("#outcome", "Done.")
    page.wait_for_text("#node-status", "paused")
    page.wait_for_text("#pause", "Resume escalations")
    page.click("#pause")
    page.wait_for_text("#node-status", "online")


def test_what_waits_is_sent_only_after_a_yes(stage: Stage) -> None:
    page = stage.show()
    page.click("#flush")
    page.wait_for_text("#confirm", "may cost money")
    page.click("#confirm-no")
    page.wait("!document.querySelector('#confirm').open")
    assert page.value("document.querySelector('#outcome').innerText") == ""
    page.click("#flush")
    page.click("#confirm-yes")
    page.wait_for_text("#outcome", "Done.")


@pytest.mark.parametrize("width", [360, 620, 820, 1180, 1920])
def test_nothing_scrolls_sideways_at_any_width(stage: Stage, width: int) -> None:
    page = stage.show((width, 800))
    page.wait_for_text("#policy", "Privacy")
    page.click("#edit-policy")
    for scroller in ("document.documentElement", "document.querySelector('#policy-dialog')"):
        scroll, client = page.value(f"[{scroller}.scrollWidth, {scroller}.clientWidth]")
        assert scroll == client


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_text_stands_out_and_everything_has_a_name(
    stage: Stage, size: tuple[int, int], scheme: str
) -> None:
    page = stage.show(size)
    page.size(*size, "dark" if scheme == "dark" else "light")
    page.wait_for_text("#policy", "Privacy")
    assert page.value(CONTRAST) == []
    assert page.value(NAMELESS) == []


def test_a_node_that_stops_is_offline_and_takes_no_orders(stage: Stage) -> None:
    page = stage.show()
    stage.node.terminate()
    page.wait_for_text("#nodes", "offline")
    page.wait("document.querySelector('#pause').disabled")


def test_signing_out_shows_the_way_back_in(stage: Stage) -> None:
    page = stage.show()
    page.click("#sign-out")
    page.wait("document.querySelector('#sign-in')?.checkVisibility()")
    page.problems.clear()  # Chromium notes the answer 401, which is the point
    assert NODE not in page.value("document.body.innerText")
    page.write("#token", "wrong")
    page.click("#sign-in-form button")
    page.wait_for_text("#sign-in-error", "not the token")
    page.write("#token", TOKEN)
    page.click("#sign-in-form button")
    page.wait_for_text("#nodes", NODE)
    page.problems.clear()
