from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from benchmarks.broker import Broker, broker
from tests.bridge.contract.watching import taps, wire  # noqa: F401 - fixtures
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
def own_broker() -> Iterator[Broker]:
    """A broker for one test, which may stop it: a worker serves all nodes of a broker."""
    with broker() as running:
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


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "wire(topic, ...): sends there what is not in asyncapi.yaml")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--data", type=Path, help="the public data sets, for tests that need them")


@pytest.fixture(scope="session")
def data(request: pytest.FixtureRequest) -> Path:
    """The directory of the public data sets."""
    directory: Path | None = request.config.getoption("--data")
    if directory is None:
        pytest.skip("needs the public data sets: --data=DIR")
    return directory


@pytest.fixture(scope="session")
def tiny_decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a fused fp32 bundle that generates and chats; its model is beside it."""
    pytest.importorskip("transformers", reason="needs the extra `export`")
    from edge_export.convert import Options, convert
    from tests.tiny_decoder import save_tiny_decoder

    directory = tmp_path_factory.mktemp("decoder")
    source = save_tiny_decoder(directory / "source")
    out = directory / "tiny"
    convert(Options(model=str(source), output=out, quantization="fp32", allow_drop=True))
    return out
