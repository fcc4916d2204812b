"""Data files of users: what is read, what is refused with file and line, and how it is divided."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from edge_export.train.examples import Example, Span, read_examples
from edge_export.train.network import head_labels
from edge_export.train.parts import Parts, divide
from edge_export.train.recipe import Head, Recipe, Source, Training
from edge_runtime.errors import ConfigError

pytestmark = pytest.mark.export

TAGS = {
    "bio": ["B-PER", "I-PER", "O", "B-LOC", "B-LOC", "O", "B-PER"],
    "iob1": ["I-PER", "I-PER", "O", "I-LOC", "B-LOC", "O", "I-PER"],
    "bilou": ["B-PER", "L-PER", "O", "U-LOC", "U-LOC", "O", "U-PER"],
    "iobes": ["B-PER", "E-PER", "O", "S-LOC", "S-LOC", "O", "S-PER"],
}
TOKENS = ["Ada", "Lovelace", "left", "London", "Paris", "with", "Tim"]


def read(path: Path, content: str, kind: str = "tagging", **settings: object) -> list[Example]:
    path.write_text(content)
    source = Source(head="x", name="mine", train=[path.name], **settings)  # type: ignore[arg-type]
    return read_examples(source, Head(type=kind), path.parent, split="train")  # type: ignore[arg-type]


def test_conll_handles_are_one_word(tmp_path: Path) -> None:
    content = "RT\tO\n@\tB-PER\nada\tB-PER\nand\tO\n@\tB-PER\ntim\tB-PER\nin\tO\nParis\tB-LOC\n"
    names = {"PER": "PERSON", "LOC": "LOCATION"}
    example = read(tmp_path / "x.conll", content, map=names)[0]
    assert example.text == "RT @ada and @tim in Paris"
    assert example.spans == (
        Span(3, 7, "PERSON"), Span(12, 16, "PERSON"), Span(20, 25, "LOCATION"),
    )  # fmt: skip


def test_a_handle_annotated_without_its_sign_is_still_one_word(tmp_path: Path) -> None:
    example = read(
        tmp_path / "x.conll", "RT\tO\n@\tO\nada\tB-PER\nlovelace\tI-PER\n@\tO\ntim\tO\n"
    )[0]
    assert example.text == "RT @ada lovelace @tim"
    assert example.spans == (Span(3, 16, "PER"),)


@pytest.mark.parametrize("scheme", TAGS)
@pytest.mark.parametrize("separator", ["\t", " ", "\tNNP\tB-NP\t", " NNP B-NP "])
def test_conll_is_read_in_every_tag_scheme_and_with_more_columns(
    tmp_path: Path, scheme: str, separator: str
) -> None:
    lines = [f"{token}{separator}{tag}" for token, tag in zip(TOKENS, TAGS[scheme], strict=True)]
    content = "-DOCSTART- -X- -X- O\n\n" + "\n".join(lines) + "\n\n\nBye O\n"
    first, second = read(tmp_path / "x.conll", content)
    assert first.text == "Ada Lovelace left London Paris with Tim"
    assert first.spans == (
        Span(0, 12, "PER"), Span(18, 24, "LOC"), Span(25, 30, "LOC"), Span(36, 39, "PER"),
    )  # fmt: skip
    assert (second.text, second.spans) == ("Bye", ())


def test_a_tag_after_another_word_begins_a_new_span(tmp_path: Path) -> None:
    example = read(tmp_path / "x.conll", "Ada\tB-PER\nmet\tO\nTim\tI-PER\n")[0]
    assert example.spans == (Span(0, 3, "PER"), Span(8, 11, "PER"))


@pytest.mark.parametrize("field", ["spans", "slots"])
@pytest.mark.parametrize("name", ["label", "slot"])
def test_json_spans_go_by_either_name(tmp_path: Path, field: str, name: str) -> None:
    row = {"text": "a latte", field: [{"start": 2, "end": 7, name: "drink"}]}
    assert read(tmp_path / "x.jsonl", json.dumps(row))[0].spans == (Span(2, 7, "drink"),)


def test_a_label_stands_under_label_or_the_name_of_the_head(tmp_path: Path) -> None:
    named = read(tmp_path / "x.tsv", "x\ttext\nyes\tsure thing\n", "classification")
    given = read(tmp_path / "y.jsonl", '{"text": "sure thing", "label": 1}', "classification")
    assert (named[0].label, given[0].label) == ("yes", "1")


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_data(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    examples = read(path, "\ufefflabel\ttext\r\nyes\tsure\r\n", "classification")
    assert [(e.label, e.text) for e in examples] == [("yes", "sure")]


def test_a_label_with_a_comma_is_a_label(tmp_path: Path) -> None:
    content = "label\ttext\nBonn, Germany\twhere am i\n"
    assert read(tmp_path / "x.tsv", content, "classification")[0].label == "Bonn, Germany"


@pytest.mark.parametrize(
    ("name", "content", "kind", "says"),
    [
        ("x.tsv", "label\ttxt\nyes\tsure\n", "classification", r"x.tsv:2: no 'text'; .*'txt'"),
        ("x.tsv", "text\nsure\n", "classification", "x.tsv:2: no 'label' or 'x'"),
        ("x.tsv", "label\ttext\nyes\n", "classification", "x.tsv:2: 1 columns, .* has 2: label"),
        ("x.tsv", "label\ttext\n\tsure\n", "classification", "x.tsv:2: the label is empty"),
        ("x.tsv", "", "classification", "x.tsv is empty"),
        ("x.tsv", "label\ttext\n", "classification", "x.tsv has no rows"),
        ("x.tsv", "label\ttext\n", "tagging", "x.tsv: a tagging head reads .jsonl"),
        ("x.csv", "label,text\n", "classification", "x.csv: a classification head reads .tsv"),
        ("x.jsonl", '{"text": "a"}\n{"text": \n', "tagging", "x.jsonl:1: no list of spans or"),
        ("x.jsonl", '{"text": "a", "spans": []}\n{x\n', "tagging", "x.jsonl:2: not JSON"),
        ("x.jsonl", "[1]\n", "tagging", "x.jsonl:1: not a JSON object"),
        ("x.jsonl", '{"text": 1.5, "x": "a"}\n', "classification", "x.jsonl:1: 'text' is not text"),
        ("x.jsonl", '{"text": "\\ud800", "x": "a"}', "classification", "1: .*surrogate"),
        ("x.conll", "Ada\tB-PER\nLovelace\n", "tagging", "x.conll:2: 'Lovelace' has no tag"),
        ("x.conll", "Ada\tPER\n", "tagging", "x.conll:1: tag 'PER' is neither O nor"),
        ("x.conll", "Ada\tB-\n", "tagging", "x.conll:1: tag 'B-'"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(
    tmp_path: Path, name: str, content: str, kind: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        read(tmp_path / name, content, kind)


@pytest.mark.parametrize(
    ("spans", "says"),
    [
        ([{"start": 0, "end": 9, "label": "a"}], r"x.jsonl:1: span 0-9 \(a\) is not within"),
        ([{"start": 3, "end": 3, "label": "a"}], "span 3-3"),
        ([{"start": -1, "end": 3, "label": "a"}], "span -1-3"),
        ([{"start": "0", "end": 3, "label": "a"}], "whole numbers"),
        ([{"start": 0, "end": 3}], "no label or slot"),
        (["abc"], "a span is an object"),
        ([{"start": 0, "end": 3, "label": "a"}, {"start": 2, "end": 4, "label": "b"}], "overlap"),
    ],
)
def test_a_wrong_span_is_refused(tmp_path: Path, spans: list[object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read(tmp_path / "x.jsonl", json.dumps({"text": "some te", "spans": spans}))


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_bytes("label\ttext\nyes\tsí\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"x.tsv:2: not UTF-8"):
        read_examples(
            Source(head="x", train=["x.tsv"]), Head(type="classification"), tmp_path, split="train"
        )


def rows(counts: dict[str, int]) -> list[tuple[str, str]]:
    return [(label, f"text {i} of {label}") for label, n in counts.items() for i in range(n)]


def write(path: Path, labelled: list[tuple[str, str]]) -> None:
    path.write_text("label\ttext\n" + "".join(f"{label}\t{text}\n" for label, text in labelled))


def recipe_of(*sources: Source, **training: float) -> Recipe:
    heads = {
        source.head: Head(type="tagging" if source.head == "slots" else "classification")
        for source in sources
    }
    settings = Training(**training)  # type: ignore[arg-type]
    return Recipe(name="mine", sources=list(sources), heads=heads, training=settings)


def keys(part: dict[str, list[Example]]) -> set[str]:
    return {" ".join(e.text.split()).casefold() for found in part.values() for e in found}


def labels(part: dict[str, list[Example]]) -> Counter[str | None]:
    return Counter(e.label for found in part.values() for e in found)


def one_source(tmp_path: Path, counts: dict[str, int], **training: float) -> Parts:
    write(tmp_path / "x.tsv", rows(counts))
    source = Source(head="intent", name="mine", train=["x.tsv"])
    return divide(recipe_of(source, **training), tmp_path)


def test_a_share_is_held_out_in_proportion_to_the_labels(tmp_path: Path) -> None:
    parts = one_source(tmp_path, {"a": 200, "b": 50, "c": 10})
    assert labels(parts.held_out)["a"] == pytest.approx(40, abs=1)
    assert labels(parts.held_out)["b"] == pytest.approx(10, abs=1)
    assert labels(parts.held_out)["c"] == pytest.approx(2, abs=1)
    assert parts.split == {"mine"}
    assert parts.validation == {}


def test_the_division_depends_on_the_seed_and_nothing_else(tmp_path: Path) -> None:
    first, same, other = (one_source(tmp_path, {"a": 50, "b": 50}, seed=s) for s in (1, 1, 2))
    assert first == same
    assert keys(first.held_out) != keys(other.held_out)


def test_early_stopping_looks_at_a_third_part(tmp_path: Path) -> None:
    parts = one_source(tmp_path, {"a": 100, "b": 100}, patience=2)
    train, validation, held_out = map(keys, (parts.train, parts.validation, parts.held_out))
    assert len(train) + len(validation) + len(held_out) == 200
    assert not train & validation
    assert not train & held_out
    assert not validation & held_out
    assert len(validation) == pytest.approx(16, abs=2)


def test_with_dev_files_the_validation_part_comes_from_the_training_data(tmp_path: Path) -> None:
    write(tmp_path / "x.tsv", rows({"a": 100, "b": 100}))
    write(tmp_path / "dev.tsv", [("a", "seen nowhere"), ("b", "nor this")])
    source = Source(head="intent", name="mine", train=["x.tsv"], dev=["dev.tsv"])
    parts = divide(recipe_of(source, patience=2), tmp_path)
    assert keys(parts.held_out) == {"seen nowhere", "nor this"}
    assert keys(parts.validation)
    assert keys(parts.validation) <= {text for _, text in rows({"a": 100, "b": 100})}
    assert not keys(parts.validation) & keys(parts.train)


def test_alike_texts_stay_on_one_side(tmp_path: Path) -> None:
    labelled = rows({"a": 60, "b": 60})
    shouted = [(label, f" {text.upper().replace(' ', '  ')}") for label, text in labelled]
    write(tmp_path / "x.tsv", labelled + shouted)
    parts = divide(recipe_of(Source(head="intent", name="x", train=["x.tsv"])), tmp_path)
    assert not keys(parts.train) & keys(parts.held_out)
    assert len(parts.held_out["x"]) == 2 * len(keys(parts.held_out))


def test_a_text_is_held_out_for_all_heads(tmp_path: Path) -> None:
    content = [
        {"text": f"make {n} teas", "intent": "brew", "slots": [{"start": 5, "end": 6, "slot": "n"}]}
        for n in "abcdefghijklmnopqrstuvwxyz"
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(json.dumps(row) for row in content))
    write(tmp_path / "dev.tsv", [("brew", "a tea")])
    sources = [
        Source(head="intent", name="one", train=["x.jsonl"], dev=["dev.tsv"]),
        Source(head="slots", name="two", train=["x.jsonl"]),
    ]
    parts = divide(recipe_of(*sources), tmp_path)
    held_out = keys({"two": parts.held_out["two"]})
    assert len(held_out) == pytest.approx(5, abs=1)
    assert not held_out & keys(parts.train)
    assert len(parts.train["one"]) == len(parts.train["two"])


def test_the_only_text_with_a_label_is_trained_on_and_named(tmp_path: Path) -> None:
    parts = one_source(tmp_path, {"a": 30, **{f"rare{i}": 1 for i in range(9)}})
    assert labels(parts.train).keys() == {"a", *(f"rare{i}" for i in range(9))}
    assert any("only one training row for rare0, rare1" in line for line in parts.warnings)


def test_unequal_labels_are_named(tmp_path: Path) -> None:
    assert not one_source(tmp_path, {"a": 100, "b": 50}).warnings
    warnings = one_source(tmp_path, {"a": 400, "b": 4}).warnings
    assert any("training rows for a, only" in line for line in warnings)


def test_dev_rows_that_are_trained_on_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "x.tsv", rows({"a": 20, "b": 20}))
    write(tmp_path / "dev.tsv", [("a", "new"), ("c", "newer"), ("a", "Text 3  of a")])
    source = Source(head="intent", name="mine", train=["x.tsv"], dev=["dev.tsv"])
    parts = divide(recipe_of(source), tmp_path)
    assert keys(parts.held_out) == {"new", "newer"}
    assert parts.warnings[0].startswith("mine: 1 of 3 dev rows have a text that is also trained on")
    assert "no training row for c" in parts.warnings[1]

    write(tmp_path / "dev.tsv", [("a", "Text 3  of a")])
    with pytest.raises(ConfigError, match="every text of its dev files is also trained on"):
        divide(recipe_of(source), tmp_path)


def test_too_few_texts_to_divide_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mine: 9 different texts are too few"):
        one_source(tmp_path, {"a": 5, "b": 4})


def test_texts_that_are_all_the_only_ones_with_their_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mine: no text can be held out"):
        one_source(tmp_path, {f"rare{i}": 1 for i in range(12)})


def test_a_head_with_nothing_to_tell_apart_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.tsv", rows({"a": 20}))
    recipe = recipe_of(Source(head="intent", name="mine", train=["x.tsv"]))
    with pytest.raises(ConfigError, match=r"'intent': every row of x.tsv has the label 'a'"):
        head_labels(recipe, divide(recipe, tmp_path).train)

    (tmp_path / "x.conll").write_text("\n\n".join(f"word{i}\tO" for i in range(20)))
    recipe = recipe_of(Source(head="slots", name="mine", train=["x.conll"]))
    with pytest.raises(ConfigError, match=r"'slots': there is not one span in x.conll"):
        head_labels(recipe, divide(recipe, tmp_path).train)
