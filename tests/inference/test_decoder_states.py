"""The hidden states that a decoder hands over, on a tiny one whose head is its table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.inference.decoder import STATES, Decoder
from edge_runtime.inference.session import Session

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx", reason="needs the extra `export`")
pytestmark = pytest.mark.export

IDS = np.random.default_rng(1).integers(3, 250, 64).tolist()


@pytest.fixture(scope="module")
def session(tiny_decoder: Path) -> Session:
    return Session(tiny_decoder / "model.onnx", optimization="basic")


@pytest.fixture(scope="module")
def table(tiny_decoder: Path) -> npt.NDArray[np.float32]:
    model = onnx.load(tiny_decoder / "model.onnx")
    (found,) = [each for each in model.graph.initializer if each.name == "embed_tokens.weight"]
    return np.asarray(onnx.numpy_helper.to_array(found), dtype=np.float32)


@pytest.fixture(scope="module")
def stateless(tiny_decoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """As bundles were that were exported before graphs gave their states."""
    model = onnx.load(tiny_decoder / "model.onnx")
    (output,) = [each for each in model.graph.output if each.name == STATES]
    model.graph.output.remove(output)
    path = tmp_path_factory.mktemp("stateless") / "model.onnx"
    onnx.save(model, path)
    return Session(path, optimization="basic")


@pytest.mark.parametrize("kv_cache", ["shared", "growing"])
@pytest.mark.parametrize(("count", "keep"), [(1, 1), (7, 1), (7, 3), (64, 1), (64, 64)])
def test_the_state_is_what_the_last_logits_are_made_of(
    session: Session,
    table: npt.NDArray[np.float32],
    kv_cache: Literal["shared", "growing"],
    count: int,
    keep: int,
) -> None:
    decoder = Decoder(session, kv_cache, 128)
    assert decoder.watch()

    logits = decoder.forward(IDS[:count], keep=keep)

    assert decoder.state is not None
    assert decoder.state.shape == (decoder.state_width,)
    np.testing.assert_allclose(decoder.state @ table.T, logits[-1], atol=2e-4)


def test_steps_write_the_state_into_the_same_memory(session: Session) -> None:
    decoder = Decoder(session, "shared", 128)
    decoder.watch()
    places = set()
    for token in IDS[:8]:
        decoder.forward([token])
        assert decoder.state is not None
        places.add(decoder.state.ctypes.data)

    assert len(places) == 1


def test_logits_are_bit_for_bit_those_without_the_state(
    session: Session, stateless: Session
) -> None:
    watching, plain, older = (
        Decoder(each, "shared", 128) for each in (session, session, stateless)
    )
    watching.watch()
    for part in (IDS[:40], IDS[40:43], IDS[43:44], IDS[44:45]):
        wanted = older.forward(part).copy()
        np.testing.assert_array_equal(plain.forward(part), wanted)
        np.testing.assert_array_equal(watching.forward(part), wanted)


def test_who_did_not_ask_gets_no_state(session: Session) -> None:
    decoder = Decoder(session, "shared", 128)
    for part in (IDS[:40], IDS[40:41], IDS[41:42]):
        decoder.forward(part)
        assert decoder.state is None


def test_who_asks_later_gets_it_from_then_on(session: Session) -> None:
    decoder = Decoder(session, "shared", 128)
    decoder.forward(IDS[:1])
    decoder.watch()
    decoder.forward(IDS[1:2])

    assert decoder.state is not None


@pytest.mark.parametrize("kv_cache", ["shared", "growing"])
def test_a_graph_without_states_runs_and_gives_none(
    stateless: Session, kv_cache: Literal["shared", "growing"]
) -> None:
    decoder = Decoder(stateless, kv_cache, 128)

    assert not decoder.watch()
    assert decoder.state_width == 0
    decoder.forward(IDS[:40])
    decoder.forward(IDS[40:41])
    assert decoder.state is None
