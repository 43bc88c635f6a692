"""A value that fits a JSON Schema, for tries: plain, and the same each time. Pure."""

from __future__ import annotations

from typing import Any

from core.json import JsonObject
from engine import validation

_MAX_DEPTH = 8
_TEXTS = (
    "Sample text",
    "sample@example.com",
    "2026-01-15",
    "2026-01-15T09:00:00Z",
    "0123456789",
    "A",
)
_FORMATS = {
    "email": _TEXTS[1],
    "date": _TEXTS[2],
    "date-time": _TEXTS[3],
    "uri": "https://example.com",
}
_NUMBERS = (1, 0, 10, 100, 0.5, -1)


def sample(schema: Any, *, last: bool = False) -> Any:
    """A value that fits the schema as far as its plain keywords say; the result may need a check.

    Args:
        last: takes the last alternative of each enumeration instead of the first.
    """
    return _value(schema, schema if isinstance(schema, dict) else {}, last, 0)


def _value(schema: Any, root: JsonObject, last: bool, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return None
    if isinstance(reference := schema.get("$ref"), str):
        return _value(_resolved(reference, root), root, last, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "default" in schema:
        return schema["default"]
    if schema.get("enum"):
        return schema["enum"][-1 if last else 0]
    for key in ("oneOf", "anyOf"):
        if schema.get(key):
            options = [option for option in schema[key] if option != {"type": "null"}]
            return _value((options or schema[key])[-1 if last else 0], root, last, depth + 1)
    if examples := schema.get("examples"):
        return examples[0]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    match kind:
        case "object":
            return {
                name: _value(part, root, last, depth + 1)
                for name, part in schema.get("properties", {}).items()
            }
        case "array":
            count = max(schema.get("minItems", 1), 1)
            return [_value(schema.get("items", {}), root, last, depth + 1)] * min(count, 20)
        case "boolean":
            return not last
        case "null":
            return None
        case "number" | "integer":
            return _first(_numbers(schema), schema)
    return _first(_texts(schema), schema)


def _resolved(reference: str, root: JsonObject) -> Any:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _numbers(schema: JsonObject) -> list[Any]:
    edges = [schema[key] for key in ("minimum", "maximum") if key in schema]
    edges += [schema["exclusiveMinimum"] + 1] if "exclusiveMinimum" in schema else []
    edges += [schema["exclusiveMaximum"] - 1] if "exclusiveMaximum" in schema else []
    edges += [schema["multipleOf"]] if "multipleOf" in schema else []
    return [*_NUMBERS, *edges]


def _texts(schema: JsonObject) -> list[Any]:
    named = [_FORMATS[schema["format"]]] if schema.get("format") in _FORMATS else []
    lengths = [
        ("sample" * (size // 6 + 1))[:size]
        for size in (schema.get("minLength"), schema.get("maxLength"))
        if isinstance(size, int) and size <= 10_000
    ]
    return [*named, *_TEXTS, *lengths]


def _first(candidates: list[Any], schema: JsonObject) -> Any:
    """The first candidate that fits; the first where none does."""
    plain = {key: part for key, part in schema.items() if key != "$ref"}
    fitting = (c for c in candidates if not validation.check_value(c, schema=plain))
    return next(fitting, candidates[0])
