"""What goes over the local socket: frames of one kind each, and how a command is described.

A frame is one byte for its kind, four for its length (big-endian), and its content. The client
begins with ``COMMAND``; then the node leads: it asks for standard input when it wants more, so that
nobody has to keep what nobody reads.
"""

from __future__ import annotations

VERSION = "1"  # of all this; an update may make the node's runtime another than the client's

COMMAND = b"C"  # client: what to run
INPUT = b"I"  # client: the next piece of standard input, empty at its end
TAKEN = b"T"  # node: it runs
DECLINED = b"N"  # node: it does not, and why; nothing was read or written
OUT = b"O"  # node: for standard output
ERROR = b"E"  # node: for standard error
MORE = b"M"  # node: wants the next piece of standard input
STATUS = b"S"  # node: the exit status, one byte; the last frame

HEADER_BYTES = 5
PIECE_BYTES = 64 * 1024
LARGEST_BYTES = 1 << 20


def frame(kind: bytes, content: bytes = b"") -> bytes:
    """Return a frame as it is sent."""
    return kind + len(content).to_bytes(4, "big") + content


def header(raw: bytes) -> tuple[bytes, int]:
    """Return kind and length of the frame that begins with these five bytes."""
    return raw[:1], int.from_bytes(raw[1:HEADER_BYTES], "big")


def describe(
    version: str, terminals: str, directory: bytes, sources: list[bytes], arguments: list[bytes]
) -> bytes:
    """Return the content of ``COMMAND``.

    ``terminals`` has a 1 or 0 for standard input, output and error; ``directory`` is the working
    directory, ``sources`` are those of the settings.
    """
    head = [version.encode(), terminals.encode(), directory, str(len(sources)).encode()]
    return b"\0".join([*head, *sources, *arguments])


def understand(content: bytes) -> tuple[str, str, bytes, list[bytes], list[bytes]]:
    """Return what ``describe`` was given.

    Raises:
        ValueError: it was not made by ``describe``.
    """
    version, terminals, directory, count, *rest = content.split(b"\0")
    number = int(count)
    return version.decode(), terminals.decode(), directory, rest[:number], rest[number:]
