"""What may stand at a place of a document: said after what is wrong there; pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import msgspec

from edge_runtime.routing.toml_lines import KeyPath

_MOST_LISTED = 12

_Type = msgspec.inspect.Type


def choices_at(schema: type, path: KeyPath, given: object = None) -> str:
    """Return the keys or values that are possible where ``given`` stands, nothing where any are.

    ``path`` leads to it in a document of this schema; its last key may be one that is not known.
    """
    at = msgspec.inspect.type_info(schema)
    for step in path:
        kinds = _kinds(at)
        table = next((each for each in kinds if _is_table(each)), None)
        if isinstance(step, int):
            items = (each.item_type for each in kinds if isinstance(each, _ARRAYS))
            at = next(items, msgspec.inspect.AnyType())
        elif isinstance(table, msgspec.inspect.StructType):
            fields = {field.encode_name: field.type for field in table.fields}
            if step not in fields:
                return _said(sorted(fields), step)
            at = fields[step]
        elif isinstance(table, msgspec.inspect.DictType):
            keys = _values(table.key_type)
            if keys and step not in keys:
                return _said(keys, step)
            at = table.value_type
        else:
            return ""
    return _said(_values(at), given)


_ARRAYS = (
    msgspec.inspect.ListType,
    msgspec.inspect.VarTupleType,
    msgspec.inspect.SetType,
    msgspec.inspect.FrozenSetType,
)


def _kinds(at: _Type) -> Sequence[_Type]:
    return at.types if isinstance(at, msgspec.inspect.UnionType) else (at,)


def _is_table(at: _Type) -> bool:
    return isinstance(at, msgspec.inspect.StructType | msgspec.inspect.DictType)


def _values(at: _Type) -> list[str]:
    """Return the texts that a type allows, none if it allows any."""
    return [
        str(value)
        for each in _kinds(at)
        if isinstance(each, msgspec.inspect.LiteralType)
        for value in each.values
    ]


def _said(known: list[str], given: object) -> str:
    if (close := get_close_matches(str(given), known, n=1)) and len(known) > _MOST_LISTED:
        return f"; is it {close[0]}?"
    return f"; possible are {', '.join(known)}" if 0 < len(known) <= _MOST_LISTED else ""
