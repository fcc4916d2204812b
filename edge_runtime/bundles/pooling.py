"""How sentence-transformers makes one vector of a text: ``modules.json`` and ``1_Pooling``."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from edge_runtime.bundles.json_file import read_json
from edge_runtime.bundles.manifest import Pooling
from edge_runtime.errors import BundleError, UnsupportedTaskError

MODULES_FILE = "modules.json"
POOLING_FILE = "1_Pooling/config.json"
LENGTH_FILE = "sentence_bert_config.json"
_RUNNING = {"Transformer", "Pooling", "Normalize"}  # modules that the device runs; it normalizes
_MODES: dict[str, Pooling] = {
    "cls_token": "cls", "mean_tokens": "mean", "max_tokens": "max", "lasttoken": "lasttoken",
}  # fmt: skip


def declared_pooling(directory: Path) -> Pooling:
    """Return how a directory says that token vectors become one, "mean" where it does not.

    Raises:
        UnsupportedTaskError: it pools otherwise, or adds a layer that the device does not run.
        BundleError: a file that says so cannot be read.
    """
    return pooling_of(str(directory), directory / MODULES_FILE, directory / POOLING_FILE)


def pooling_of(model: str, modules: Path | None, declared: Path | None) -> Pooling:
    """Return the pooling of a model from its two files, either of which may be missing.

    Raises:
        UnsupportedTaskError: it pools otherwise, or adds a layer that the device does not run.
        BundleError: a file cannot be read.
    """
    if extra := sorted(_modules(modules) - _RUNNING):
        raise UnsupportedTaskError(
            f"{model} adds {', '.join(extra)} after the encoder, which does not run here; export "
            "the whole with sentence-transformers' own task, so that the graph has it"
        )
    if declared is None or not declared.is_file():
        return "mean"
    modes = [
        key.removeprefix("pooling_mode_")
        for key, value in read_json(declared).items()
        if key.startswith("pooling_mode_") and value is True
    ]
    if len(modes) == 1 and modes[0] in _MODES:
        return _MODES[modes[0]]
    raise UnsupportedTaskError(
        f"{model} pools by {', '.join(modes) or 'nothing'}; one of {', '.join(_MODES)} runs here"
    )


def _modules(path: Path | None) -> set[str]:
    if path is None or not path.is_file():
        return set()
    try:
        found = msgspec.json.decode(path.read_bytes(), type=list[dict[str, str | int]])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise BundleError(f"{path}: {exc}") from exc
    kinds = (str(module.get("type", "")) for module in found)
    return {re.sub(r".*\.", "", kind) for kind in kinds}
