"""Samples fit their schemas."""

from __future__ import annotations

from typing import Any

import pytest

from engine import validation
from engine.samples import sample

SCHEMAS: list[dict[str, Any]] = [
    {"type": "string", "minLength": 3, "maxLength": 3},
    {"type": "string", "format": "email"},
    {"type": "string", "minLength": 40},
    {"type": "number", "exclusiveMinimum": 2000},
    {"type": "integer", "minimum": -5, "maximum": -2},
    {"type": ["null", "number"]},
    {"enum": ["a", "b"]},
    {"const": 5},
    {"type": "array", "minItems": 3, "items": {"type": "boolean"}},
    {"anyOf": [{"type": "null"}, {"type": "string"}]},
    {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "required": ["a"],
        "$defs": {"A": {"type": "object", "properties": {"n": {"type": "number"}}}},
    },
]


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("last", [False, True])
def test_a_sample_fits(schema: dict[str, Any], last: bool) -> None:
    assert validation.check_value(sample(schema, last=last), schema=schema) == []


def test_the_last_alternative() -> None:
    assert sample({"enum": ["a", "b"]}) == "a"
    assert sample({"enum": ["a", "b"]}, last=True) == "b"


def test_a_schema_without_end_ends() -> None:
    sample({"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"a": {"$ref": "#/$defs/A"}}}}})
