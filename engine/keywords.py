"""JSON Schema (draft 2020-12) with bounded work and messages for people.

jsonschema's own keywords show the whole value in every message, search with patterns that can hang
and compare each element of a list with every other; these do not. What has no keyword here is left
to jsonschema. Every keyword that is looked at is charged to the meter of the check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from datetime import date, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from engine import patterns
from engine.values import Meter

Errors = Iterator[ValidationError]
Keyword = Callable[[Any, Any, Any, Any], Errors]

METER: ContextVar[Meter] = ContextVar("METER")
"""What the present check may still spend."""

MAX_MATCHED = 100_000
"""Characters of a text that a pattern is searched in."""

_NAMES = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
_EMAIL = r"^[^\s@]+@[^\s@]+\.[^\s@]+$"


def _shown(value: Any) -> str:
    """A value of the schema, in a message."""
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 100 else shown[:97] + "..."


def _kind(validator: Any, instance: Any) -> str:
    for name, shown in _NAMES.items():
        if name != "integer" and validator.is_type(instance, name):
            return shown
    return type(instance).__name__


def _keyword(
    applies_to: str, holds: Callable[[Any, Any], bool], message: Callable[[Any], str]
) -> Keyword:
    """A keyword that compares the value of one type with a limit in the schema."""

    def keyword(validator: Any, limit: Any, instance: Any, schema: Any) -> Errors:
        if validator.is_type(instance, applies_to) and not holds(instance, limit):
            yield ValidationError(message(limit))

    return keyword


def _type(validator: Any, types: Any, instance: Any, schema: Any) -> Errors:
    wanted = [types] if isinstance(types, str) else types
    if not any(validator.is_type(instance, name) for name in wanted):
        names = " or ".join(_NAMES[name] for name in wanted)
        yield ValidationError(f"must be {names}, not {_kind(validator, instance)}")


def _required(validator: Any, names: Any, instance: Any, schema: Any) -> Errors:
    if validator.is_type(instance, "object"):
        for name in names:
            if name not in instance:
                yield ValidationError("is missing", path=[name])


def _dependent_required(validator: Any, needs: Any, instance: Any, schema: Any) -> Errors:
    if validator.is_type(instance, "object"):
        for name, others in needs.items():
            for other in others:
                if name in instance and other not in instance:
                    yield ValidationError(f"is missing: '{name}' needs it", path=[other])


def _additional_properties(validator: Any, rest: Any, instance: Any, schema: Any) -> Errors:
    if not validator.is_type(instance, "object"):
        return
    for name in instance.keys() - schema.get("properties", {}).keys():
        if rest is False:
            yield ValidationError("is not expected", path=[name])
        else:
            yield from validator.descend(instance[name], rest, path=name)


def _is_unique(elements: list[Any], unique: bool) -> bool:
    if not unique:
        return True
    METER.get().spend(50 * len(elements))
    seen = {json.dumps(_canonical(element), sort_keys=True) for element in elements}
    return len(seen) == len(elements)


def _canonical(value: Any) -> Any:
    """The value with 1.0 as 1, since JSON Schema holds them to be the same."""
    if isinstance(value, list):
        return [_canonical(element) for element in value]
    if isinstance(value, dict):
        return {key: _canonical(element) for key, element in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_multiple(value: float, divisor: float) -> bool:
    # By the digits that are written: 0.07 is a multiple of 0.01, which its binary form is not.
    return (Fraction(repr(value)) / Fraction(repr(divisor))).denominator == 1


def _matches(value: str, pattern: str) -> bool:
    METER.get().spend(2 * len(value))
    return len(value) <= MAX_MATCHED and patterns.matches(pattern, value)


def _parses(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def parses(value: str) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return parses


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None or len(value) < 20:
        raise ValueError
    return moment


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date": lambda value: len(value) == 10 and _parses(date.fromisoformat)(value),
    "date-time": _parses(_moment),
    "email": lambda value: len(value) <= 320 and patterns.matches(_EMAIL, value),
    "uuid": lambda value: len(value) == 36 and _parses(UUID)(value),
}
"""The formats that are checked; every other is a hint for whoever shows the value."""


def _format(value: str, name: str) -> bool:
    return name not in FORMATS or FORMATS[name](value)


_OWN: dict[str, Keyword] = {
    "type": _type,
    "required": _required,
    "dependentRequired": _dependent_required,
    "additionalProperties": _additional_properties,
    "minimum": _keyword("number", lambda x, low: bool(x >= low), lambda v: f"must be at least {v}"),
    "maximum": _keyword("number", lambda x, top: bool(x <= top), lambda v: f"must be at most {v}"),
    "exclusiveMinimum": _keyword(
        "number", lambda x, low: bool(x > low), lambda v: f"must be more than {v}"
    ),
    "exclusiveMaximum": _keyword(
        "number", lambda x, top: bool(x < top), lambda v: f"must be less than {v}"
    ),
    "multipleOf": _keyword("number", _is_multiple, lambda v: f"must be a multiple of {v}"),
    "minLength": _keyword(
        "string", lambda x, least: len(x) >= least, lambda v: f"must have at least {v} characters"
    ),
    "maxLength": _keyword(
        "string", lambda x, most: len(x) <= most, lambda v: f"must have at most {v} characters"
    ),
    "pattern": _keyword("string", _matches, lambda v: f"must match the pattern {_shown(v)}"),
    "format": _keyword("string", _format, lambda v: f"is not of the format '{v}'"),
    "minItems": _keyword(
        "array", lambda x, least: len(x) >= least, lambda v: f"must have at least {v} elements"
    ),
    "maxItems": _keyword(
        "array", lambda x, most: len(x) <= most, lambda v: f"must have at most {v} elements"
    ),
    "uniqueItems": _keyword("array", _is_unique, lambda _: "must not have an element twice"),
    "minProperties": _keyword(
        "object", lambda x, least: len(x) >= least, lambda v: f"must have at least {v} keys"
    ),
    "maxProperties": _keyword(
        "object", lambda x, most: len(x) <= most, lambda v: f"must have at most {v} keys"
    ),
}

# What jsonschema's own keywords say, without the value that their messages show.
_MESSAGES: dict[str, Callable[[ValidationError], str]] = {
    "enum": lambda error: f"must be one of {_shown(error.validator_value)}",
    "const": lambda error: f"must be {_shown(error.validator_value)}",
    "not": lambda error: "must not be of this kind",
    "items": lambda error: "has more elements than are allowed",
    "contains": lambda error: "has too few elements of the kind that it needs",
    "maxContains": lambda error: "has too many elements of a kind",
    "anyOf": lambda error: f"fits none of the alternatives{_reasons(error)}",
    "oneOf": lambda error: f"must fit exactly one of the alternatives{_reasons(error)}",
}


def message_of(error: ValidationError) -> str:
    """What is wrong, in words that follow the name of the place."""
    # A schema `false` has no keyword: its error takes the name of the one that it stands under.
    if error.message.startswith("False schema"):
        return "is not allowed"
    keyword = error.validator
    write = _MESSAGES.get(keyword) if isinstance(keyword, str) else None
    return error.message if write is None else write(error)


def _reasons(error: ValidationError) -> str:
    reasons = list(dict.fromkeys(message_of(cause) for cause in error.context or ()))
    return f" ({'; or '.join(reasons[:3])})" if reasons else ""


def _charged(name: str, keyword: Keyword) -> Keyword:
    # In tenths of a microsecond: jsonschema makes a new validator for each reference.
    price = 300 if name == "$ref" else 50

    def charged(validator: Any, value: Any, instance: Any, schema: Any) -> Errors:
        meter = METER.get()
        meter.spend(price)
        for error in keyword(validator, value, instance, schema) or ():
            # Writing the message took time that grows with the value that it shows.
            meter.spend(50 + len(error.message) // 16)
            yield error

    return charged


BoundedValidator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        name: _charged(name, keyword)
        for name, keyword in (Draft202012Validator.VALIDATORS | _OWN).items()
    },
)
