from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from edge_runtime.errors import BadRequestError
from edge_runtime.inference.text_stream import TextStream

TEXTS = [
    "The lamp in the kitchen is on, and the 3 others are off.",
    "Straße, naïve café; el niño comió piñata",
    "你好世界。今天天气很好。こんにちは世界",
    "مرحبا بالعالم שלום עולם",
    "ok 👍🏽 family 👨‍👩‍👧‍👦 flag 🇩🇪!\n\n  indented\n",
]
BYTES = [f"<0x{number:02X}>" for number in range(256)]


@dataclass(frozen=True)
class Vocabulary:
    """A real tokenizer of one kind; ``ids`` are all its tokens, and one that it does not have."""

    tokenizer: Tokenizer
    byte_tokens: frozenset[int]
    ids: Sequence[int]

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def stream(self, stop: Sequence[str] = ()) -> TextStream:
        return TextStream(self.decode, stop, byte_tokens=self.byte_tokens)


def _finished(tokenizer: Tokenizer, byte_tokens: Sequence[str] = ()) -> Vocabulary:
    tokenizer.add_special_tokens([AddedToken("<|end|>", special=True)])
    tokenizer.add_tokens([AddedToken("<tool_call>", special=False)])
    known = (tokenizer.token_to_id(token) for token in byte_tokens)
    return Vocabulary(tokenizer, frozenset(known), range(tokenizer.get_vocab_size() + 1))


def _byte_level() -> Vocabulary:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return _finished(tokenizer)


def _llama() -> Vocabulary:
    """As Llama 2 and Gemma: words begin with a space, and what is not known comes in bytes."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=120, show_progress=False, special_tokens=["<unk>"], limit_alphabet=50
    )
    trained.train_from_iterator(TEXTS[:2], trainer)
    pieces = sorted(trained.get_vocab(), key=trained.token_to_id)
    # one piece that is a replacement character itself
    vocabulary = {piece: n for n, piece in enumerate(["<unk>", *BYTES, *pieces[1:], "\ufffd"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return _finished(tokenizer, BYTES)


def _unigram() -> Vocabulary:
    """As T5 and its like: the decoder drops every space of the first token."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=160, show_progress=False, special_tokens=["<unk>"], unk_token="<unk>"
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_tokens(["▁▁", "▁", "▁word"])
    return _finished(tokenizer)


VOCABULARIES = {"byte-level": _byte_level(), "byte-fallback": _llama(), "unigram": _unigram()}
kinds = st.sampled_from(sorted(VOCABULARIES))


@st.composite
def sequences(draw: st.DrawFn) -> tuple[Vocabulary, list[int]]:
    """Any tokens of a vocabulary: at random, of a text, and bytes that are no character."""
    vocabulary = VOCABULARIES[draw(kinds)]
    some = st.lists(st.sampled_from(vocabulary.ids), max_size=30)
    texts = st.sampled_from(TEXTS) | st.text(max_size=20)
    parts = [some, texts.map(lambda text: list(vocabulary.tokenizer.encode(text).ids))]
    parts.append(st.sampled_from(vocabulary.ids).map(lambda token: [token] * 40))
    if vocabulary.byte_tokens:
        parts.append(st.lists(st.sampled_from(sorted(vocabulary.byte_tokens)), max_size=30))
    tokens = draw(st.lists(st.one_of(parts), max_size=6))
    return vocabulary, [token for part in tokens for token in part]


def _pieces(stream: TextStream, tokens: Sequence[int]) -> list[str]:
    return [*(stream.push(token) for token in tokens), stream.finish()]


def _cut(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    """The definition: read on letter by letter until a stop string is complete."""
    for end in range(1, len(text) + 1):
        complete = [stop for stop in stops if text[:end].endswith(stop)]
        if complete:
            longest = max(complete, key=len)
            return text[: end - len(longest)], longest
    return text, None


@given(sequences())
def test_the_pieces_together_are_the_text_of_all_tokens(
    case: tuple[Vocabulary, list[int]],
) -> None:
    vocabulary, tokens = case
    assert "".join(_pieces(vocabulary.stream(), tokens)) == vocabulary.decode(tokens)


@given(sequences())
def test_what_was_given_out_stays_the_beginning_of_the_text(
    case: tuple[Vocabulary, list[int]],
) -> None:
    vocabulary, tokens = case
    stream, given_out = vocabulary.stream(), ""
    for token in tokens:
        given_out += stream.push(token)
    assert vocabulary.decode(tokens).startswith(given_out)


@given(sequences(), st.lists(st.text(min_size=1, max_size=4), max_size=3), st.data())
def test_nothing_of_a_stop_string_gets_out(
    case: tuple[Vocabulary, list[int]], stops: list[str], data: st.DataObject
) -> None:
    vocabulary, tokens = case
    text = vocabulary.decode(tokens)
    if text:  # stop strings that do come
        starts = st.integers(0, len(text) - 1)
        spans = st.lists(st.tuples(starts, st.integers(1, 6)), max_size=3)
        stops += [text[start : start + size] for start, size in data.draw(spans)]
    stream = vocabulary.stream(stops)
    pieces = _pieces(stream, tokens)
    for count in range(len(pieces)):
        assert not any(stop in "".join(pieces[:count]) for stop in stops)
    assert ("".join(pieces), stream.stopped) == _cut(text, stops)


@pytest.mark.parametrize("kind", sorted(VOCABULARIES))
@given(st.sampled_from(TEXTS))
@example("👍🏽" * 5)
def test_a_character_never_comes_out_half(kind: str, text: str) -> None:
    vocabulary = VOCABULARIES[kind]
    tokens = vocabulary.tokenizer.encode(text).ids
    # also where nobody said which tokens are bytes
    for stream in (vocabulary.stream(), TextStream(vocabulary.decode)):
        pieces = _pieces(stream, tokens)
        assert "".join(pieces) == vocabulary.decode(tokens)
        assert not any("\ufffd" in piece for piece in pieces)


def test_text_comes_out_with_its_token_and_not_later() -> None:
    vocabulary = VOCABULARIES["byte-level"]
    tokens = vocabulary.tokenizer.encode(TEXTS[0]).ids
    stream = vocabulary.stream(["\nUser:"])
    assert all(stream.push(token) for token in tokens)
    assert stream.finish() == ""


def test_a_special_token_does_not_take_the_space_of_the_next_word() -> None:
    vocabulary = VOCABULARIES["unigram"]
    end = vocabulary.tokenizer.token_to_id("<|end|>")
    word = vocabulary.tokenizer.token_to_id("▁word")
    assert _pieces(vocabulary.stream(), [end, word, end, word]) == ["", "word", "", " word", ""]


def test_a_special_token_does_not_end_a_run_of_bytes() -> None:
    vocabulary = VOCABULARIES["byte-fallback"]
    names = ["<0x41>", "<|end|>", "<0xE4>", "<|end|>", "<0xBD>", "<0xA0>"]
    tokens = [vocabulary.tokenizer.token_to_id(name) for name in names]
    assert _pieces(vocabulary.stream(), tokens) == [""] * 6 + ["A你"]
    assert _pieces(vocabulary.stream(), tokens[:4]) == [""] * 4 + ["\ufffd\ufffd"]


def _letters() -> Callable[[Sequence[int]], str]:
    return lambda tokens: "".join(map(chr, tokens))


def test_the_stop_string_that_is_complete_first_ends_the_text() -> None:
    for stops in (["abc", "b"], ["b", "abc"]):
        stream = TextStream(_letters(), stops)
        assert "".join(_pieces(stream, [ord(c) for c in "xabcd"])) == "xa"
        assert stream.stopped == "b"


def test_a_beginning_of_a_stop_string_is_held_back_and_released() -> None:
    stream = TextStream(_letters(), ["</s>"])
    assert [stream.push(ord(c)) for c in "a</s<"] == ["a", "", "", "", "</s"]
    assert stream.finish() == "<"
    assert stream.stopped is None


def test_after_a_stop_nothing_comes() -> None:
    stream = TextStream(_letters(), ["!"])
    assert [stream.push(ord(c)) for c in "a!b"] == ["a", "", ""]
    assert stream.finish() == ""


@pytest.mark.parametrize("kind", sorted(VOCABULARIES))
def test_the_work_for_a_token_does_not_grow_with_the_text(kind: str) -> None:
    vocabulary = VOCABULARIES[kind]
    longest = 0

    def decode(tokens: Sequence[int]) -> str:
        nonlocal longest
        longest = max(longest, len(tokens))
        return vocabulary.decode(tokens)

    tokens = [token for token in vocabulary.ids if token not in vocabulary.byte_tokens] * 10
    tokens = [vocabulary.tokenizer.token_to_id("<|end|>")] * 300 + tokens
    stream = TextStream(decode, byte_tokens=vocabulary.byte_tokens)
    assert "".join(_pieces(stream, tokens)) == vocabulary.decode(tokens)
    assert longest < 200 < len(tokens)


def test_an_empty_stop_string_is_refused() -> None:
    with pytest.raises(BadRequestError, match="empty"):
        TextStream(_letters(), ["a", ""])
