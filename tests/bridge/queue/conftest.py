"""A broker for each test: a worker serves all nodes of a broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.broker import Broker, broker


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    with broker() as running:
        yield running
