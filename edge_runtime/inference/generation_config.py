"""What a model's own files say about its decoding."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge_runtime.bundles.json_file import read_json


class GenerationConfig(msgspec.Struct, frozen=True):
    """Hugging Face's ``generation_config.json``, with the names that the field gives its values.

    ``banned`` tokens are never chosen; ``start`` begins an encoder-decoder's output, ``first`` and
    ``last`` are forced at its first and at its last place. ``do_sample`` and what follows it is
    how the model's makers would sample.
    """

    eos: list[int]
    start: int | None = None
    first: int | None = None
    last: int | None = None
    pad: int = 0
    banned: list[int] = []
    banned_first: list[int] = []
    min_length: int = 0
    min_new_tokens: int = 0
    no_repeat_ngram_size: int = 0
    repetition_penalty: float = 1.0
    num_beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | str = False
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    min_p: float = 0.0

    @classmethod
    def read(cls, directory: Path) -> GenerationConfig:
        """Read ``generation_config.json``, and ``config.json`` for what is not in it.

        Raises:
            BundleError: a file cannot be read.
        """
        config = read_json(directory / "config.json")
        path = directory / "generation_config.json"
        values = {**config, **(config.get("text_config") or {})}
        if path.is_file():
            values |= {key: v for key, v in read_json(path).items() if v is not None}
        eos = values.get("eos_token_id")
        words = values.get("bad_words_ids") or []
        given = {
            name: values[name]
            for name in cls.__struct_fields__
            if values.get(name) is not None and name not in _RENAMED
        }
        return cls(
            eos=eos if isinstance(eos, list) else [] if eos is None else [eos],
            start=values.get("decoder_start_token_id", values.get("bos_token_id")),
            first=values.get("forced_bos_token_id"),
            last=_last(values.get("forced_eos_token_id")),
            pad=values.get("pad_token_id") or 0,
            banned=[w[0] for w in words if len(w) == 1] + (values.get("suppress_tokens") or []),
            banned_first=values.get("begin_suppress_tokens") or [],
            **given,
        )


_RENAMED = {"eos", "start", "first", "last", "pad", "banned", "banned_first"}


def _last(value: int | list[int] | None) -> int | None:
    return value[0] if isinstance(value, list) else value
