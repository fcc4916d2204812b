from __future__ import annotations

import builtins
import itertools
from typing import Any

import pytest

from edge_runtime.assistant.finalizing.json_answer import read_json
from edge_runtime.assistant.finalizing.schema import read_schema
from edge_runtime.errors import BadRequestError, UnusableAnswerError

pytest.importorskip("jsonschema", reason="needs the extra `schema`")

PEOPLE = {
    "type": "array",
    "items": {"$ref": "#/$defs/person"},
    "$defs": {
        "person": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}
NAMES = {"<PERSON_1>": 'Ada "the first"'}


def test_a_value_that_fits_comes_back_with_its_placeholders_filled_in() -> None:
    value, notes = read_json('[{"age": 3, "name": "<PERSON_1>"}]', PEOPLE, NAMES)
    assert value == [{"age": 3, "name": 'Ada "the first"'}]
    assert notes == []


def test_a_code_fence_is_taken_away() -> None:
    assert read_json('```json\n["a"]\n```', {"type": "array"}, {}) == (
        ["a"],
        ["code fence taken away"],
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Sure! []", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", r"\$: \{\} is not of type 'array'"),
        ('[{"age": "old", "name": "x"}]', r"\$\[0\]\.age: 'old' is not of type 'integer'"),
    ],
)
def test_what_does_not_fit_is_unusable_and_says_where(text: str, said: str) -> None:
    with pytest.raises(UnusableAnswerError, match=said):
        read_json(text, PEOPLE, {})


def test_references_without_end_end() -> None:
    names = [f"d{number}" for number in range(40)]
    both = {
        name: {"allOf": [{"$ref": f"#/$defs/{after}"}] * 2}
        for name, after in itertools.pairwise(names)
    }
    schemas: list[Any] = [
        {"$ref": "#/$defs/d0", "$defs": {**both, names[-1]: {"type": "integer"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
    ]
    for schema in schemas:
        checked = read_schema(schema)
        assert checked is not None
        with pytest.raises(UnusableAnswerError, match="lead on without end"):
            read_json("1", checked, {})


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("string", "an object, or true"),
        (False, "an object, or true"),
        ({"type": "thing"}, "option schema: "),
        ({"properties": {"a": {"pattern": "(a+)+$"}}}, "pattern is not checked here"),
        ({"patternProperties": {"a": {}}}, "patternProperties is not checked here"),
        ({"$ref": "https://example.org/s.json"}, "the schema itself only"),
        ({"$ref": "file:///etc/passwd"}, "the schema itself only"),
        ({"enum": ["x" * 20_000]}, "over 16384 bytes"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused(schema: object, said: str) -> None:
    with pytest.raises(BadRequestError, match=said):
        read_schema(schema)


def test_a_property_may_be_called_pattern() -> None:
    schema = {"properties": {"pattern": {"type": "string"}}}
    assert read_schema(schema) == schema


def test_no_schema_is_none() -> None:
    assert read_schema(None) is None


def test_without_the_extra_the_refusal_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("jsonschema"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BadRequestError, match=r"pip install 'edge-runtime\[schema\]'"):
        read_schema({"type": "object"})
