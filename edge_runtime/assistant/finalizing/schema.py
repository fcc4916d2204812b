"""A JSON schema that an answer has to fit; the only import of jsonschema, when one is asked for.

Schema and answer come from others, so what could take for ever is refused: regular expressions,
references to other documents, and references that lead on without end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from edge_runtime.errors import BadRequestError, UnusableAnswerError

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

Schema = dict[str, Any] | bool

_MOST_BYTES = 16 * 1024
_MOST_REFERENCES = 2000
_MESSAGE_LENGTH = 200
_EXPRESSIONS = ("pattern", "patternProperties")
_WRITTEN = ("title", "description", "$comment", "enum", "const", "default", "examples")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def read_schema(value: object) -> Schema | None:
    """Return the option ``schema`` of a request, None where it is left out.

    Raises:
        BadRequestError: it is no schema, or not one that can be checked on a device.
    """
    if value is None:
        return None
    if not isinstance(value, dict | bool) or value is False:
        raise BadRequestError("option schema must be a JSON schema: an object, or true")
    if len(msgspec.json.encode(value)) > _MOST_BYTES:
        raise BadRequestError(f"option schema is over {_MOST_BYTES} bytes")
    for name, content in _named(value):
        if name in _EXPRESSIONS and not (name == "pattern" and not isinstance(content, str)):
            raise BadRequestError(
                f"option schema: {name} is not checked here, since a regular expression can take "
                "for ever; use enum, or check it yourself"
            )
        if name in _REFERENCES and not (isinstance(content, str) and content.startswith("#")):
            raise BadRequestError(f"option schema: {name} may lead to the schema itself only")
    import_jsonschema().check(value)
    return value


def texts_in(schema: Schema) -> list[str]:
    """Return what somebody has written in a schema: descriptions, and values that are allowed."""
    found: list[str] = []
    for name, content in _named(schema):
        if name in _WRITTEN:
            values = content if isinstance(content, list) else [content]
            found += [each for each in values if isinstance(each, str)]
    return found


def check_fit(value: Any, schema: Schema) -> None:  # noqa: ANN401 - JSON
    """See that a JSON value fits a schema.

    Raises:
        UnusableAnswerError: it does not; the message says where and why.
    """
    found = import_jsonschema().misfit(value, schema)
    if found is not None:
        raise UnusableAnswerError(f"it does not fit the schema: {found}")


_Follow = Callable[["Validator", str, object, Schema], Iterable[Any] | None]


class _Checker:
    """jsonschema, with the limits of a device."""

    def __init__(self) -> None:
        from jsonschema import Draft202012Validator, validators  # noqa: PLC0415 - takes 60 ms
        from jsonschema.exceptions import SchemaError, best_match  # noqa: PLC0415
        from referencing import Registry  # noqa: PLC0415
        from referencing.exceptions import Unresolvable  # noqa: PLC0415

        self._draft = Draft202012Validator
        # published without types
        self._extend: Callable[..., Callable[..., Validator]] = validators.extend
        self._best = best_match
        self._registry: Registry[Any] = Registry()  # fetches nothing
        self._schema_error = SchemaError
        self._unresolvable = Unresolvable

    def check(self, schema: Schema) -> None:
        try:
            self._draft.check_schema(schema)
        except self._schema_error as exc:
            raise BadRequestError(f"option schema: {_short(exc.message)}") from exc
        except RecursionError as exc:
            raise BadRequestError("option schema is nested too deeply") from exc

    def misfit(self, value: Any, schema: Schema) -> str | None:  # noqa: ANN401 - JSON
        left = _MOST_REFERENCES
        follow: _Follow = self._draft.VALIDATORS["$ref"]

        def follow_some(
            validator: Validator, reference: str, instance: object, within: Schema
        ) -> Iterator[Any]:
            nonlocal left
            left -= 1
            if left < 0:
                raise RecursionError
            yield from follow(validator, reference, instance, within) or ()

        kind = self._extend(self._draft, {"$ref": follow_some, "$dynamicRef": follow_some})
        try:
            error = self._best(kind(schema, registry=self._registry).iter_errors(value))
        except RecursionError:
            return "its references lead on without end"
        except self._unresolvable as exc:
            return _short(f"a reference leads nowhere: {exc}")
        return None if error is None else _short(f"{error.json_path}: {error.message}")


def import_jsonschema() -> _Checker:
    """Return the checker.

    Raises:
        BadRequestError: the extra ``schema`` is not installed.
    """
    try:
        return _Checker()
    except ImportError as exc:
        raise BadRequestError(
            "option schema needs what this device does not have; run: "
            "pip install 'edge-runtime[schema]'"
        ) from exc


def _named(value: object) -> Iterator[tuple[str, object]]:
    """Yield what could be a keyword anywhere in a schema; properties of that name count too."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield from each.items()
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _short(message: str) -> str:
    said = " ".join(message.split())
    return said if len(said) <= _MESSAGE_LENGTH else f"{said[:_MESSAGE_LENGTH]}\u2026"
