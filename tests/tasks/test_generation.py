from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.bundles.store import Store
from edge_runtime.errors import BadRequestError, BundleError, MemoryLimitError
from edge_runtime.inference.probe import Probe
from edge_runtime.inference.resources import Resources
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.text_output import Generation, Limits, whole

pytestmark = pytest.mark.export

PROMPT = "the quick brown fox jumps over the lazy dog and "


@pytest.fixture(scope="module")
def generator(tiny_decoder: Path) -> TextGenerator:
    return TextGenerator(Store(None).open(str(tiny_decoder)))


@pytest.fixture
def fresh(generator: TextGenerator) -> TextGenerator:
    generator.forget()
    return generator


def _generated(generator: TextGenerator, prompt: str = PROMPT, **options: object) -> Generation:
    return generator.generate(prompt, GenerationOptions.read({"max_tokens": 40, **options}))


def test_greedy_output_equals_that_of_transformers(
    fresh: TextGenerator, tiny_decoder: Path
) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_decoder.parent / "source")
    for prompt in (PROMPT, "x", "é" * 90):  # one token at once, and more than a piece
        ids = fresh.tokenizer.ids(prompt)
        given = torch.tensor([ids])
        expected = model.generate(
            given, attention_mask=torch.ones_like(given), do_sample=False, max_new_tokens=48
        )[0, len(ids) :].tolist()
        assert list(fresh.continuation(ids, most=48)) == expected
        assert list(fresh.continuation(ids, most=48, lookup=True)) == expected


def test_penalties_and_lengths_equal_those_of_transformers(
    fresh: TextGenerator, tiny_decoder: Path
) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_decoder.parent / "source")
    ids = fresh.tokenizer.ids(PROMPT)
    given = torch.tensor([ids])
    expected = model.generate(
        given, attention_mask=torch.ones_like(given), do_sample=False, max_new_tokens=40,
        repetition_penalty=1.3,
    )[0, len(ids) :].tolist()  # fmt: skip
    made = _generated(fresh, repetition_penalty=1.3)
    assert made.text == fresh.tokenizer.text([*ids[-8:], *expected])[len(PROMPT[-8:]) :]


def test_the_pieces_are_the_whole(fresh: TextGenerator) -> None:
    pieces = list(fresh.stream(fresh.tokenizer.ids(PROMPT), GenerationOptions(max_tokens=60)))
    generation = pieces[-1].generation
    assert generation is not None
    assert "".join(piece.text for piece in pieces) == generation.text
    assert all(piece.generation is None for piece in pieces[:-1])


def test_the_measurements_say_what_happened(fresh: TextGenerator) -> None:
    made = _generated(fresh, max_tokens=7)
    assert (made.prompt_tokens, made.generation_tokens) == (len(PROMPT), 7)
    assert made.finish_reason == "length"
    assert made.ttft_ms > 0
    assert made.generation_tps > 0


def test_a_stop_text_ends_the_output_and_is_not_part_of_it(fresh: TextGenerator) -> None:
    whole_text = _generated(fresh, max_tokens=60).text
    stop = whole_text[20:23]
    made = _generated(fresh, max_tokens=60, stop=[stop])
    assert made.text == whole_text[: whole_text.index(stop)]
    assert made.finish_reason == "stop"


def test_a_seed_gives_the_same_text_again_and_another_one_another(fresh: TextGenerator) -> None:
    texts = [_generated(fresh, temperature=1.5, seed=seed).text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("same", [0, 1, 20, len(PROMPT) - 1, len(PROMPT)])
def test_what_the_request_before_has_read_is_not_read_again_and_changes_nothing(
    fresh: TextGenerator, same: int
) -> None:
    prompt = PROMPT[:same] + "?" * (len(PROMPT) - same) + "the end"
    expected = _generated(fresh, prompt)
    fresh.forget()
    _generated(fresh)
    made = _generated(fresh, prompt)
    assert made.text == expected.text
    assert made.cached_tokens >= same


def test_the_same_request_again_gives_the_same_text(fresh: TextGenerator) -> None:
    first, second = _generated(fresh), _generated(fresh)
    assert first.text == second.text
    assert second.cached_tokens == len(PROMPT) - 2


def test_a_conversation_reads_only_what_is_new(fresh: TextGenerator) -> None:
    first = fresh.tokenizer.ids(PROMPT)
    answer = list(fresh.continuation(first, most=30))
    list(fresh.continuation(first, most=30))
    following = [*first, *answer, *fresh.tokenizer.ids(" and then")]
    made = whole(fresh.stream(following, GenerationOptions(max_tokens=5)))
    assert made.cached_tokens >= len(first) + len(answer) - 1


def test_a_prompt_that_is_too_long_fails_or_is_cut_as_asked(fresh: TextGenerator) -> None:
    long = "0123456789" * 30
    with pytest.raises(BadRequestError, match="300 tokens; the model reads 256"):
        _generated(fresh, long)
    cut = _generated(fresh, long, overflow="cut", max_tokens=20)
    assert cut.prompt_tokens == 236
    assert cut.generation_tokens == 20
    assert cut.text == _generated(fresh, long[-236:], max_tokens=20).text


def test_output_ends_where_the_context_ends(fresh: TextGenerator) -> None:
    made = _generated(fresh, "ab" * 125, max_tokens=100)
    assert made.prompt_tokens + made.generation_tokens == 256
    assert made.finish_reason == "length"


def test_it_stops_at_a_deadline_before_reading_and_between_tokens(fresh: TextGenerator) -> None:
    ids = fresh.tokenizer.ids(PROMPT)
    options = GenerationOptions(max_tokens=100)
    past = whole(fresh.stream(ids, options, Limits(deadline=0.0, clock=lambda: 1.0)))
    assert (past.finish_reason, past.generation_tokens, past.text) == ("deadline", 0, "")
    times = iter(range(1000))
    limits = Limits(deadline=10.0, clock=lambda: float(next(times)))
    made = whole(fresh.stream(ids, options, limits))
    assert made.finish_reason == "deadline"
    assert 0 < made.generation_tokens <= 11


def test_it_stops_when_cancelled_and_goes_on_to_the_next_request(fresh: TextGenerator) -> None:
    expected = _generated(fresh)
    event = threading.Event()
    stream = fresh.stream(
        fresh.tokenizer.ids(PROMPT), GenerationOptions(max_tokens=200),
        Limits(cancelled=event.is_set),
    )  # fmt: skip
    next(stream)
    event.set()
    made = whole(stream)
    assert made.finish_reason == "cancelled"
    assert made.generation_tokens < 200
    assert _generated(fresh).text == expected.text


def test_a_stream_that_nobody_reads_to_its_end_harms_nothing(fresh: TextGenerator) -> None:
    expected = _generated(fresh)
    stream = fresh.stream(fresh.tokenizer.ids("other " * 9), GenerationOptions(max_tokens=99))
    next(stream)
    del stream
    assert _generated(fresh).text == expected.text


def test_threads_wait_for_each_other(fresh: TextGenerator) -> None:
    prompts = [f"{n} {PROMPT}" for n in range(4)]
    expected = [_generated(fresh, prompt).text for prompt in prompts]
    made: dict[int, str] = {}

    def run(index: int) -> None:
        made[index] = _generated(fresh, prompts[index]).text

    threads = [threading.Thread(target=run, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [made[index] for index in range(4)] == expected


def test_a_shorter_context_bounds_the_cache(tiny_decoder: Path) -> None:
    bundle = Store(None).open(str(tiny_decoder))
    small, large = (TextGenerator(bundle, Resources(max_context=n)) for n in (64, 128))
    assert small.max_length == 64
    assert 2 * small.cache_bytes == large.cache_bytes
    assert _generated(small, max_tokens=16).text == _generated(large, max_tokens=16).text


def test_a_bundle_over_the_memory_limit_is_not_loaded(tiny_decoder: Path) -> None:
    bundle = Store(None).open(str(tiny_decoder))
    with pytest.raises(MemoryLimitError, match=r"needs about \d+ MB of memory, \d+ MB more"):
        TextGenerator(bundle, Resources(memory_mb=16))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beams": 4}, "beams are for models that summarize"),
        ({"temperature": -1}, "temperature must be 0 or more"),
        ({"max_tokens": 0}, "max_tokens must be 1 or more"),
        ({"stop": [""]}, "stop text must not be empty"),
        ({"regex": "a", "choice": ["b"]}, "one of schema, regex and choice"),
        ({"colour": "red"}, "unknown field"),
    ],
)
def test_a_wrong_option_is_named(
    fresh: TextGenerator, options: dict[str, object], message: str
) -> None:
    with pytest.raises(BadRequestError, match=message):
        fresh.generate(PROMPT, GenerationOptions.read(options))


class TestGrammars:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("llguidance", reason="needs the extra `schema`")

    def test_output_follows_a_schema(self, fresh: TextGenerator) -> None:
        import json

        schema = {
            "type": "object",
            "properties": {
                "room": {"enum": ["kitchen", "hall"]},
                "level": {"type": "integer", "minimum": 0, "maximum": 9},
            },
            "required": ["room", "level"],
            "additionalProperties": False,
        }
        for seed in range(3):
            made = _generated(fresh, schema=schema, temperature=2.0, seed=seed, max_tokens=120)
            assert made.finish_reason == "stop"
            assert set(json.loads(made.text)) == {"room", "level"}

    def test_output_is_one_of_the_choices(self, fresh: TextGenerator) -> None:
        assert _generated(fresh, choice=["yes", "no", "maybe"]).text in {"yes", "no", "maybe"}

    def test_output_matches_a_regular_expression(self, fresh: TextGenerator) -> None:
        import re

        made = _generated(fresh, regex=r"[0-9]{3}-[a-z]{2}")
        assert re.fullmatch(r"[0-9]{3}-[a-z]{2}", made.text)


@pytest.mark.parametrize("form", ["fp32", "int8-hybrid", "int8-static", "int4-weight-only"])
def test_reading_ahead_changes_no_token(tiny_decoder: Path, tmp_path: Path, form: str) -> None:
    from edge_export.convert import Options, convert

    source = tiny_decoder.parent / "source"
    out = tmp_path / form
    convert(Options(model=str(source), output=out, quantization=form, target="pi5",
                    allow_drop=True))  # fmt: skip
    generator = TextGenerator(Store(None).open(str(out)))
    random = np.random.default_rng(0)
    for _ in range(20):
        part = random.integers(3, 250, 40).tolist()
        ids = [*part, *part[:20]]
        ahead, alone = (
            list(generator.continuation(ids, most=100, lookup=lookup)) for lookup in (True, False)
        )
        assert ahead == alone


def test_a_probe_reads_the_state_after_the_prompt_and_changes_nothing(
    fresh: TextGenerator, tiny_decoder: Path
) -> None:
    weights = np.random.default_rng(2).normal(size=64).astype(np.float32)
    bundle = Store(None).open(str(tiny_decoder))
    probed = TextGenerator(bundle, probe=Probe(weights, 0.5))
    for prompt in (PROMPT, "x", "é" * 90, PROMPT, PROMPT + "and so on"):
        made, plain = _generated(probed, prompt), _generated(fresh, prompt)
        state = fresh.state(fresh.tokenizer.ids(prompt))
        assert state is not None
        assert made.probe == pytest.approx(float(state @ weights) + 0.5, abs=1e-3)
        assert plain.probe is None
        assert made.text == plain.text


def test_the_state_after_a_prompt_that_was_answered_is_that_of_the_prompt(
    fresh: TextGenerator,
) -> None:
    ids = fresh.tokenizer.ids(PROMPT)
    first = fresh.state(ids)
    assert first is not None
    _generated(fresh)
    again = fresh.state(ids)
    assert again is not None
    np.testing.assert_allclose(again, first, atol=1e-4)
    assert np.abs(first).max() > 0.1


def test_a_probe_of_another_width_is_refused(tiny_decoder: Path) -> None:
    bundle = Store(None).open(str(tiny_decoder))
    with pytest.raises(BundleError, match=r"width 5, and the graph has 64; calibrate"):
        TextGenerator(bundle, probe=Probe(np.zeros(5, dtype=np.float32), 0.0))
