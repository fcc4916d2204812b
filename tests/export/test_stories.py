"""A trained model: stories260K, whose greedy output is known from another implementation."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_export.convert import Options, convert
from edge_runtime.bundles.store import Store
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.text_output import whole

pytest.importorskip("transformers", reason="needs the extra `export`")
pytestmark = pytest.mark.export

# the SOURCE.md of the weights: float64 numpy, from the first token
STORY = (
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball. She wanted to play with it, but it was too high.\n"
    "Lily's mom said, \"Lily, let's go to the park.\""
)


@pytest.fixture(scope="module")
def generator(data: Path, tmp_path_factory: pytest.TempPathFactory) -> TextGenerator:
    from tests.export.llama2c import save_llama

    weights = data / "weights" / "stories260K"
    if not weights.is_dir():
        pytest.skip(f"{weights} is not there")
    directory = tmp_path_factory.mktemp("stories")
    source = save_llama(weights / "stories260K.bin", weights / "tok512.bin", directory / "source")
    out = directory / "bundle"
    convert(Options(model=str(source), output=out, quantization="fp32", task="text-generation"))
    return TextGenerator(Store(None).open(str(out)))


def test_the_story_is_the_known_one(generator: TextGenerator) -> None:
    options = GenerationOptions(max_tokens=200)
    ids = generator.tokenizer.ids("")
    assert ids == [1]
    assert whole(generator.stream(ids, options)).text.startswith(STORY)


def test_a_story_goes_on_from_its_beginning(generator: TextGenerator) -> None:
    beginning = "Once upon a time, there was a little girl named"
    made = generator.generate(beginning, GenerationOptions(max_tokens=40))
    assert (beginning + made.text).startswith(STORY[:120])


def test_a_story_comes_in_pieces_and_ends_before_a_stop_text(generator: TextGenerator) -> None:
    options = GenerationOptions(max_tokens=200, stop=["red ball"])
    pieces = list(generator.stream([1], options))
    assert len(pieces) > 20
    text = "".join(piece.text for piece in pieces)
    assert text == STORY[: STORY.index("red ball")]
    assert pieces[-1].generation is not None
    assert pieces[-1].generation.finish_reason == "stop"
