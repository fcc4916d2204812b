"""Texts from the command line or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import BinaryIO

from edge_runtime.errors import BadRequestError, EdgeError, TooLargeError
from edge_runtime.messages import MAX_TEXT_BYTES


def read_texts(argument: str, *, whole: bool = False) -> Iterator[str | EdgeError]:
    """Yield the argument; for ``-`` each non-empty line of standard input, or all of it.

    What is not a text comes as the error that says why, so that the lines after it are still read.
    """
    if argument != "-":
        yield argument
        return
    stream = sys.stdin.buffer
    if whole:
        yield _decoded(stream.read(MAX_TEXT_BYTES + 1), "standard input")
        return
    number = 0
    for number, line in enumerate(_lines(stream), 1):
        if line.strip():
            yield _decoded(line.rstrip(b"\r\n"), f"line {number}")
    if number == 0:
        yield BadRequestError("standard input is empty; send one text per line")


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines; of one that is too long, no more than it takes to see that."""
    while line := stream.readline(MAX_TEXT_BYTES + 2):
        yield line
        while not line.endswith(b"\n") and len(line) == MAX_TEXT_BYTES + 2:
            line = stream.readline(MAX_TEXT_BYTES + 2)


def _decoded(raw: bytes, where: str) -> str | EdgeError:
    if len(raw) > MAX_TEXT_BYTES:
        return TooLargeError(f"{where} has more than {MAX_TEXT_BYTES} bytes; send it in parts")
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        return BadRequestError(f"{where} is not UTF-8 (byte {exc.start})")
