"""Configurations of steps, in the forms that their types' schemas ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ai.generation.offline.fields import Field
from ai.generation.offline.formulas import Formula
from ai.generation.offline.plan import Call, Check, Task
from ai.generation.offline.words import label, slug
from core.json import JsonObject

Place = Callable[[str], str]
Materials = Sequence[tuple[str, str]]

_EMAIL = r"^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$"
# Answers of these statuses are results of a look, not failures.
_LOOKED_AT = [400, 401, 403, 404, 408, 409, 410, 429, 500, 501, 502, 503, 504]
_MAX_DETAILS = 20


def collect(fields: Sequence[Field]) -> JsonObject:
    """Values given at the start."""
    return {"source": "inputs", "fields": _object(fields)}


def form(title: str, fields: Sequence[Field]) -> JsonObject:
    """A person's form."""
    return {"source": "form", "title": title[:200], "form": _object(fields)}


def csv(name: str, columns: Sequence[Field]) -> JsonObject:
    """A CSV given at the start."""
    return {"source": "csv", "input": name, "columns": _columns(columns)}


def fetch(call: Call, wanted: Sequence[Field], parameter: str) -> JsonObject:
    """Data of a URL."""
    config: JsonObject = {"source": "url", **_address(call, parameter), "format": call.format}
    if call.format == "csv":
        config["columns"] = _columns(call.columns)
    elif call.format == "json" and wanted:
        config["schema"] = {
            "type": "object",
            "properties": {item.name: {"type": "number"} for item in wanted},
            "required": [item.name for item in wanted],
        }
    return config


def request(call: Call, parameter: str) -> JsonObject:
    """A request whose status is looked at."""
    return {"method": call.method, **_address(call, parameter), "ok_statuses": list(_LOOKED_AT)}


def sending(call: Call, materials: Materials) -> JsonObject:
    """A request that hands over what the run has found."""
    config: JsonObject = {"method": call.method, "url": call.url}
    if call.method not in ("GET", "HEAD", "DELETE"):
        config["json"] = details(materials)
    return config


def task(asked: Task, materials: Materials) -> JsonObject:
    """A model's task with the data."""
    lines = [f"{label(asked.said)}.", ""]
    if asked.options:
        lines.append(f"Answer with one of: {', '.join(asked.options)}.")
    lines += [f"{label(said)}: ${{{place}}}" for said, place in materials]
    config: JsonObject = {
        "prompt": "\n".join(lines),
        "system": "You carry out one step of a workflow. Use the given data only; invent nothing.",
    }
    if asked.options:
        config["schema"] = {
            "type": "object",
            "properties": {asked.name: {"enum": list(asked.options)}},
            "required": [asked.name],
        }
    elif asked.parts:
        config["schema"] = {
            "type": "object",
            "properties": {
                "summary": {"type": "string"},
                **{part: {"type": "string"} for part in asked.parts},
            },
            "required": ["summary", *asked.parts],
        }
    return config


_KEYWORDS = {
    ">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum",
}  # fmt: skip
_LENGTHS = {
    ">=": ("minLength", 0),
    ">": ("minLength", 1),
    "<=": ("maxLength", 0),
    "<": ("maxLength", -1),
}


def limits(checks: Sequence[Check]) -> dict[str, JsonObject]:
    """What must hold of single values, as keywords of their schemas, by name."""
    found: dict[str, JsonObject] = {}
    for check in checks:
        own = found.setdefault(check.subject, {})
        condition = check.condition
        if check.kind == "present":
            own.setdefault("minLength", 1)
        elif check.kind == "email":
            own["format"] = "email"
        elif condition is not None and condition.values and not condition.joined:
            first, last = condition.values[0], condition.values[-1]
            if check.length and condition.operator in ("==", "between"):
                own |= {"minLength": int(first), "maxLength": int(last)}
            elif check.length and condition.operator in _LENGTHS:
                keyword, more = _LENGTHS[condition.operator]
                own[keyword] = int(first) + more
            elif condition.operator == "between":
                own |= {"minimum": first, "maximum": last}
            elif condition.operator in _KEYWORDS and not check.length:
                own[_KEYWORDS[condition.operator]] = first
    return found


def check_rule(check: Check, place: Place) -> JsonObject:
    """One rule of a VALIDATION step."""
    where = place(check.subject) if check.subject else ""
    name = check.subject.replace("_", " ")
    match check.kind:
        case "present":
            return {"expr": f"string({where}) != ''", "message": f"The {name} is missing."}
        case "email":
            return {
                "expr": f"string({where}).matches('{_EMAIL}')",
                "message": f"The {name} does not look valid.",
            }
        case "answered":
            return {"expr": "size(string(value.answer)) > 2", "message": "The answer is empty."}
    condition = check.condition
    if condition is None:
        return {"expr": "true", "message": check.said}
    if check.length:
        expression = condition.expression(lambda _: f"size(string({where}))")
        return {"expr": expression, "message": f"The {name} has another length: {check.said}"}
    return {"expr": condition.expression(place), "message": f"Does not hold: {check.said}"}


def formula(made: Formula, place: Place) -> str:
    """A formula with the places of its values."""
    return re.sub(r"\{(\w+)\}", lambda found: place(found[1]), made.expression)


def details(materials: Materials) -> JsonObject:
    """What the run has found, as `${...}`."""
    return {slug(said): f"${{{place}}}" for said, place in materials[:_MAX_DETAILS]}


def quoted(text: str) -> str:
    """A text as an expression."""
    return "'" + re.sub(r"[\\']", "", text)[:500] + "'"


def outcome(word: str, materials: Materials) -> JsonObject:
    """How the run ended."""
    found = {slug(said): place for said, place in materials[:_MAX_DETAILS]}
    return {"output": {**found, "outcome": f"'{word}'"}}


def _object(fields: Sequence[Field]) -> JsonObject:
    return {
        "type": "object",
        "properties": {item.name: item.schema for item in fields},
        "required": [item.name for item in fields],
    }


def _columns(columns: Sequence[Field]) -> JsonObject:
    return {item.name: "number" if item.kind == "number" else "text" for item in columns}


def _address(call: Call, parameter: str) -> JsonObject:
    if parameter and call.url.endswith(("/", "=")):
        return {"url": f"{call.url}${{{parameter}}}"}
    if parameter:
        return {"url": call.url, "query": {parameter.rpartition(".")[2]: f"${{{parameter}}}"}}
    return {"url": call.url}
