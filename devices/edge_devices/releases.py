"""Releases of ONNX Runtime that do not work on some boards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_devices.probe import Board

_ARM = {"aarch64", "arm64"}


@dataclass(frozen=True)
class _Bad:
    versions: frozenset[str]
    concerns: Callable[[Board], bool]
    reason: str


_BAD = (
    _Bad(
        frozenset({"1.21.0"}),
        lambda board: board.machine in _ARM and "asimddp" not in board.cpu_features,
        "it ends with SIGILL on ARM cores without dot-product instructions (Cortex-A53, A72)",
    ),
    _Bad(frozenset({"1.23.0"}), lambda board: board.android, "it crashes on Android (KleidiAI)"),
    _Bad(
        frozenset({"1.24.0", "1.24.1"}),
        lambda _board: True,
        "it refuses weights in files that are symbolic links, as the hub's cache has them",
    ),
)


def why_bad(version: str, board: Board) -> str | None:
    """Return why this release of ONNX Runtime does not suit the board, None if it does."""
    return next(
        (bad.reason for bad in _BAD if version in bad.versions and bad.concerns(board)), None
    )
