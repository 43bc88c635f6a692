"""Where a JSON Schema wants a number: there a placeholder, a string, is one again. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Self

_NUMBER = re.compile(r"[1-9]\d{0,18}", re.ASCII)
_MOST = 100  # schemas that are looked at for one place
_FURTHER = ("allOf", "anyOf", "oneOf")


def as_number(value: str) -> int | None:
    """The number that a value is as it stands; None where it has gaps, letters or zeros first."""
    return int(value) if _NUMBER.fullmatch(value) else None


class Place:
    """A place in a JSON value, and the schemas that hold for it."""

    def __init__(self, schemas: Sequence[Any], root: Any) -> None:
        self._root = root
        self._schemas = list(self._all(schemas))

    @classmethod
    def whole(cls, schema: Any) -> Self:
        """The place of the value itself."""
        return cls([schema], schema)

    def takes_number(self) -> bool:
        """Whether a number fits here and a text does not."""
        types = {name for schema in self._schemas for name in _types(schema)}
        return bool(types & {"number", "integer"}) and "string" not in types

    def of(self, key: str | int) -> Place:
        """The place of a property, or of an item."""
        found: list[Any] = []
        for schema in self._schemas:
            found += _items(schema, key) if isinstance(key, int) else _properties(schema, key)
        return Place(found, self._root)

    def _all(self, schemas: Sequence[Any]) -> Iterator[dict[str, Any]]:
        """The schemas, and those that they refer to or choose among."""
        waiting, seen = list(schemas), 0
        while waiting and seen < _MOST:
            schema = waiting.pop()
            seen += 1
            if not isinstance(schema, dict):
                continue
            yield schema
            for name in _FURTHER:
                if isinstance(further := schema.get(name), list):
                    waiting += further
            if isinstance(reference := schema.get("$ref"), str):
                waiting.append(self._referred(reference))

    def _referred(self, reference: str) -> Any:
        """What a reference within the document (`#/$defs/x`) names; None for any other."""
        start, *names = reference.split("/")
        found = self._root if start == "#" else None
        for name in names:
            if not isinstance(found, dict):
                return None
            found = found.get(name.replace("~1", "/").replace("~0", "~"))
        return found


def _types(schema: dict[str, Any]) -> list[str]:
    found = schema.get("type", [])
    return [found] if isinstance(found, str) else list(found)


def _properties(schema: dict[str, Any], key: str) -> list[Any]:
    properties = schema.get("properties")
    if isinstance(properties, dict) and key in properties:
        return [properties[key]]
    return [schema.get("additionalProperties")]


def _items(schema: dict[str, Any], at: int) -> list[Any]:
    first = schema.get("prefixItems")
    if isinstance(first, list) and at < len(first):
        return [first[at]]
    return [schema.get("items")]
