"""A repository as a device reads it: the index is checked before anything else is believed."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from edge_runtime.updates.contents import MOST_BYTES as MOST_CONTENTS_BYTES
from edge_runtime.updates.contents import Contents, contents_path, read_contents
from edge_runtime.updates.index import (
    FILE_NAME,
    MOST_BYTES,
    Index,
    Release,
    check_fresh,
    read_index,
)
from edge_runtime.updates.source import Source
from edge_runtime.updates.state import Moment, UpdateState

Uptime = Callable[[], tuple[str, float]]
"""Returns an id of this boot, and the seconds since it, by a clock that nobody can set."""


class Repository:
    """Reads a source with the keys that are trusted; ``wall`` returns seconds since the epoch."""

    def __init__(
        self,
        source: Source,
        public_keys: bytes,
        *,
        uptime: Uptime,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.source = source
        self._public_keys = public_keys
        self._uptime = uptime
        self._wall = wall

    def index(self, state: UpdateState) -> tuple[Index, UpdateState]:
        """Return the index, and the state that remembers having seen it.

        Raises:
            UnavailableError: the source cannot be read.
            UpdateError: the index is not signed by a trusted key, is older than one that was seen,
                or out of date.
        """
        index = read_index(self.source.read(FILE_NAME, MOST_BYTES), self._public_keys)
        moment = state.moment.at(*self._uptime())
        check_fresh(
            index,
            seen_version=state.index_version,
            now_s=max(self._wall(), moment.known_s),
        )
        seen = Moment(max(moment.known_s, index.issued_s), moment.clock)
        return index, msgspec.structs.replace(
            state, index_version=index.version, moment=seen, looked_s=self._wall()
        )

    def contents(self, release: Release) -> Contents:
        """Return what a release is made of.

        Raises:
            UnavailableError, UpdateError: as ``index``, or it is not what the index says.
        """
        path = contents_path(release.contents)
        most = min(release.contents_bytes, MOST_CONTENTS_BYTES)
        return read_contents(self.source.read(path, most), release.contents)
