"""Texts from the command line or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from edge_runtime.errors import BadRequestError, TooLargeError
from edge_runtime.messages import MAX_TEXT_BYTES


def read_texts(argument: str, *, whole: bool = False) -> Iterator[str]:
    """Yield the argument; for ``-`` each non-empty line of standard input, or all of it.

    Raises:
        BadRequestError: a line is not UTF-8, or there is no text.
        TooLargeError: a line is longer than any text may be.
    """
    if argument != "-":
        yield argument
        return
    stream = sys.stdin.buffer
    if whole:
        yield _decoded(stream.read(MAX_TEXT_BYTES + 1), "standard input")
        return
    number = 0
    for number, line in enumerate(iter(lambda: stream.readline(MAX_TEXT_BYTES + 2), b""), 1):  # noqa: B007
        if line.strip():
            yield _decoded(line.rstrip(b"\r\n"), f"line {number}")
    if number == 0:
        raise BadRequestError("standard input is empty; send one text per line")


def _decoded(raw: bytes, where: str) -> str:
    if len(raw) > MAX_TEXT_BYTES:
        raise TooLargeError(f"{where} has more than {MAX_TEXT_BYTES} bytes; send it in parts")
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise BadRequestError(f"{where} is not UTF-8 (byte {exc.start})") from exc
