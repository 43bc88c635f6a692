"""Whether a draft holds what a requirement asks for: one small check for each kind of element.

An element is `kind:argument`; alternatives stand beside each other with `|`. Names are compared
without case and underscores. The checks look at what steps do, not at what they are called,
wherever that can be told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

Draft = dict[str, Any]  # definition, not_covered, schedule


def missing(draft: Draft, asks: list[str]) -> list[str]:
    """The elements that the draft does not hold."""
    return [ask for ask in asks if not _holds(draft, ask)]


def _holds(draft: Draft, ask: str) -> bool:
    kind, _, argument = ask.partition(":")
    return any(_KINDS[kind](draft, part) for part in argument.split("|"))


def _steps(draft: Draft, *types: str) -> list[Draft]:
    return [s for s in draft["definition"]["steps"] if not types or s["step_type"] in types]


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


def _says(word: str, *values: Any) -> bool:
    text = " ".join(v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values)
    return _plain(word) in _plain(text)


def _names(draft: Draft) -> Iterator[str]:
    """Names of what a run is given: inputs, columns, fields of forms."""
    yield from (draft["definition"].get("inputs") or {}).get("properties", {})
    for step in _steps(draft, "DATA_COLLECTION"):
        yield from step["config"].get("columns", {})
        for key in ("fields", "form"):
            yield from step["config"].get(key, {}).get("properties", {})


def _input(draft: Draft, word: str) -> bool:
    return any(_says(word, name) for name in _names(draft))


def _expressions(draft: Draft) -> Iterator[str]:
    """What decides or checks: rules of decisions and validations, `when`, bounds of schemas."""
    for step in _steps(draft):
        config = step["config"]
        yield from (rule["when"] for rule in config.get("rules", ()) if "when" in rule)
        yield from (rule["expr"] for rule in config.get("rules", ()) if "expr" in rule)
        yield from (rule["expr"] for rule in (step.get("validation_rules") or {}).get("rules", ()))
        if step.get("when"):
            yield step["when"]
        if step["step_type"] == "VALIDATION" and "schema" in config:
            yield json.dumps(config["schema"])
    for step in _steps(draft, "TRANSFORM"):
        yield from (source for source in step["config"]["output"].values() if "?" in source)


def _threshold(draft: Draft, number: str) -> bool:
    wanted = float(number)
    return any(
        float(found) == wanted
        for source in _expressions(draft)
        for found in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?!\w)", source)
    )


def _is_person(step: Draft) -> bool:
    config = step["config"]
    return "choices" in config or config.get("source") == "form"


def _person(draft: Draft, word: str) -> bool:
    people = [step for step in _steps(draft) if _is_person(step)]
    return any(_says(word, step["name"], step["config"].get("title", "")) for step in people)


def _form(draft: Draft, _: str) -> bool:
    return any(step["config"].get("source") == "form" for step in _steps(draft))


def _check(draft: Draft, word: str) -> bool:
    return any(
        not word or _says(word, step["config"]) for step in _steps(draft, "VALIDATION")
    )  # fmt: skip


def _compute(draft: Draft, word: str) -> bool:
    computed = re.compile(r"[-+*/%]|\b(?:sum|avg|min|max|size|count|round)\(|\.size\(")
    for step in _steps(draft, "TRANSFORM"):
        for name, source in step["config"]["output"].items():
            bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", source)
            if computed.search(bare) and (not word or _says(word, name, source)):
                return True
    return any(
        not word or _says(word, step["config"], step["name"]) for step in _steps(draft, "FUNCTION")
    )


def _route(draft: Draft, count: str) -> bool:
    for step in _steps(draft, "DECISION"):
        rules = step["config"].get("rules", ())
        ways = {tuple(rule["then"]) for rule in rules} | {tuple(step["config"].get("default", ()))}
        if rules and len(ways) >= min(int(count), 2) and len(rules) + 1 >= int(count):
            return True
    return False


def _ai(draft: Draft, word: str) -> bool:
    return any(_says(word, step["config"]["prompt"]) for step in _steps(draft, "AI_GENERATED"))


def _ai_schema(draft: Draft, word: str) -> bool:
    return any(
        _says(word, step["config"].get("schema", {})) for step in _steps(draft, "AI_GENERATED")
    )


def _http(draft: Draft, argument: str) -> bool:
    method, _, address = argument.partition(" ")
    return any(
        step["config"].get("method", "GET") == method and address in step["config"]["url"]
        for step in _steps(draft, "HTTP")
    ) or (method == "GET" and _fetch(draft, address))


def _fetch(draft: Draft, address: str) -> bool:
    read = [s for s in _steps(draft, "DATA_COLLECTION") if s["config"].get("source") == "url"]
    read += [s for s in _steps(draft, "HTTP") if s["config"].get("method", "GET") == "GET"]
    return any(address in step["config"]["url"] for step in read)


def _csv(draft: Draft, column: str) -> bool:
    return any(
        _says(column, list(s["config"].get("columns", {})))
        for s in _steps(draft, "DATA_COLLECTION")
    )


def _schedule(draft: Draft, cron: str) -> bool:
    return _normal(draft.get("schedule") or "") == _normal(cron)


def _normal(cron: str) -> str:
    return re.sub(r"\bmon-fri\b", "1-5", re.sub(r"\b0(\d)\b", r"\1", cron.lower()))


def _note(draft: Draft, word: str) -> bool:
    return any(_says(word, item) for item in draft["not_covered"])


def _gated(draft: Draft, _: str) -> bool:
    """Every HTTP step that writes comes after a person's decision."""
    steps = {step["id"]: step for step in _steps(draft)}

    def asked(step_id: str, seen: frozenset[str] = frozenset()) -> bool:
        if step_id in seen:
            return False
        step = steps[step_id]
        return "choices" in step["config"] or any(
            asked(other, seen | {step_id}) for other in step.get("dependencies", ())
        )

    writes = [s for s in _steps(draft, "HTTP") if s["config"].get("method", "GET") != "GET"]
    return bool(writes) and all(asked(step["id"]) for step in writes)


_KINDS: dict[str, Callable[[Draft, str], bool]] = {
    "input": _input,
    "threshold": _threshold,
    "person": _person,
    "form": _form,
    "check": _check,
    "compute": _compute,
    "route": _route,
    "ai": _ai,
    "ai_schema": _ai_schema,
    "http": _http,
    "fetch": _fetch,
    "csv": _csv,
    "schedule": _schedule,
    "note": _note,
    "gated": _gated,
}
