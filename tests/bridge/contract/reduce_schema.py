"""Makes ``asyncapi-3.0.0.json``: what the official JSON schema says of documents for MQTT.

    npm pack @asyncapi/specs && tar xzf asyncapi-specs-*.tgz
    python -m tests.bridge.contract.reduce_schema 'package/schemas/3.0.0-without-$id.json'

Other protocols' bindings, other schema formats, descriptions and examples are left out, which takes
the file from 380 to 50 kB. The original is Apache-2.0, of the AsyncAPI Initiative.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).parent / "asyncapi-3.0.0.json"

_PREFIX = "#/definitions/"
_OTHER = ("avro", "openapi")
_BINDINGS = "BindingsObject"


def reduced(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with nothing but what a document for MQTT needs."""
    short = _short(schema)
    definitions: dict[str, Any] = short.pop("definitions")
    for name, definition in definitions.items():
        if name.endswith(_BINDINGS):
            definition["properties"] = {"mqtt": definition["properties"]["mqtt"]}
    kept: dict[str, Any] = {}
    todo = list(_references(short))
    while todo:
        name = todo.pop().removeprefix(_PREFIX).split("/")[0]
        if name in kept:
            continue
        kept[name] = {} if name.startswith(_OTHER) else definitions[name]
        todo += _references(kept[name])
    comment = "Reduced from @asyncapi/specs by reduce_schema.py; Apache-2.0, AsyncAPI Initiative."
    return {"$comment": comment, **short, "definitions": dict(sorted(kept.items()))}


def _short(node: Any, *, is_map: bool = False) -> Any:
    """Leave out what only people read; in a map of names, ``description`` is one of them."""
    if isinstance(node, list):
        return [_short(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _short(value, is_map=not is_map and key in {"properties", "definitions"})
        for key, value in node.items()
        if is_map or key not in {"description", "examples", "example", "title"}
    }


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str) and reference.startswith(_PREFIX):
            yield reference
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(reduced(json.loads(Path(sys.argv[1]).read_text())), indent=1))
