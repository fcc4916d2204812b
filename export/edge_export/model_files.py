"""What a model's files say without loading it: safe weights or pickles, pooling, licence."""

from __future__ import annotations

import re
from pathlib import Path

from edge_runtime.bundles.manifest import Pooling
from edge_runtime.bundles.pooling import MODULES_FILE, POOLING_FILE, pooling_of
from edge_runtime.errors import BundleError, ConfigError

# the only names that transformers reads before it turns to pickled weights
_SAFE = ("model.safetensors", "model.safetensors.index.json")
_PICKLED_NAMES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")
_TOKENIZERS = {"tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model"}


def find_file(reference: str, name: str, revision: str | None) -> Path | None:
    """Return a file of a model directory or hub id, None if the model has no such file."""
    if Path(reference).is_dir():
        path = Path(reference) / name
        return path if path.is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return Path(hf_hub_download(reference, name, revision=revision))
    except EntryNotFoundError:
        return None


def check_directory(directory: Path) -> None:
    """Look for what every model directory has.

    Raises:
        ConfigError: no config or no tokenizer.
    """
    names = {path.name for path in directory.iterdir()}
    if "config.json" not in names:
        raise ConfigError(f"{directory} has no config.json; save the model with save_pretrained")
    if not names & _TOKENIZERS:
        raise ConfigError(f"{directory} has no tokenizer; save it there with save_pretrained")


def check_weights(reference: str, revision: str | None, *, allow_pickle: bool = False) -> None:
    """Refuse a model of which a pickle would be read, unless that was asked for.

    Raises:
        ConfigError: no safetensors weights under the name that transformers looks for.
    """
    names = (*_SAFE, *(_PICKLED_NAMES if allow_pickle else ()))
    if any(find_file(reference, name, revision) for name in names):
        return
    local = Path(reference)
    if local.is_dir() and not any(path.suffix in _PICKLED for path in local.iterdir()):
        raise ConfigError(
            f"{reference} has no {_SAFE[0]}; save the model again with save_pretrained"
        )
    raise ConfigError(
        f"{reference} has no {_SAFE[0]}, only pickled weights, which can run code when they are "
        "read; convert them to safetensors first, or --allow-pickle if you trust the file"
    )


def declared_pooling(reference: str, revision: str | None) -> Pooling:
    """Return how sentence-transformers pools this model, "mean" where nothing is declared.

    Raises:
        UnsupportedTaskError: it pools otherwise, or adds a layer that the device does not run.
        ConfigError: a file that says so cannot be read.
    """
    modules, declared = (
        find_file(reference, name, revision) for name in (MODULES_FILE, POOLING_FILE)
    )
    try:
        return pooling_of(reference, modules, declared)
    except BundleError as exc:
        raise ConfigError(str(exc)) from exc


def declared_licence(reference: str, revision: str | None) -> str | None:
    """Return the licence in the front matter of the model card, if there is one."""
    card = find_file(reference, "README.md", revision)
    if card is None:
        return None
    text = card.read_text(encoding="utf-8", errors="replace")
    front = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    found = front and re.search(r"^license:\s*[\"']?([\w.-]+)", front.group(1), re.MULTILINE)
    return found.group(1) if found else None
