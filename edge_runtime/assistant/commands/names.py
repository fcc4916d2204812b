"""The names that the owner gave to things at home."""

from __future__ import annotations

import msgspec


class Home(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The owner's names for devices, areas and floors, and the area where the device listens.

    All may be unknown: then names are taken as they are said.
    """

    devices: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    floors: tuple[str, ...] = ()
    area: str | None = None
