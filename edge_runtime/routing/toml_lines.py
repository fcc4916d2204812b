"""On which line of a TOML document a key stands, which no parser of the standard library says."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence

KeyPath = tuple[str | int, ...]

# what may hide a bracket, an equals sign or the end of a line; the longest first
_PART = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|.',
    re.DOTALL,
)


def line_numbers(text: str) -> dict[KeyPath, int]:
    """Return the line of each table and key of a valid document, counted from 1.

    Keys of an inline table have that of the table.
    """
    lines: dict[KeyPath, int] = {(): 1}
    arrays: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, statement in _statements(text):
        if statement.startswith("[["):
            path = _inside(_keys(_until("]", statement[2:])), arrays)
            arrays[path] = arrays.get(path, -1) + 1
            table = (*path, arrays[path])
            lines.setdefault(path, number)
            lines[table] = number
        elif statement.startswith("["):
            table = _inside(_keys(_until("]", statement[1:])), arrays)
            lines.setdefault(table, number)
        else:
            path = table
            for key in _keys(_until("=", statement)):
                path = (*path, key)
                lines.setdefault(path, number)
    return lines


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int:
    """Return the line of a path, or of the nearest thing around it that has one."""
    while path not in lines:
        path = path[:-1]
    return lines[path]


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield headers and assignments, with the lines on which they begin."""
    number = begun = 1
    depth = 0
    parts: list[str] = []
    for part in _PART.findall(text.replace("\r\n", "\n") + "\n"):
        is_header = "".join(parts).lstrip().startswith("[")
        if part in {"[", "{"}:
            depth += 1
        elif part in {"]", "}"}:
            depth -= 1
        if part == "\n" and (depth <= 0 or is_header):
            statement = "".join(parts).strip()
            if statement:
                yield begun, statement
            parts, depth = [], 0
        elif not part.startswith("#") and (parts or not part.isspace()):
            if not parts:
                begun = number
            parts.append(part)
        number += part.count("\n")


def _until(end: str, statement: str) -> str:
    """Return what stands before a sign, unless that is inside of quotes."""
    return "".join(itertools.takewhile(lambda part: part != end, _PART.findall(statement)))


def _keys(written: str) -> list[str]:
    """Return the parts of a key as it is written, quoted or dotted."""
    found: object = tomllib.loads(f"{written.strip()} = 0")
    keys = []
    while isinstance(found, dict):
        [(key, found)] = found.items()
        keys.append(str(key))
    return keys


def _inside(keys: Sequence[str], arrays: Mapping[KeyPath, int]) -> KeyPath:
    """Return the path of a header: a table below an array of tables is in its last one."""
    path: KeyPath = ()
    for number, key in enumerate(keys, 1):
        path = (*path, key)
        if path in arrays and number < len(keys):
            path = (*path, arrays[path])
    return path
