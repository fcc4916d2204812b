"""Out of a repository what its index does not name, so that it does not grow for ever.

The index is written before, so whatever is cut off here, what it names is there; what is left over
goes the next time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from edge_runtime.updates.contents import contents_path, read_contents
from edge_runtime.updates.index import Index, Release

_CONTENTS, _CHUNKS = "contents", "chunks"


def earlier_releases(
    repository: Path, before: Index | None, releases: Iterable[Release], keep: int
) -> list[Release]:
    """Return which releases of the index before stay, the newest first.

    ``keep`` is how many there are of each name, with the one in ``releases``, which are new.
    """
    known = {(each.kind, each.name, each.contents) for each in releases}
    counts = Counter((kind, name) for kind, name, _ in known)
    kept: list[Release] = []
    for each in [*before.releases, *before.earlier] if before else []:
        is_there = (repository / contents_path(each.contents)).is_file()
        if (
            is_there
            and (each.kind, each.name, each.contents) not in known
            and counts[each.kind, each.name] < keep
        ):
            kept.append(each)
            known.add((each.kind, each.name, each.contents))
            counts[each.kind, each.name] += 1
    return kept


def prune(repository: Path, index: Index) -> int:
    """Delete contents and chunks that no release of the index needs; return how many bytes.

    Raises:
        UpdateError: contents that a release needs are damaged: then nothing is deleted.
        OSError: something cannot be read or deleted.
    """
    releases = [*index.releases, *index.earlier]
    contents = {contents_path(each.contents) for each in releases}
    chunks = {
        chunk.path
        for each in releases
        for chunk in read_contents(
            (repository / contents_path(each.contents)).read_bytes(), each.contents
        ).chunks
    }
    return _delete_others(repository, _CONTENTS, contents) + _delete_others(
        repository, _CHUNKS, chunks
    )


def _delete_others(repository: Path, directory: str, kept: set[str]) -> int:
    freed = 0
    for path in sorted((repository / directory).rglob("*")):
        if path.is_file() and path.relative_to(repository).as_posix() not in kept:
            freed += path.stat().st_size
            path.unlink()
    return freed
