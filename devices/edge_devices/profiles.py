"""Profiles: the settings that fit a device, one TOML file for each."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from importlib import resources


class UnknownProfileError(ValueError):
    """There is no profile of this name, or its file is not right."""


@dataclass(frozen=True)
class Profile:
    """Settings for a device.

    For the sessions: ``threads`` is the size of ONNX Runtime's intra-op pool, ``spinning`` whether
    its idle threads wait busily, ``affinity`` whether they stay on the ``big`` cores or run on
    ``any``, ``arena`` whether scratch memory is kept, ``huge_pages`` whether weights lie on pages
    of 2 MB, ``max_context`` for how many tokens a decoder's KV cache is made, and ``memory_mb`` how
    much the process may hold, 0 for no bound.

    For the export: ``dot_product`` is whether the CPU is known to have int8 dot-product
    instructions, ``weight_only`` whether products with weights in blocks (MatMulNBits) run on its
    integer units, ``weight_bits`` how many bits of int8 weights may be used;
    ``encoder_quantization`` and ``decoder_quantization`` name how ``edge-export`` quantizes for it
    when nobody says, ``form`` which form of graph is the fastest here.

    Against heat and an empty battery: the node rests after each answer from ``slow_at_c`` on and
    below ``slow_below_percent``, and refuses long answers from ``shed_at_c`` on and below
    ``shed_below_percent``; both before the board throttles or switches itself off.
    """

    name: str
    description: str
    threads: int
    spinning: bool
    affinity: str
    arena: bool
    huge_pages: bool
    dot_product: bool
    weight_only: bool
    weight_bits: int
    form: str
    encoder_quantization: str
    decoder_quantization: str
    max_context: int
    memory_mb: int
    slow_at_c: int
    shed_at_c: int
    slow_below_percent: int
    shed_below_percent: int


def profile_names() -> list[str]:
    """Return the names of all profiles."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in resources.files("edge_devices").joinpath("profiles").iterdir()
        if entry.name.endswith(".toml")
    )


def load_profile(name: str) -> Profile:
    """Read a profile.

    Raises:
        UnknownProfileError: no such profile, or a key in it is missing, unknown or mistyped.
    """
    if name not in profile_names():
        raise UnknownProfileError(f"no profile {name!r}; there are {', '.join(profile_names())}")
    path = resources.files("edge_devices").joinpath("profiles", f"{name}.toml")
    values = {"name": name, **tomllib.loads(path.read_text(encoding="utf-8"))}
    types = {field.name: field.type for field in dataclasses.fields(Profile)}
    if values.keys() != types.keys():
        wrong = ", ".join(sorted(values.keys() ^ types.keys()))
        raise UnknownProfileError(f"profile {name}: missing or unknown: {wrong}")
    for key, value in values.items():
        if type(value).__name__ != types[key]:
            raise UnknownProfileError(f"profile {name}: {key} must be {types[key]}, not {value!r}")
    return Profile(**values)
