"""Rows of TSV and JSONL files, each with the place that an error message names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.errors import ConfigError

TABLES = (".tsv",)
OBJECTS = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Row:
    """One record; ``place`` is ``file:line``."""

    place: str
    fields: dict[str, Any]

    def text(self, *names: str) -> str:
        """Return the first of these fields that the row has; numbers, true and false become text.

        Raises:
            ConfigError: the row has none of them, or it is not text.
        """
        for name in names:
            if name in self.fields:
                value = self.fields[name]
                if isinstance(value, bool):
                    return str(value).lower()
                if isinstance(value, int):
                    return str(value)
                if not isinstance(value, str):
                    raise ConfigError(f"{self.place}: {name!r} is not text but {value!r}")
                if any("\ud800" <= letter <= "\udfff" for letter in value):
                    raise ConfigError(f"{self.place}: {name!r} has half a surrogate pair in it")
                return value
        wanted = " or ".join(repr(name) for name in names)
        raise ConfigError(f"{self.place}: no {wanted}; there is {self._present()}")

    def _present(self) -> str:
        return ", ".join(repr(name) for name in self.fields) or "nothing"


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the records of a TSV file with a header, or of a JSONL file.

    Raises:
        ConfigError: the file is not what its ending says, or not UTF-8; names file and line.
    """
    if path.suffix in TABLES:
        yield from _table(path)
    else:
        yield from _objects(path)


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    r"""Yield ``file:line`` and the line without its end, which is ``\n`` or ``\r\n``.

    Raises:
        ConfigError: a line is not UTF-8, or the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                place = f"{path}:{number}"
                try:
                    line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as exc:
                    raise ConfigError(f"{place}: not UTF-8; save the file as UTF-8") from exc
                yield place, line.removesuffix("\n").removesuffix("\r")
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}") from exc


def _table(path: Path) -> Iterator[Row]:
    header: list[str] | None = None
    for place, line in read_lines(path):
        if not line.strip():
            continue
        values = line.split("\t")
        if header is None:
            header = values
        elif len(values) != len(header):
            raise ConfigError(
                f"{place}: {len(values)} columns, but the header has {len(header)}: "
                f"{', '.join(header)}"
            )
        else:
            yield Row(place, dict(zip(header, values, strict=True)))
    if header is None:
        raise ConfigError(f"{path} is empty")


def _objects(path: Path) -> Iterator[Row]:
    for place, line in read_lines(path):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as exc:
            raise ConfigError(f"{place}: not JSON: {exc}") from exc
        if not isinstance(fields, dict):
            raise ConfigError(f"{place}: not a JSON object")
        yield Row(place, fields)
