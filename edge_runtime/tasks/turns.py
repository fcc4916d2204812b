"""Turns at a model that holds one sequence."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from edge_runtime.errors import BusyError


class Turns:
    """Lets one request at a time use a model; those of other threads wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a turn and hold it.

        Raises:
            BusyError: this thread holds it already: it would wait for itself.
        """
        me = threading.get_ident()
        if self._owner == me:
            raise BusyError(
                "a stream of this model is still open in this thread; read it to its end or "
                "close it first"
            )
        with self._lock:
            self._owner = me
            try:
                yield
            finally:
                self._owner = None
