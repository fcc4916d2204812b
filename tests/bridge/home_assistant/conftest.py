from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker, broker
from tests.bridge.harness import DEADLINE_S, until

PROGRAM = Path(__file__).with_name("running.py")
ASSETS = Path(__file__).parents[3] / "devices/edge_devices/assets/home_assistant"
NAMES = re.compile(r" homeassistant\.(components\.(mqtt|script|automation)|helpers\.template)\b")
CONFIGURATION = """\
homeassistant:
  packages: !include_dir_named packages
http:
  server_host: 127.0.0.1
  server_port: {port}
"""


class HomeAssistant:
    """A real Home Assistant with its MQTT integration, in a process of its own."""

    def __init__(self, python: str, own: Broker, directory: Path) -> None:
        self._errors = directory / "stderr"
        packages = directory / "packages"
        packages.mkdir()
        shutil.copy(ASSETS / "edge_runtime.yaml", packages)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            configuration = CONFIGURATION.format(port=probe.getsockname()[1])
        (directory / "configuration.yaml").write_text(configuration)
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [python, str(PROGRAM), str(directory), own.host, str(own.port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._answer() == "ready", self._errors.read_text()

    def __call__(self, *command: Any) -> Any:
        assert self._process.stdin is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        return self._answer()

    def state(self, entity: str) -> str | None:
        found = self("states").get(entity)
        return None if found is None else str(found["state"])

    def until(self, entity: str, state: str | None) -> None:
        until(lambda: self.state(entity) == state, f"{entity} {state}")

    def has_run(self, automation: str) -> bool:
        found = self("states").get(f"automation.{automation}")
        return found is not None and found["attributes"]["last_triggered"] is not None

    def complaints(self) -> list[str]:
        """Return what its log holds against the device or the examples."""
        lines = self._errors.read_text().splitlines()
        # what it says whenever a device is removed
        return [each for each in lines if NAMES.search(each) and "to cleanup" not in each]

    def stop(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip() or self._process.stdout.readline()
        return json.loads(line) if line else None


@pytest.fixture(scope="session")
def home_assistant_python() -> str:
    """The Python that has Home Assistant: this one, or that of HOME_ASSISTANT_PYTHON."""
    python = os.environ.get("HOME_ASSISTANT_PYTHON", sys.executable)
    done = subprocess.run(
        [python, "-c", "import homeassistant.components.mqtt, hassil"], capture_output=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("needs a Python with Home Assistant: HOME_ASSISTANT_PYTHON=…/bin/python")
    return python


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[Broker]:
    """A broker without the devices of other tests."""
    with broker() as running:
        yield running


@pytest.fixture(scope="module")
def home_assistant(
    home_assistant_python: str, mosquitto: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HomeAssistant]:
    running = HomeAssistant(home_assistant_python, mosquitto, tmp_path_factory.mktemp("ha"))
    yield running
    running.stop()
