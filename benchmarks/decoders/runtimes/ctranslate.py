"""CTranslate2, with a model by its own converter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ctranslate2  # type: ignore[import-not-found]
import transformers

from benchmarks.harness.timing import Stopwatch, Timing

PACKAGES = ("ctranslate2", "transformers", "numpy")


def prepare(settings: Mapping[str, Any]) -> None:
    """Convert the source."""
    model = Path(settings["model"])
    if not (model / "model.bin").exists():
        converter = ctranslate2.converters.TransformersConverter(settings["source"])
        converter.convert(str(model), quantization=settings["form"], force=True)


def load(settings: Mapping[str, Any]) -> Decoder:
    """Open a converted model."""
    return Decoder(settings["model"], settings["source"], settings["form"], settings["threads"])


class Decoder:
    """A generator with one worker."""

    def __init__(self, directory: str, source: str, form: str, threads: int) -> None:
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(source)
        self._generator = ctranslate2.Generator(
            directory, compute_type=form, inter_threads=1, intra_threads=threads
        )

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Run a case; a callback after each token says when prefill and decode end."""
        ids, tokens = case["ids"], case["tokens"]
        laps: list[Timing] = []
        made: list[int] = []
        prompt = self._tokenizer.convert_ids_to_tokens(ids)

        def after(step: Any) -> bool:  # noqa: ANN401 - ctranslate2 publishes no types
            laps.append(stopwatch.lap())
            made.append(int(step.token_id))
            return False

        stopwatch = Stopwatch()
        self._generator.generate_batch(
            [prompt],
            max_length=tokens + 1,
            min_length=tokens + 1,
            beam_size=1,
            include_prompt_in_result=False,
            end_token=[],
            callback=after,
        )
        first, *rest = laps
        answer: dict[str, Timing | object] = {
            "prefill": Timing(first.wall_s, first.cpu_s, len(ids)),
            "made": made,
        }
        if tokens:
            walls, cpus = sum(lap.wall_s for lap in rest), sum(lap.cpu_s for lap in rest)
            answer["decode"] = Timing(walls, cpus, tokens)
        return answer

    def close(self) -> None:
        """Free the model."""
        self._generator.unload_model()
