"""Small language models that answer on the board, and know when to ask a large one."""

from __future__ import annotations

__version__ = "0.1.0"
