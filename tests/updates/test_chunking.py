from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.updates.chunking import AVERAGE_BYTES, LEAST_BYTES, MOST_BYTES, chunks
from tests.updates.site import weights

STREAM = weights(4_000_000)
FIRST_CUTS = [107149, 140099, 72848, 201488]
ALL_CUTS = "00d10bd6b6331f1f"


def _pieces(content: bytes, size_bytes: int) -> list[bytes]:
    return [content[i : i + size_bytes] for i in range(0, len(content), size_bytes)]


def test_the_cuts_are_part_of_the_format() -> None:
    """A repository of today is read by the devices of tomorrow."""
    ends = [len(chunk) for chunk in chunks([STREAM])]
    assert ends[:4] == FIRST_CUTS
    assert hashlib.sha256(repr(ends).encode()).hexdigest()[:16] == ALL_CUTS


def test_chunks_are_the_stream_and_have_their_sizes() -> None:
    found = list(chunks([STREAM]))
    assert b"".join(found) == STREAM
    sizes = [len(chunk) for chunk in found]
    assert all(LEAST_BYTES <= size <= MOST_BYTES for size in sizes[:-1])
    assert AVERAGE_BYTES / 2 < sum(sizes) / len(sizes) < AVERAGE_BYTES * 2
    assert max(len(chunk) for chunk in chunks([bytes(2_000_000)])) == MOST_BYTES


def test_nothing_is_no_chunk() -> None:
    assert list(chunks([])) == []
    assert list(chunks([b"", b"x", b""])) == [b"x"]


@settings(max_examples=10)
@given(st.integers(1, 3_000_000))
def test_the_cuts_do_not_depend_on_how_the_stream_comes(size_bytes: int) -> None:
    pieces = _pieces(STREAM, max(size_bytes, 1000))
    assert [len(each) for each in chunks(pieces)] == [len(each) for each in chunks([STREAM])]


@settings(max_examples=15)
@given(st.integers(0, len(STREAM)), st.binary(min_size=1, max_size=100), st.integers(0, 100))
def test_an_insertion_or_deletion_changes_the_chunks_around_it_only(
    place: int, inserted: bytes, deleted: int
) -> None:
    before = {hashlib.sha256(chunk).digest() for chunk in chunks([STREAM])}
    changed = STREAM[:place] + inserted + STREAM[place + deleted :]
    new = [chunk for chunk in chunks([changed]) if hashlib.sha256(chunk).digest() not in before]
    assert len(new) <= 4
