from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.bundles.store import Store
from edge_runtime.errors import BadRequestError, BundleError
from edge_runtime.inference.decoder import Decoder
from edge_runtime.inference.generate import pieces
from edge_runtime.inference.session import Session

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx", reason="needs the extra `export`")
pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def session(tiny_decoder: Path) -> Session:
    graph = Store(None).open(str(tiny_decoder)).manifest.graph
    return Session(tiny_decoder / graph.file, optimization=graph.optimization)


def _all(decoder: Decoder, ids: list[int], *lengths: int) -> npt.NDArray[np.float32]:
    """Logits after each token, read in parts of some lengths."""
    rows, at = [], 0
    for length in (*lengths, len(ids) - sum(lengths)):
        rows.append(decoder.forward(ids[at : at + length], keep=length).copy())
        at += length
    return np.concatenate(rows)


@pytest.mark.parametrize("kv_cache", ["shared", "growing"])
@pytest.mark.parametrize("lengths", [(1, 1, 1), (5, 40), (63,), (1, 33)])
def test_parts_give_the_logits_of_the_whole(
    session: Session, kv_cache: str, lengths: tuple[int, ...]
) -> None:
    ids = np.random.default_rng(1).integers(3, 250, 64).tolist()
    decoder = Decoder(session, kv_cache, 128)  # type: ignore[arg-type]
    whole = _all(decoder, ids)
    decoder.reset()
    np.testing.assert_allclose(_all(decoder, ids, *lengths), whole, atol=2e-4)


@pytest.mark.parametrize("kv_cache", ["shared", "growing"])
def test_what_is_rewound_is_forgotten(session: Session, kv_cache: str) -> None:
    decoder = Decoder(session, kv_cache, 64)  # type: ignore[arg-type]
    first = decoder.forward([5, 6, 7]).copy()
    decoder.forward([8, 9])
    decoder.rewind(2)
    assert decoder.tokens == [5, 6]
    np.testing.assert_allclose(decoder.forward([7]), first, atol=2e-4)


def test_rows_of_a_batch_go_on_where_they_are_told(session: Session) -> None:
    decoder = Decoder(session, "growing", 64)
    decoder.reset(batch=2)
    decoder.forward_batch(np.array([[5, 6], [7, 8]]))
    decoder.reorder([1, 1])
    both = decoder.forward_batch(np.array([[9], [9]]))
    decoder.reset()
    alone = decoder.forward([7, 8, 9])
    np.testing.assert_allclose(both[:, 0], np.stack([alone[0], alone[0]]), atol=2e-4)


def test_a_sequence_longer_than_the_cache_is_an_error(session: Session) -> None:
    decoder = Decoder(session, "shared", 8)
    decoder.forward([3] * 8)
    with pytest.raises(BadRequestError, match="the model reads 8"):
        decoder.forward([3])


@pytest.mark.parametrize("count", [1, 255, 256, 257, 300, 513])
def test_a_prompt_is_read_in_pieces_none_of_a_single_token(count: int) -> None:
    parts = list(pieces(range(count)))
    assert [token for part in parts for token in part] == list(range(count))
    assert max(map(len, parts)) <= 256
    assert min(map(len, parts)) >= min(2, count)


def _changed(directory: Path, out: Path, change: Callable[..., None]) -> Session:
    model = onnx.load(directory / "model.onnx")
    change(model.graph)
    onnx.save(model, out / "model.onnx")
    return Session(out / "model.onnx", optimization="basic")


def _without_a_past(graph: onnx.GraphProto) -> None:
    (name,) = [each for each in graph.input if each.name == "past_key_values.1.key"]
    graph.input.remove(name)
    zeros = np.zeros((1, 2, 64, 16), dtype=np.float32)
    graph.initializer.append(onnx.numpy_helper.from_array(zeros, name.name))


def _without_logits(graph: onnx.GraphProto) -> None:
    (output,) = [each for each in graph.output if each.name == "logits"]
    graph.output.remove(output)


def _with_a_mood(graph: onnx.GraphProto) -> None:
    graph.input.append(onnx.helper.make_tensor_value_info("mood", onnx.TensorProto.FLOAT, [1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without_a_past, "no input 'past_key_values.1.key'"),
        (_without_logits, "no decoder with a KV cache"),
        (_with_a_mood, "wants an input 'mood' that this task does not give"),
    ],
)
def test_a_graph_that_is_not_right_is_named_with_what_is_wrong(
    tiny_decoder: Path, tmp_path: Path, change: Callable[..., None], message: str
) -> None:
    with pytest.raises(BundleError, match=message) as raised:
        Decoder(_changed(tiny_decoder, tmp_path, change), "shared", 64).forward([3, 4])
    assert str(tmp_path / "model.onnx") in str(raised.value)


def test_logits_that_are_no_numbers_are_an_error(tiny_decoder: Path, tmp_path: Path) -> None:
    def poison(graph: onnx.GraphProto) -> None:
        for each in graph.initializer:
            if each.name.endswith("norm.weight") and "layers" not in each.name:
                value = onnx.numpy_helper.to_array(each).copy()
                value[0] = np.nan
                each.CopyFrom(onnx.numpy_helper.from_array(value, each.name))

    decoder = Decoder(_changed(tiny_decoder, tmp_path, poison), "shared", 64)
    with pytest.raises(BundleError, match="logits that are not numbers"):
        decoder.forward([3, 4])
