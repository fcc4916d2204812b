"""``asyncapi.yaml`` as channels with the schemas of their messages, references filled in."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import jsonschema
import yaml

_PARAMETER = re.compile(r"\{(\w+)\}")
_JSON = "application/json"


@dataclass(frozen=True)
class MessageType:
    """What a message of a channel may be like; ``payload`` and ``headers`` are validators."""

    name: str
    is_json: bool
    content_type: str
    payload: jsonschema.Draft7Validator
    headers: jsonschema.Draft7Validator | None

    def problems(self, payload: bytes, headers: Mapping[str, str] | None) -> list[str]:
        """Return what is wrong with a message; no headers are looked at where there is None."""
        try:
            content = payload.decode()
            found = json.loads(content) if self.is_json else content
        except (ValueError, RecursionError):
            return [f"{self.name}: the payload is not {self.content_type}"]
        said = [_said(each) for each in self.payload.iter_errors(found)]
        if self.headers is not None and headers is not None:
            said += [f"property {_said(each)}" for each in self.headers.iter_errors(dict(headers))]
        return [f"{self.name}: {each}" for each in said]


@dataclass(frozen=True)
class Channel:
    """An address and what goes over it; ``action`` is the node's, ``send`` or ``receive``."""

    name: str
    address: str
    pattern: re.Pattern[str]
    action: str
    qos: int | None
    retain: bool | None
    types: tuple[MessageType, ...]

    @property
    def literals(self) -> int:
        """How many levels are fixed: the channel with most is the one that is meant."""
        return sum(not level.startswith("{") for level in self.address.split("/"))


def load_document() -> dict[str, Any]:
    """Return the document as it is written."""
    text = files("edge_runtime").joinpath("data/asyncapi.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document


@functools.cache
def load_channels() -> tuple[Channel, ...]:
    """Return all channels, those with most fixed levels first."""
    document = load_document()
    whole = resolved(document, document)
    operations = {each["channel"]["$ref"].split("/")[-1]: each for each in _operations(document)}
    channels = []
    for name, channel in whole["channels"].items():
        operation = resolved(operations[name], document)
        binding = operation.get("bindings", {}).get("mqtt", {})
        # apps may say more than a node understands; what we publish is all in the document
        is_ours = operation["action"] == "send" or {"name": "worker"} in channel["tags"]
        channels.append(
            Channel(
                name=name,
                address=channel["address"],
                pattern=_pattern(channel["address"], channel.get("parameters", {})),
                action=operation["action"],
                qos=binding.get("qos"),
                retain=binding.get("retain"),
                types=tuple(_type(each, is_ours=is_ours) for each in channel["messages"].values()),
            )
        )
    return tuple(sorted(channels, key=lambda each: -each.literals))


def resolved(node: Any, document: Mapping[str, Any]) -> Any:
    """Return a part of the document with every reference replaced by what it names.

    Raises:
        KeyError: there is nothing of that name.
    """
    if isinstance(node, dict):
        if "$ref" in node:
            target: Any = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            return resolved(target, document)
        return {key: resolved(value, document) for key, value in node.items()}
    if isinstance(node, list):
        return [resolved(each, document) for each in node]
    return node


def closed(schema: Any) -> Any:
    """Return a schema that allows no field but those it names, unless it says otherwise."""
    if isinstance(schema, dict):
        inner = {key: closed(value) for key, value in schema.items()}
        if isinstance(schema.get("properties"), dict) and "type" in schema:
            inner.setdefault("additionalProperties", False)
        return inner
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    return schema


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from document["operations"].values()


def _type(message: Mapping[str, Any], *, is_ours: bool) -> MessageType:
    if is_ours:
        message = {
            **message,
            **{part: closed(message.get(part)) for part in ("headers", "payload")},
        }
    headers = message.get("headers")
    return MessageType(
        name=message["name"],
        is_json=message["contentType"] == _JSON,
        content_type=message["contentType"],
        payload=jsonschema.Draft7Validator(message["payload"]),
        headers=None if headers is None else jsonschema.Draft7Validator(headers),
    )


def _pattern(address: str, parameters: Mapping[str, Any]) -> re.Pattern[str]:
    def level(match: re.Match[str]) -> str:
        parameter = parameters[match[1]]
        if "enum" in parameter:
            return "|".join(map(re.escape, parameter["enum"])).join(["(?:", ")"])
        if parameter.get("x-levels") == "many":
            return ".+"
        return str(parameter.get("x-pattern", "[^/]+"))

    parts = [
        _PARAMETER.sub(level, part) if part.startswith("{") else re.escape(part)
        for part in address.split("/")
    ]
    return re.compile("/".join(parts))


def _said(error: jsonschema.ValidationError) -> str:
    place = ".".join(map(str, error.absolute_path)) or "the whole"
    # the value may be somebody's text, and is long
    return f"{place}: {error.message[:200]}"
