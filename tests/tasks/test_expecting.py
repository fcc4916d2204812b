from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.messages import Answer, Request
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.expecting import ExpectingEncoder
from tests.export.families import FAMILIES

TEXTS = ["the quick brown fox", "in the city", "went to the market in the city", "fox " * 90, "x"]


class _Counting(ExpectingEncoder):
    forwards = 0

    def _together(self, *arguments: object, **more: object) -> object:  # type: ignore[override]
        self.forwards += 1
        return super()._together(*arguments, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def fp32(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    pytest.importorskip("transformers", reason="needs the extra `export`")
    from edge_export.convert import Options, convert

    directory = tmp_path_factory.mktemp("encoder")
    source = FAMILIES["roberta-feature-extraction"].save(directory / "source")
    out = directory / "bundle"
    convert(Options(model=str(source), output=out, quantization="fp32", allow_drop=True))
    return Store(None).open(str(out))


@pytest.mark.export
def test_texts_that_come_next_are_read_together_and_each_as_by_itself(fp32: Bundle) -> None:
    alone, together = Encoder(fp32), _Counting(fp32)
    together.expect(TEXTS)
    forwards = together.forwards
    assert forwards < len(TEXTS)
    for text in TEXTS:
        (expected,), (found,) = alone.encode([text]), together.encode([text])
        assert [w.offsets for w in found.windows] == [w.offsets for w in expected.windows]
        np.testing.assert_allclose(found.mean("embedding"), expected.mean("embedding"), atol=2e-5)
    assert together.forwards == forwards
    together.encode(["something else"])
    assert together.forwards == forwards + 1


def test_a_graph_whose_results_depend_on_their_neighbours_reads_each_by_itself() -> None:
    bundle = Store(None).open("assistant")
    alone, together = Encoder(bundle), _Counting(bundle)
    together.expect(TEXTS)
    assert together.forwards == 0
    for text in TEXTS:
        (expected,), (found,) = alone.encode([text]), together.encode([text])
        for name, windows in expected.outputs.items():
            for one, other in zip(windows, found.outputs[name], strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.export
def test_an_assistant_answers_what_it_expected_and_says_what_is_wrong(fp32: Bundle) -> None:
    plain, told = Assistant(fp32), Assistant(fp32)
    requests = [Request(text=text, id=str(n), task="embed") for n, text in enumerate(TEXTS)]
    told.expect([*requests, Request(text=" ", task="embed"), Request(text="a", task="nothing")])
    told.expect(requests)
    for request in requests:
        expected, found = plain.begin(request), told.begin(request)
        assert isinstance(expected, Answer)
        assert isinstance(found, Answer)
        assert found.result is not None
        assert expected.result is not None
        np.testing.assert_allclose(found.result["vector"], expected.result["vector"], atol=2e-5)
