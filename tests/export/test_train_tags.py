"""Targets and losses of tagging heads: what may be right, what nobody looked for."""

import random
from pathlib import Path

import pytest

pytestmark = pytest.mark.export
torch = pytest.importorskip("torch")

from edge_export.train.batches import IGNORED, Tokeniser, collate, sample_epoch  # noqa: E402
from edge_export.train.examples import Example, Span, read_examples  # noqa: E402
from edge_export.train.losses import _tagging_loss  # noqa: E402
from edge_export.train.recipe import Head, Recipe, Source  # noqa: E402
from edge_runtime.bundles.store import Store  # noqa: E402
from edge_runtime.inference.tokenizer import Tokenizer  # noqa: E402

LABELS = {"entities": ["PERSON", "PRODUCT", "OTHER"]}


@pytest.fixture(scope="module")
def tokeniser() -> Tokeniser:
    recipe = Recipe(
        name="tags",
        sources=[Source(head="entities", train=["x.conll"])],
        heads={"entities": Head(type="tagging", labels=LABELS["entities"])},
    )
    tokenizer = Tokenizer(Store(None).open().path / "tokenizer.json", max_length=32)
    return Tokeniser(tokenizer, recipe, LABELS)


def _rng(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same texts each time


def _loss(tokeniser: Tokeniser, example: Example, **logits: float) -> float:
    """Return the loss when every token has these logits, by label, and 0 for the others."""
    [item] = tokeniser.items([(example,)], {})
    outputs = ["O", *(f"{p}_{label}" for label in LABELS["entities"] for p in "BI")]
    row = torch.tensor([logits.get(name, 0.0) for name in outputs])
    tokens = collate([item], 0).ids.shape[1]
    return float(_tagging_loss(row.expand(1, tokens, -1), [item.targets["entities"]]))


def test_any_of_several_labels_is_right(tokeniser: Tokeniser) -> None:
    text = "Kindle"
    either = Example(text, "entities", "s", spans=(Span(0, 6, "PRODUCT|OTHER"),))
    assert _loss(tokeniser, either, B_PRODUCT=20, I_PRODUCT=20) < 1
    assert _loss(tokeniser, either, B_OTHER=20, I_OTHER=20) < 1
    assert _loss(tokeniser, either, B_PERSON=20, I_PERSON=20) > 10


def test_what_was_not_looked_for_costs_nothing(tokeniser: Tokeniser) -> None:
    plain = Example("Kindle", "entities", "s", covers=("PERSON",))
    assert _loss(tokeniser, plain, O=5, B_PRODUCT=50) == pytest.approx(
        _loss(tokeniser, plain, O=5), abs=1e-4
    )
    assert _loss(tokeniser, plain, O=5, B_PERSON=50) > 10


def test_unknown_tokens_are_left_out(tokeniser: Tokeniser) -> None:
    example = Example("Kindle", "entities", "s", spans=(Span(0, 6, None),))
    [item] = tokeniser.items([(example,)], {})
    tags = item.targets["entities"].tags
    assert tags is not None
    assert (tags == IGNORED).all()
    assert _loss(tokeniser, example, B_PERSON=50) == 0


def test_what_a_pattern_calls_unknown_is_no_span_and_no_text_without_one(tmp_path: Path) -> None:
    (tmp_path / "t.conll").write_text("@ann\tO\nmet\tO\n@bob\tB-person\n")
    source = Source(
        head="entities", name="t", train=["t.conll"], unknown=r"@\w+", map={"person": "PERSON"}
    )
    [example] = read_examples(source, Head(type="tagging"), tmp_path, split="train")
    assert {(s.start, s.end, s.label) for s in example.spans} == {(0, 4, None), (9, 13, "PERSON")}


def test_sources_with_the_same_rows_draw_the_same(tokeniser: Tokeniser) -> None:
    del tokeniser
    texts = [f"text {i}" for i in range(50)]
    rows = {head: [Example(text, head, head) for text in texts] for head in ("a", "b")}
    sources = [Source(head=head, name=head, rows=7) for head in ("a", "b")]
    epoch = sample_epoch(rows, sources, _rng(1))
    assert [e.text for e in epoch[:7]] == [e.text for e in epoch[7:]]
    assert [e.text for e in epoch] != [e.text for e in sample_epoch(rows, sources, _rng(2))]
