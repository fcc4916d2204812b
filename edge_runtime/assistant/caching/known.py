"""What a query that waits carries to keep its answer; loads nothing, for every command's sake."""

from __future__ import annotations

import msgspec


class CacheQuestion(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question as the cache knows it; its words cannot be read from it.

    ``scope`` is what has to be the same besides; ``text`` and ``essence`` are digests. A question
    without ``essence`` and ``vector`` has the answer of the very same text only.
    """

    scope: bytes
    text: bytes
    essence: bytes | None = None
    vector: bytes | None = None
