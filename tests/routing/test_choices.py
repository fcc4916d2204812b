from __future__ import annotations

from typing import Literal

import msgspec
import pytest

from edge_runtime.routing.choices import choices_at
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.toml_lines import KeyPath


class Leaf(msgspec.Struct, frozen=True):
    kind: Literal["a", "b"] | None = None
    free: str = ""


class Tree(msgspec.Struct, frozen=True):
    leaf: Leaf = Leaf()
    leaves: list[Leaf] = []
    named: dict[str, Leaf] = {}
    chosen: dict[Literal["x", "y"], Literal["on", "off"]] = {}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("leaf", "kind"), "; possible are a, b"),
        (("leaf", "kin"), "; possible are free, kind"),
        (("leaf", "free"), ""),
        (("leaves", 3, "kind"), "; possible are a, b"),
        (("named", "any", "kind"), "; possible are a, b"),
        (("named", "any"), ""),
        (("chosen", "z"), "; possible are x, y"),
        (("chosen", "x"), "; possible are off, on"),
        (("trunk",), "; possible are chosen, leaf, leaves, named"),
        (("leaf", "free", "deeper"), ""),
        ((), ""),
    ],
)
def test_the_keys_or_values_of_a_place_are_told(path: KeyPath, said: str) -> None:
    assert choices_at(Tree, path) == said


def test_of_many_the_one_that_is_meant_is_told() -> None:
    assert choices_at(OwnerPolicy, ("rules", 0, "langage")) == "; is it language?"
    assert choices_at(OwnerPolicy, ("rules", 0, "zzz")) == ""
