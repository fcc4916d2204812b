"""Which files of a directory or repository a bundle is made of."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping

from edge_runtime.bundles.onnx_file import OnnxFile
from edge_runtime.bundles.pooling import LENGTH_FILE, MODULES_FILE, POOLING_FILE
from edge_runtime.errors import BundleError

CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
_COMPANIONS = (
    CONFIG_FILE,
    "generation_config.json",
    TOKENIZER_FILE,
    TOKENIZER_CONFIG_FILE,
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    MODULES_FILE,
    POOLING_FILE,
    LENGTH_FILE,
    "LICENSE",
)


def companions(names: Collection[str], where: str) -> list[str]:
    """Return what goes with the graphs among the files of a directory or repository.

    Raises:
        BundleError: there is no config or no tokenizer.
    """
    for needed in (CONFIG_FILE, TOKENIZER_FILE):
        if needed not in names:
            raise BundleError(
                f"{where} has no {needed}; convert the model with edge-export on a workstation"
            )
    return [name for name in _COMPANIONS if name in names]


def data_files(graphs: Mapping[str, OnnxFile], names: Collection[str]) -> list[str]:
    """Return the files that hold the weights of graphs, which are given by file name.

    Raises:
        BundleError: one is not among ``names``.
    """
    found = []
    for name, graph in graphs.items():
        for location in graph.data_files:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), location))
            if path not in names:
                raise BundleError(f"{path} is missing: {name} has its weights there")
            found.append(path)
    return list(dict.fromkeys(found))
