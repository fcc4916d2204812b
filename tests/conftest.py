from __future__ import annotations

import uuid
from collections.abc import Iterator

import hypothesis
import pytest

from benchmarks.broker import Broker, broker
from tests.endpoint import Endpoint, running_endpoint

# a busy machine is no failure
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("here")


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[Broker]:
    """One broker for all tests that do not stop it."""
    with broker() as running:
        assert running.protocol == "5", "these tests need mosquitto"
        yield running


@pytest.fixture
def name() -> str:
    """A node name that no other test uses."""
    return f"node-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """An OpenAI-compatible endpoint."""
    with running_endpoint() as running:
        yield running
