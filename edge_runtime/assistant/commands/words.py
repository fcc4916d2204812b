"""Word forms of home commands: what is said, and what Home Assistant calls it."""

from __future__ import annotations

# name there: what people say, with "/" between two forms
_FORMS: dict[str, dict[str, str]] = {
    "level": {
        "100": "max/maximum/highest/full/fully/brightest/loudest/all the way up/all the way",
        "50": "half/halfway",
        "1": "min/minimum/lowest/dimmest",
        "0": "mute/muted/silent",
    },
    "media_class": {
        "artist": "artist/artists/band/singer",
        "album": "album/albums/record",
        "track": "track/tracks/song/songs/tune",
        "playlist": "playlist/playlists",
        "podcast": "podcast/podcasts",
        "movie": "movie/movies/film",
        "tv_show": "show/shows/tv show/tv shows/series",
    },
    "device_class": {
        "awning": "awning/awnings",
        "blind": "blind/blinds",
        "curtain": "curtain/curtains/drapes",
        "door": "door/doors",
        "garage": "garage/garages/garage door/garage doors",
        "gate": "gate/gates",
        "shade": "shade/shades",
        "shutter": "shutter/shutters",
        "window": "window/windows",
    },
    "domain": {
        "light": "light/lights/lighting/lamp/lamps",
        "fan": "fan/fans",
        "switch": "switch/switches/plug/plugs",
        "lock": "lock/locks",
        "cover": "cover/covers",
    },
    "color": {
        "white": "white", "black": "black", "red": "red", "orange": "orange", "yellow": "yellow",
        "green": "green", "blue": "blue", "purple": "purple/violet", "brown": "brown",
        "pink": "pink", "turquoise": "turquoise/teal",
    },
}  # fmt: skip

EVERYWHERE = ("everywhere", "all over", "the house", "the home", "entire house", "whole house")
"""Words that say that not only the room of the listening device is meant."""

ARTICLES = ("the", "my", "our", "a", "an")
"""Words before a name that are no part of it."""

INITIALISMS = ("tv", "ac", "co", "led", "pc", "dvd", "nas", "ups", "usb", "co2", "no2", "hdmi")
"""Words that stand in capitals in a name."""

_KNOWN = {
    kind: {word: name for name, words in forms.items() for word in words.split("/")}
    for kind, forms in _FORMS.items()
}


def canonical_word(kind: str, said: str) -> str | None:
    """Return the name for what is said, None if no list of that kind has it.

    Kinds: level (a share of 100), media_class, device_class, domain and color.
    """
    words = " ".join(said.lower().split())
    for article in ARTICLES:
        words = words.removeprefix(f"{article} ")
    return _KNOWN[kind].get(words)
