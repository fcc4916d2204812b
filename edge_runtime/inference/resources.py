"""What a bundle may use of the board."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """Threads and memory for the sessions of a process; a profile says them for each board.

    ``threads`` compute one product together, ``spinning`` lets them wait busily for the next one
    (2 ms after the last, 40 in a shared pool): without it the second thread of a decoder is worth
    nothing. ``shared`` is for a process of which all sessions are made here: they then have one
    pool of threads together, and ONNX Runtime refuses sessions that anybody else makes.
    ``cores`` are the CPUs to stay on, empty for any. ``arena`` keeps scratch memory for the next
    run. ``huge_pages`` puts the weights on pages of 2 MB where the kernel has them. ``max_context``
    bounds a decoder's KV cache, in tokens, and ``memory_mb`` the resident memory of the process;
    None for no bound.
    """

    threads: int = 1
    spinning: bool = True
    shared: bool = False
    arena: bool = True
    huge_pages: bool = True
    cores: tuple[int, ...] = ()
    max_context: int | None = None
    memory_mb: int | None = None
