"""Values against JSON Schemas and rules with messages, and schemas themselves.

JSON Schema is draft 2020-12 with what can be bounded: references stay inside the document, patterns
are of the linear-time dialect (`engine.patterns`), and one check never does more than `MAX_WORK`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from referencing import Registry

from core.errors import Problem
from core.json import JsonObject
from engine import patterns
from engine.keywords import METER, BoundedValidator, message_of
from engine.rules import Expression, ExpressionError, below, check, evaluate
from engine.values import Meter, TooMuchWork

MAX_PROBLEMS = 100
MAX_WORK = 50_000_000
"""Units of work of one check, as in `engine.values`: a hundred thousand rows of a few columns."""
MAX_SUBSCHEMAS = 1_000
MAX_SCHEMA_DEPTH = 32
MAX_PATTERNS = 100

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFUSED = {
    "$id": "references stay inside the schema",
    "$anchor": "references stay inside the schema",
    "$dynamicRef": "use $ref",
    "$dynamicAnchor": "use $ref",
    "$vocabulary": "the vocabulary is that of draft 2020-12",
    "patternProperties": "use propertyNames and additionalProperties",
    "unevaluatedProperties": "use additionalProperties",
    "unevaluatedItems": "use items",
}
_ONE = ("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then")
_LISTED = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("$defs", "definitions", "dependentSchemas", "properties")
# What applies to the same value as the schema that it stands in.
_IN_PLACE = frozenset({"allOf", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "then"})

Pointer = tuple[str, ...]


# -- values


def check_value(
    value: Any,
    *,
    schema: JsonObject | None = None,
    rules: Sequence[Mapping[str, Any]] = (),
    variables: Mapping[str, Any] | None = None,
    path: str = "",
    name: str = "value",
) -> list[Problem]:
    """What is wrong with a value: up to 100 problems with their paths below `path`.

    Args:
        schema: one that `schema_problems` accepts; None: any value fits.
        rules: `{"expr": CEL, "message": text}` that `rules_problems` accepts. Each must be true.
            They are asked only where the value fits the schema, so that they can rely on it.
        variables: what the rules read beside the value, which they see as `value` and as `name`.
    """
    if schema is not None and (problems := _schema_errors(value, schema, path)):
        return problems
    scope = {**(variables or {}), "value": value, name: value}
    return [Problem(path, fault) for rule in rules if (fault := _rule_fault(rule, scope))]


def _schema_errors(value: Any, schema: JsonObject, path: str) -> list[Problem]:
    token = METER.set(Meter(MAX_WORK))
    try:
        return [
            Problem(below(path, error.absolute_path), message_of(error))
            for error in islice(_validator(schema).iter_errors(value), MAX_PROBLEMS)
        ]
    except TooMuchWork:
        return [Problem(path, "takes too much work to be checked against its schema")]
    except RecursionError:
        return [Problem(path, "is nested too deeply to be checked against its schema")]
    finally:
        METER.reset(token)


_validators: dict[int, tuple[JsonObject, Any]] = {}


def _validator(schema: JsonObject) -> Any:
    """The validator of a schema; the schema is kept with it, so that its identity stays its own."""
    known = _validators.get(id(schema))
    if known is not None and known[0] is schema:
        return known[1]
    # Without its own dialect: jsonschema would leave ours for it at the first reference. Without
    # retrieval: it would fetch what it does not find.
    content = {key: part for key, part in schema.items() if key != "$schema"}
    validator = BoundedValidator(content, registry=Registry())
    if len(_validators) >= 256:
        _validators.clear()
    _validators[id(schema)] = (schema, validator)
    return validator


def _rule_fault(rule: Mapping[str, Any], scope: Mapping[str, Any]) -> str | None:
    try:
        result = evaluate(rule["expr"], scope)
    except ExpressionError as error:
        return f"the rule could not be checked: {error.message}"
    if result is True:
        return None
    if result is False:
        return str(rule["message"])
    return f"the rule is neither true nor false (in: {rule['expr'][:80]})"


# -- rules


def rules_problems(rules: Any, path: str, variables: frozenset[str]) -> list[Problem]:
    """What is wrong with the rules of a definition: their shape and their expressions.

    `variables` are the names that they may read; `value` is always among them.
    """
    if not isinstance(rules, list):
        return [Problem(path, "rules are a list")]
    problems = []
    for number, rule in enumerate(rules):
        where = f"{path}[{number}]"
        if not isinstance(rule, dict) or {"expr", "message"} != rule.keys():
            problems.append(Problem(where, "a rule has exactly 'expr' and 'message'"))
        elif not isinstance(rule["message"], str) or not rule["message"].strip():
            problems.append(Problem(f"{where}.message", "the message is a text"))
        else:
            expression = Expression(f"{where}.expr", rule["expr"], variables | {"value"})
            problems += check(expression)
    return problems


# -- schemas


def schema_problems(schema: Any, path: str) -> list[Problem]:
    """What is wrong with a JSON Schema: what the draft forbids, and what could not be bounded."""
    if not isinstance(schema, dict):
        return [Problem(path, "a JSON Schema is an object")]
    parts: dict[Pointer, _Part] = {}
    problems = []
    for part in _parts(schema):
        if len(parts) >= MAX_SUBSCHEMAS or len(part.place) > 2 * MAX_SCHEMA_DEPTH:
            most = f"{MAX_SUBSCHEMAS:,} parts, {MAX_SCHEMA_DEPTH} levels"
            return [Problem(path, f"the schema is too large; at most {most}")]
        parts[part.place] = part
        problems += [
            Problem(_shown(path, part.place, keyword), message)
            for keyword, message in _faults(part)
        ]
    if sum("pattern" in part.schema for part in parts.values() if isinstance(part.schema, dict)) > (
        MAX_PATTERNS
    ):
        problems.append(Problem(path, f"the schema has more than {MAX_PATTERNS} patterns"))
    problems = problems or _reference_problems(parts, path) or _draft_problems(schema, path)
    return problems[:MAX_PROBLEMS]


class _Part(NamedTuple):
    """A schema within a schema.

    Attributes:
        place: the keys that lead to it.
        schema: what stands there.
        applied_with: the place of the schema that applies it to its own value, if one does.
    """

    place: Pointer
    schema: Any
    applied_with: Pointer | None


def _parts(schema: JsonObject) -> Iterator[_Part]:
    """Every schema within a schema, itself first."""
    waiting = [_Part((), schema, None)]
    while waiting:
        part = waiting.pop()
        yield part
        if not isinstance(part.schema, dict):
            continue
        for keyword, value in part.schema.items():
            inner: list[tuple[Pointer, Any]] = []
            if keyword in _ONE:
                inner = [((keyword,), value)]
            elif keyword in _LISTED and isinstance(value, list):
                inner = [((keyword, str(n)), element) for n, element in enumerate(value)]
            elif keyword in _NAMED and isinstance(value, dict):
                inner = [((keyword, name), element) for name, element in value.items()]
            outer = part.place if keyword in _IN_PLACE else None
            waiting += [_Part(part.place + keys, element, outer) for keys, element in inner]


def _faults(part: _Part) -> Iterator[tuple[str, str]]:
    """What one schema must not hold, by keyword."""
    if not isinstance(part.schema, dict):
        return
    for keyword, advice in _REFUSED.items():
        if keyword in part.schema:
            yield keyword, f"'{keyword}' is not supported: {advice}"
    if part.schema.get("$schema", _DIALECT) not in (_DIALECT, f"{_DIALECT}#"):
        yield "$schema", f"the dialect is {_DIALECT}"
    elif "$schema" in part.schema and part.place:
        yield "$schema", "'$schema' stands at the top of a schema only"
    pattern = part.schema.get("pattern")
    if isinstance(pattern, str) and (fault := patterns.fault(pattern)) is not None:
        yield "pattern", fault


def _reference_problems(parts: Mapping[Pointer, _Part], path: str) -> list[Problem]:
    """References to nowhere, and schemas that would apply to one value again and again."""
    uses: dict[Pointer, list[Pointer]] = {place: [] for place in parts}
    for place, part in parts.items():
        if part.applied_with is not None:
            uses[part.applied_with].append(place)
        if isinstance(part.schema, dict) and "$ref" in part.schema:
            target = _target(part.schema["$ref"])
            if target is None or target not in parts:
                message = "a reference names a part of this schema, such as #/$defs/name"
                return [Problem(_shown(path, place, "$ref"), message)]
            uses[place].append(target)
    # What remains when parts that use none of the rest are taken away is a loop, or leads to one.
    users: dict[Pointer, list[Pointer]] = {place: [] for place in parts}
    for place, used in uses.items():
        for target in used:
            users[target].append(place)
    left = {place: len(used) for place, used in uses.items()}
    done = [place for place, count in left.items() if not count]
    while done:
        for place in users[done.pop()]:
            left[place] -= 1
            if not left[place]:
                done.append(place)
    looping = [place for place, count in left.items() if count]
    return [
        Problem(_shown(path, place), "the schema refers to itself without end")
        for place in looping[:1]
    ]


def _target(reference: Any) -> Pointer | None:
    """Where a `$ref` leads: the keys of `#/...`, none for `#`; None for any other."""
    if reference == "#":
        return ()
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    keys = unquote(reference[2:]).split("/")
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in keys)


def _shown(path: str, place: Pointer, *keywords: str) -> str:
    return below(path, (int(key) if key.isdecimal() else key for key in (*place, *keywords)))


def _draft_problems(schema: JsonObject, path: str) -> list[Problem]:
    """What the draft's own schema of schemas says."""
    errors = Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema)
    found = (Problem(below(path, error.absolute_path), error.message[:200]) for error in errors)
    # The draft consists of several vocabularies, each of which reports the same fault.
    return list(dict.fromkeys(islice(found, MAX_PROBLEMS)))
