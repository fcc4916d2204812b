"""A headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from websockets.sync.client import connect
from websockets.sync.connection import Connection

PATIENCE_S = 45.0  # a node tells of its health every 30 s

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip


class Page:
    """One tab; every request that it makes and everything that it complains of is kept."""

    def __init__(self, socket: Connection) -> None:
        self.requests: list[str] = []
        self.problems: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            message = json.loads(self._socket.recv(give_up_at - time.monotonic()))
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message}"
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def size(self, width: int, height: int, scheme: Literal["light", "dark"] = "light") -> None:
        """Be a window of this size, a phone if it is narrow."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def open(self, url: str) -> None:
        """Go to a page."""
        self.call("Page.navigate", url=url)

    def value(self, script: str) -> Any:
        """Return what an expression gives; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str) -> Any:
        """Wait until an expression is true, and return what it gives."""
        give_up_at = time.monotonic() + PATIENCE_S
        while not (found := self.value(script)):
            assert time.monotonic() < give_up_at, f"not true: {script}; {self.problems}"
            time.sleep(0.05)
        return found

    def wait_for_text(self, selector: str, text: str) -> None:
        """Wait until an element shows a text."""
        shown = f"(document.querySelector({json.dumps(selector)})?.innerText ?? '')"
        try:
            self.wait(f"{shown}.includes({json.dumps(text)})")
        except AssertionError as exc:
            raise AssertionError(
                f"{selector} shows no {text!r}, but {self.value(shown)!r}"
            ) from exc

    def click(self, selector: str) -> None:
        """Click with the mouse where an element is, as a person does."""
        found = json.dumps(selector)
        self.wait(f"!(document.querySelector({found})?.disabled ?? true) || "
                  f"document.querySelector({found})?.disabled === undefined")  # fmt: skip
        x, y = self.value(
            f"(() => {{ const e = document.querySelector({found});"
            "e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def write(self, selector: str, text: str) -> None:
        """Replace what stands in a field."""
        self.value(f"document.querySelector({json.dumps(selector)}).focus()")
        self.value(f"document.querySelector({json.dumps(selector)}).select()")
        self.call("Input.insertText", text=text)

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Save what the page looks like, all of it or what the window shows."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _note(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.problems.append(f"{parameters['entry']['text']} {parameters['entry'].get('url')}")
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.problems.append(str(parameters["args"]))


def find_chromium() -> str | None:
    """Return the program, None where none is installed; ``CHROMIUM`` may name one."""
    named = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, [named] if named else _NAMES)), None)


@contextlib.contextmanager
def opened_page(program: str) -> Iterator[Page]:
    """Start a browser with a profile of its own, and give its only tab."""
    with tempfile.TemporaryDirectory(prefix="edge-chromium-", ignore_cleanup_errors=True) as home:
        process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={home}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": home},
            start_new_session=True,
        )
        try:
            with connect(_tab(Path(home), process), max_size=None, compression=None) as socket:
                yield Page(socket)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _tab(home: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the address of the DevTools of the tab that is open."""
    port_file = home / "DevToolsActivePort"
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        assert process.poll() is None, f"the browser ended with {process.returncode}"
        assert time.monotonic() < give_up_at, "the browser does not start"
        with contextlib.suppress(OSError, ValueError, IndexError):
            port = int(port_file.read_text().splitlines()[0])
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/json/new?{quote('about:blank')}", method="PUT"
            )
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - on loopback
                address: str = json.load(answer)["webSocketDebuggerUrl"]
                return address
        time.sleep(0.1)
