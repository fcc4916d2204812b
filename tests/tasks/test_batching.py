from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the extra `export`")

import onnx
from onnx import helper

from edge_runtime.bundles.manifest import Head
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BundleError
from edge_runtime.inference.resources import Resources
from edge_runtime.inference.tokenizer import Window
from edge_runtime.tasks.batching import SharedEncoder
from edge_runtime.tasks.encoder import Encoder, Floats
from tests.tasks.graphs import Form, bundle_of, table

pytestmark = pytest.mark.export

HEADS = {
    "v": Head(type="embedding", output="vector", pooling="mean"),
    "t": Head(type="tagging", output="tags", labels=["O", "B-x"]),
}
ONE_AT_A_TIME = Resources(threads=os.cpu_count() or 1, spinning=False)


class Watched(SharedEncoder):
    """Notes how many texts run together, and can be held in the middle of a run."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle, ONE_AT_A_TIME)
        self.sizes: list[int] = []
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def _run(self, windows: Sequence[Window], heads: dict[str, Head]) -> list[dict[str, Floats]]:
        self.sizes.append(len(windows))
        self.entered.set()
        assert self.go_on.wait(30)
        return super()._run(windows, heads)

    def queue(self, calls: Sequence[Callable[[], object]]) -> list[object]:
        """Start the first call, let all others queue up behind it, and return what they gave."""
        results: list[object] = [None] * len(calls)

        def work(place: int) -> None:
            try:
                results[place] = calls[place]()
            except Exception as exc:  # noqa: BLE001 - it is the result
                results[place] = exc

        self.entered.clear()
        self.go_on.clear()
        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(calls))]
        threads[0].start()
        assert self.entered.wait(30)
        for thread in threads[1:]:
            thread.start()
        while len(self._waiting) < len(calls) - 1 and any(t.is_alive() for t in threads[1:]):
            time.sleep(0.001)
        self.go_on.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        return results


def _bundle(directory: Path) -> Bundle:
    letters = {chr(c): [c % 7, c % 5, 1] for c in range(ord("a"), ord("z") + 1)}
    tables = {"vector": table(3, letters), "tags": table(2, {"a": [0, 1]})}
    tables["vector"][1] = 99  # padding
    return bundle_of(directory, HEADS, tables, Form(max_length=64))


def _calls(
    encoder: Encoder, texts: Sequence[str], heads: Collection[str] | None = None
) -> list[Callable[[], object]]:
    return [lambda text=text: encoder.encode([text], heads)[0] for text in texts]  # type: ignore[misc]


def test_what_queues_up_runs_together_and_gives_what_each_would_alone(tmp_path: Path) -> None:
    encoder, texts = Watched(_bundle(tmp_path)), ["first", "abc", "xyza", "hello", "baab"]
    found = encoder.queue(_calls(encoder, texts))
    assert encoder.sizes == [1, 4]
    plain = Encoder(encoder.bundle)
    for text, encoding in zip(texts, found, strict=True):
        alone = plain.encode([text])[0]
        assert encoding.text == text  # type: ignore[attr-defined]
        for head in HEADS:
            assert np.array_equal(encoding.outputs[head][0], alone.outputs[head][0])  # type: ignore[attr-defined]


def test_long_texts_do_not_make_short_ones_wait_in_their_padding(tmp_path: Path) -> None:
    encoder = Watched(_bundle(tmp_path))
    encoder.queue(_calls(encoder, ["first", "ab", "a" * 58, "cd", "b" * 58]))
    assert sorted(encoder.sizes[1:]) == [2, 2]


def test_long_texts_run_together_only_without_padding(tmp_path: Path) -> None:
    encoder = Watched(_bundle(tmp_path))
    encoder.queue(_calls(encoder, ["first", "a" * 62, "b" * 61, "c" * 62]))
    assert sorted(encoder.sizes[1:]) == [1, 2]


def test_a_batch_has_no_more_tokens_than_is_good(tmp_path: Path) -> None:
    encoder = Watched(_bundle(tmp_path))
    encoder.queue(_calls(encoder, ["a", *("b" * 62 for _ in range(10))]))
    assert encoder.sizes[1:] == [8, 2]


def test_each_gets_the_heads_that_it_asked_for(tmp_path: Path) -> None:
    encoder = Watched(_bundle(tmp_path))
    calls = [*_calls(encoder, ["a"], ["v"]), *_calls(encoder, ["b"], ["t"]),
             *_calls(encoder, ["c"], ["v"]), *_calls(encoder, ["d"])]  # fmt: skip
    found = encoder.queue(calls)
    assert encoder.sizes == [1, 3]
    outputs = [set(each.outputs) for each in found]  # type: ignore[attr-defined]
    assert outputs == [{"v"}, {"t"}, {"v"}, {"v", "t"}]


def test_an_error_is_of_the_text_that_it_belongs_to(tmp_path: Path) -> None:
    tables = {"vector": table(2, {"n": [np.nan, 0]}), "tags": table(2, {})}
    bundle = bundle_of(tmp_path, HEADS, tables)
    encoder = Watched(bundle)
    found = encoder.queue(_calls(encoder, ["first", "good", "nil", "safe"]))
    assert [isinstance(each, BundleError) for each in found] == [False, False, True, False]
    assert encoder.encode(["free"])


def test_a_dynamic_graph_answers_each_by_itself_and_at_once(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path)
    model = onnx.load(bundle.path / "model.onnx")
    model.graph.node.append(helper.make_node("DynamicQuantizeLinear", ["tags"], ["q", "s", "z"]))
    onnx.save(model, bundle.path / "model.onnx")
    encoder = Watched(bundle)
    encoder.queue(_calls(encoder, ["first", "abc", "xyz", "hello"]))
    assert encoder.sizes == [1, 1, 1, 1]


def test_a_call_alone_is_not_held_up(tmp_path: Path) -> None:
    encoder = Watched(_bundle(tmp_path))
    for _ in range(3):
        encoder.encode(["abc"])
    assert encoder.sizes == [1, 1, 1]


def test_many_threads_get_their_own_results(tmp_path: Path) -> None:
    shared, plain = SharedEncoder(_bundle(tmp_path)), Encoder(_bundle(tmp_path))
    texts = [f"{'abcdefgh'[i % 8]}{'z' * (i % 13)}" for i in range(64)]
    expected = {text: plain.encode([text])[0].outputs["v"][0] for text in texts}
    wrong: list[str] = []

    def work(start: int) -> None:
        for place in range(200):
            text = texts[(start + place) % len(texts)]
            if not np.array_equal(shared.encode([text])[0].outputs["v"][0], expected[text]):
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert wrong == []
