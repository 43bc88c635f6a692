"""A value that fits a JSON Schema, made of a prompt's own material as far as that goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ai.providers.material import Material, figures, shown
from core.json import JsonObject
from engine import validation

_MAX_VALUES = 500  # values that one instance may have
_MAX_TRIES = 200  # candidates for one value
_MAX_OPTIONS = 100  # of an enumeration
_MAX_ITEMS = 50
_MAX_DEPTH = 12
_LONG, _SHORT = 600, 120  # characters of a text, of a title
_TITLES = {"title", "headline", "name", "label", "subject", "heading"}
_DEFINITIONS = ("$defs", "definitions")
_EMPTY: dict[str, Any] = {"string": "", "boolean": False, "null": None}


class Unfillable(Exception):
    """No value was found that fits the schema."""


def fill(schema: JsonObject, material: Material) -> Any:
    """A value that fits the schema: the same schema and material give the same value.

    Raises:
        Unfillable: where the material and the schema's own hints do not make one.
    """
    reason = ""
    for optional in (True, False):
        try:
            value = _Filler(schema, material, optional=optional).value(schema, "", 0)
            problems = validation.check_value(value, schema=schema)
        except Unfillable as error:
            reason = str(error)
        except RecursionError:
            reason = "it refers to itself without end"
        else:
            if not problems:
                return value
            reason = f"{problems[0].path}: {problems[0].message}"
    raise Unfillable(reason)


class _Filler:
    """One attempt: with every property of the schema, or with the required ones only."""

    def __init__(self, root: JsonObject, material: Material, *, optional: bool) -> None:
        self.root = root
        self.material = material
        self.optional = optional
        self.left = _MAX_VALUES
        self.definitions = {key: root[key] for key in _DEFINITIONS if key in root}

    def value(self, schema: Any, name: str, depth: int, scope: Any = None) -> Any:
        """A value for one place.

        Args:
            name: of the property that it is for.
            scope: the row of the prompt's data that it is about, if any.
        """
        self.left -= 1
        if self.left < 0 or depth > _MAX_DEPTH:
            raise Unfillable("the schema is too large")
        schema = self.resolved(schema)
        for key in ("anyOf", "oneOf"):
            if isinstance(schema.get(key), list):
                return self.branch(schema, key, name, depth, scope)
        kind = _kind(schema)
        if kind == "object" and not {"const", "enum"} & schema.keys():
            return self.object(schema, depth, scope)
        if kind == "array" and not {"const", "enum"} & schema.keys():
            return self.array(schema, name, depth, scope)
        return self.leaf(schema, kind, name, scope)

    def resolved(self, schema: Any) -> JsonObject:
        """The schema with references within the document followed and `allOf` laid together."""
        if not isinstance(schema, dict):
            return {}
        for _ in range(_MAX_DEPTH):
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            rest = {key: item for key, item in schema.items() if key != "$ref"}
            schema = {**self.target(reference), **rest}
        merged = dict(schema)
        for part in merged.pop("allOf", ()):
            other = self.resolved(part)
            merged["properties"] = {
                **other.get("properties", {}),
                **merged.get("properties", {}),
            }
            merged["required"] = [*merged.get("required", ()), *other.get("required", ())]
            merged = {**other, **merged}
        return merged

    def target(self, reference: str) -> JsonObject:
        target: Any = self.root
        for part in reference.removeprefix("#").split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, dict) else None
        if not isinstance(target, dict) or not reference.startswith("#"):
            raise Unfillable(f"the reference {reference[:80]!r} leads nowhere")
        return target

    def branch(self, schema: JsonObject, key: str, name: str, depth: int, scope: Any) -> Any:
        rest = {k: item for k, item in schema.items() if k != key}
        for option in schema[key]:
            both = {"allOf": [option], **rest}
            try:
                value = self.value(both, name, depth + 1, scope)
            except Unfillable:
                continue
            if self.fits(value, schema):
                return value
        raise Unfillable(f"none of {key} at '{name}'")

    def object(self, schema: JsonObject, depth: int, scope: Any) -> JsonObject:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        filled = {}
        for name in dict.fromkeys([*required, *(properties if self.optional else ())]):
            try:
                filled[name] = self.value(properties.get(name, {}), name, depth + 1, scope)
            except Unfillable:
                if name in required:
                    raise
        return filled

    def array(self, schema: JsonObject, name: str, depth: int, scope: Any) -> list[Any]:
        least = schema.get("minItems", 0)
        most = min(schema.get("maxItems", _MAX_ITEMS), _MAX_ITEMS)
        if least > _MAX_ITEMS:
            raise Unfillable(f"more than {_MAX_ITEMS} items at '{name}'")
        prefix = schema.get("prefixItems", [])
        values = [self.value(part, name, depth + 1, scope) for part in prefix]
        items = schema.get("items", {})
        if items is False:
            return values
        kind = _kind(self.resolved(items))
        source = self.rows(name, scope)
        if source is None and kind == "string":
            sentences = self.material.best(max(least, 3), characters=_LONG)
            source = sentences or [str(fact) for fact in self.material.facts]
            source = source[: max(least, 3)]
        for row in (source or [])[: most - len(values)]:
            direct = not isinstance(row, dict) and self.fits(row, items)
            value = row if direct else self.value(items, name, depth + 1, row)
            if not (schema.get("uniqueItems") and value in values):
                values.append(value)
        while len(values) < least:
            values.append(self.value(items, name, depth + 1, scope))
        return values

    def rows(self, name: str, scope: Any) -> list[Any] | None:
        """The list of the prompt's data that bears the name."""
        if isinstance(scope, dict) and isinstance(scope.get(name), list):
            return list(scope[name])
        for path, rows in self.material.lists:
            if path and _plain(path[-1]) == _plain(name):
                return rows
        return None

    def leaf(self, schema: JsonObject, kind: str, name: str, scope: Any) -> Any:
        whole = {**self.definitions, **schema}
        for candidate in islice(self.candidates(schema, kind, name, scope), _MAX_TRIES):
            if not validation.check_value(candidate, schema=whole):
                return candidate
        raise Unfillable(f"no {kind} for '{name}'")

    def candidates(self, schema: JsonObject, kind: str, name: str, scope: Any) -> Iterator[Any]:
        """What might fit, the best first."""
        if "const" in schema:
            yield schema["const"]
        options = schema.get("enum", [])
        named = list(self.named(name, scope))
        yield from (value for value in named if value in options)
        yield from sorted(options[:_MAX_OPTIONS], key=self.mentions, reverse=True)
        if not options:
            yield from self.of_kind(schema, kind, name, named)
        if "default" in schema:
            yield schema["default"]
        yield from schema.get("examples", [])[:3]
        yield _EMPTY.get(kind, 0)

    def of_kind(self, schema: JsonObject, kind: str, name: str, named: list[Any]) -> Iterator[Any]:
        if kind in ("number", "integer"):
            numbers = [n for value in named for n in figures(str(value))]
            numbers += [n for fact in self.material.facts for n in figures(str(fact.value))]
            numbers += figures(self.material.text)
            for value in numbers[:4]:
                bounded = _bounded(value, schema)
                yield round(bounded) if kind == "integer" or bounded.is_integer() else bounded
            yield from (schema[key] for key in ("minimum", "maximum") if key in schema)
        elif kind == "string":
            yield from (shown(value) for value in named[:3])
            longest = schema.get("maxLength", _LONG)
            brief = bool(_TITLES & set(re.split(r"[\W_]+", name.lower())))
            limit = min(_SHORT if brief else _LONG, longest)
            yield " ".join(self.material.best(1 if brief else 4, characters=limit))[:limit]
            yield "; ".join(map(str, self.material.facts[:8]))[:limit]
            yield from (shown(fact.value) for fact in self.material.facts[:50])
            words = re.findall(r"[^\s,;\"]+", self.material.text[:20_000])
            yield from dict.fromkeys(words)
            yield self.material.text[:longest]
        else:
            yield from named[:3]

    def named(self, name: str, scope: Any) -> Iterator[Any]:
        """Values of the prompt's data that bear the name, the nearest first."""
        wanted = _plain(name)
        if not wanted:
            return
        if isinstance(scope, dict):
            for key, value in scope.items():
                if _plain(key) == wanted and not isinstance(value, dict | list):
                    yield value
        elif scope is not None:
            yield scope
        for fact in self.material.facts:
            if _plain(fact.path[-1]) == wanted or _plain("".join(fact.path)) == wanted:
                yield fact.value

    def mentions(self, option: Any) -> int:
        """How often the prompt's own sentences and data speak of an option."""
        words = [*self.material.sentences, *(str(f.value) for f in self.material.facts)]
        pattern = re.compile(rf"\b{re.escape(str(option))}\b", re.IGNORECASE)
        return sum(len(pattern.findall(text)) for text in words)

    def fits(self, value: Any, schema: Any) -> bool:
        if not isinstance(schema, dict):
            return schema is True
        return not validation.check_value(value, schema={**self.definitions, **schema})


def _kind(schema: JsonObject) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _bounded(value: float, schema: JsonObject) -> float:
    low = schema.get("minimum", value)
    high = schema.get("maximum", value)
    return float(min(max(value, low), high))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
