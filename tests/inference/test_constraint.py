from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from edge_runtime.errors import BadRequestError, BundleError, ConfigError
from edge_runtime.inference.constraint import Constraint, Grammar, grammar_of, make_constraint

pytest.importorskip("llguidance", reason="needs the extra `schema`")

END, OTHER_END = 0, 1
PADDED = 40  # logits of tokens that the tokenizer does not have
SCHEMAS: list[dict[str, Any]] = [
    {"type": "object"},
    {"type": "array", "items": {"type": "integer", "minimum": -5, "maximum": 5}, "maxItems": 6},
    {
        "type": "object",
        "properties": {
            "device": {"enum": ["lamp", "fan", 'the "big" one']},
            "level": {"type": "number", "minimum": 0, "maximum": 100},
            "on": {"type": "boolean"},
            "note": {"type": ["string", "null"], "maxLength": 8},
        },
        "required": ["device", "on"],
        "additionalProperties": False,
    },
    {"anyOf": [{"type": "string", "pattern": "^[a-f]{2,4}$"}, {"const": 7}]},
    {"$ref": "#/$defs/tree", "$defs": {"tree": {
        "type": "object", "additionalProperties": False,
        "properties": {"left": {"$ref": "#/$defs/tree"}, "right": {"$ref": "#/$defs/tree"}},
    }}},
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Path]:
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|end|>", "<|im_end|>"],
    )
    texts = [
        '{"device": "lamp", "level": 42, "on": true, "note": null}',
        "turn on the kitchen light",
    ]
    trained.train_from_iterator(texts * 3, trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    trained.enable_truncation(4)
    trained.save(str(path))
    return trained, path


Make = Callable[[Grammar], Constraint]


@pytest.fixture(scope="module")
def make(tokenizer: tuple[Tokenizer, Path]) -> Make:
    size = tokenizer[0].get_vocab_size()
    return lambda grammar: make_constraint(tokenizer[1], size, [END, OTHER_END], grammar)


def _write(constraint: Constraint, size: int, seed: int, most: int = 400) -> list[int]:
    """Write with random logits, as a model would that knows nothing, up to an end token."""
    random = np.random.default_rng(seed)
    made: list[int] = []
    while not constraint.is_finished and len(made) < most:
        tokens = constraint.forced()
        if not tokens:
            logits = random.standard_normal(size + PADDED).astype(np.float32)
            logits[END] += 2  # so that it ends some day
            constraint.apply(logits)
            assert (logits[size:] == -np.inf).all()
            tokens = [int(logits.argmax())]
        for token in tokens:
            constraint.accept(token)
        made += [token for token in tokens if token not in {END, OTHER_END}]
    return made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.sampled_from(SCHEMAS), st.integers(0, 10**6))
def test_what_is_written_parses_and_fits_the_schema(
    make: Make, tokenizer: tuple[Tokenizer, Path], schema: dict[str, Any], seed: int
) -> None:
    constraint = make(Grammar(schema=schema))
    tokens = _write(constraint, tokenizer[0].get_vocab_size(), seed)
    if constraint.is_finished:
        jsonschema.validate(json.loads(tokenizer[0].decode(tokens)), schema)
    else:
        assert schema == {"type": "object"} or "$ref" in schema  # these may go on for ever


@pytest.mark.parametrize("pattern", ["[a-c]{3}x?", "(yes|no|maybe)!", "[0-9]{4}-[0-9]{2}", "é+1"])
def test_what_is_written_matches_the_whole_regex(
    make: Make, tokenizer: tuple[Tokenizer, Path], pattern: str
) -> None:
    for seed in range(10):
        constraint = make(Grammar(regex=pattern))
        text = tokenizer[0].decode(_write(constraint, tokenizer[0].get_vocab_size(), seed))
        assert constraint.is_finished
        assert re.fullmatch(pattern, text)


def test_every_choice_can_be_written_and_nothing_else(
    make: Make, tokenizer: tuple[Tokenizer, Path]
) -> None:
    choice = ["lamp", "lamps", 'the "big" one', "Küche\n", "厨房 💡"]
    written = set()
    for seed in range(60):
        constraint = make(Grammar(choice=choice))
        written.add(tokenizer[0].decode(_write(constraint, tokenizer[0].get_vocab_size(), seed)))
    assert written == set(choice)


def test_a_lark_grammar_is_followed(make: Make, tokenizer: tuple[Tokenizer, Path]) -> None:
    constraint = make(Grammar(lark='start: "set " NAME " to " /[0-9]/\nNAME: "fan" | "lamp"'))
    text = tokenizer[0].decode(_write(constraint, tokenizer[0].get_vocab_size(), 1))
    assert re.fullmatch("set (fan|lamp) to [0-9]", text)


def test_tokens_without_a_choice_need_no_model(
    make: Make, tokenizer: tuple[Tokenizer, Path]
) -> None:
    schema = {
        "type": "object",
        "properties": {"device": {"const": "lamp"}, "on": {"type": "boolean"}},
        "required": ["device", "on"],
        "additionalProperties": False,
    }
    forced = make(Grammar(schema=schema)).forced()
    assert '{"device": "lamp", "on": '.startswith(tokenizer[0].decode(forced))
    assert len(tokenizer[0].decode(forced)) > 20


def _allowed(constraint: Constraint, size: int) -> list[int]:
    logits = np.zeros(size, dtype=np.float32)
    constraint.apply(logits)
    return np.flatnonzero(logits == 0).tolist()


def test_what_may_come_next_follows_from_what_came(
    make: Make, tokenizer: tuple[Tokenizer, Path]
) -> None:
    size = tokenizer[0].get_vocab_size()
    constraint = make(Grammar(regex="abc+"))
    constraint.accept(tokenizer[0].token_to_id("a"))
    allowed = {tokenizer[0].id_to_token(token) for token in _allowed(constraint, size)}
    assert "b" in allowed
    assert all("abccc".startswith("a" + piece) for piece in allowed)


def test_it_is_finished_when_only_an_end_token_is_left(
    make: Make, tokenizer: tuple[Tokenizer, Path]
) -> None:
    constraint = make(Grammar(choice=["a", "ab"]))
    constraint.accept(tokenizer[0].token_to_id("a"))
    assert not constraint.is_finished
    constraint.accept(tokenizer[0].token_to_id("b"))
    assert constraint.is_finished
    logits = np.zeros(tokenizer[0].get_vocab_size(), dtype=np.float32)
    constraint.apply(logits)
    assert np.flatnonzero(logits == 0).tolist() == [END, OTHER_END]


def test_a_token_that_is_not_allowed_is_refused(
    make: Make, tokenizer: tuple[Tokenizer, Path]
) -> None:
    with pytest.raises(BadRequestError, match="cannot follow the grammar"):
        make(Grammar(choice=["a"])).accept(tokenizer[0].token_to_id("b"))


@pytest.mark.parametrize(
    ("grammar", "says"),
    [
        (Grammar(schema={"type": "nonsense"}), "nonsense"),
        (Grammar(schema={"not": {"type": "string"}}), "not"),
        (Grammar(schema={"$ref": "http://example.org/x"}), "example.org"),
        (Grammar(regex="(ab"), "unclosed group"),
        (Grammar(regex="(?=a)"), "look-around"),
        (Grammar(lark="start: missing"), "missing"),
    ],
)
def test_a_grammar_that_cannot_be_used_is_refused_in_its_words(
    make: Make, grammar: Grammar, says: str
) -> None:
    with pytest.raises(BadRequestError, match=says):
        make(grammar)


@pytest.mark.parametrize(
    "wrong", [{}, {"schema": {}, "regex": "a"}, {"choice": []}, {"schema": False}]
)
def test_a_request_asks_for_one_grammar_that_allows_something(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Grammar)
    if wrong:
        with pytest.raises(BadRequestError):
            grammar_of(**wrong)


def test_no_wish_is_no_grammar() -> None:
    assert grammar_of() is None
    assert grammar_of(schema=True) == Grammar(schema=True)


def test_the_content_of_a_tokenizer_serves_as_well_as_its_file(
    tokenizer: tuple[Tokenizer, Path],
) -> None:
    size = tokenizer[0].get_vocab_size()
    constraint = make_constraint(tokenizer[1].read_text(), size, [END], Grammar(choice=["a"]))
    assert _allowed(constraint, size) == [tokenizer[0].token_to_id("a")]


def test_a_tokenizer_that_changed_is_read_again(
    tokenizer: tuple[Tokenizer, Path], tmp_path: Path
) -> None:
    path = tmp_path / "tokenizer.json"
    size = tokenizer[0].get_vocab_size()
    path.write_bytes(tokenizer[1].read_bytes())
    letter = tokenizer[0].token_to_id("a")
    constraint = make_constraint(path, size, [END], Grammar(choice=["a"]))
    assert _allowed(constraint, size) == [letter]
    path.write_text("{}")
    with pytest.raises(BundleError, match="tokenizer"):
        make_constraint(path, size, [END], Grammar(choice=["a"]))


def test_a_model_without_an_end_token_is_refused(tokenizer: tuple[Tokenizer, Path]) -> None:
    with pytest.raises(BundleError, match="end token"):
        make_constraint(tokenizer[1], 1000, [], Grammar(choice=["a"]))


def test_without_the_extra_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tokenizer: tuple[Tokenizer, Path]
) -> None:
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(ConfigError, match=re.escape("pip install 'edge-runtime[schema]'")):
        make_constraint(tokenizer[1], 1000, [END], Grammar(choice=["a"]))


def test_importing_the_module_does_not_load_llguidance() -> None:
    code = "import edge_runtime.inference.constraint, sys; print('llguidance' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "False"
