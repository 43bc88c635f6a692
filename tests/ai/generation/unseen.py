"""What the drafts of `unseen.jsonl` must contain: texts of eight fields that no table was made for.

An ask holds where one of its alternatives (apart by ` || `) does: those of `evals.coverage`, and

- `approvals:n`: so many decisions of persons; `rule:regex`: an expression, with bare names;
- `never:regex`: no expression is like that; `apart:a b`: two answers lead to different steps;
- `note:words`: they are listed as not covered;
- `way:name=value>role`: with this value, in a dry run, this role is asked (none: nobody).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ai.generation.dry_run import dry_run
from ai.generation.offline import planner
from engine import definitions, registry
from engine.samples import sample
from evals import coverage

TEXTS = [
    json.loads(line) for line in (Path(__file__).parent / "unseen.jsonl").read_text().splitlines()
]
_PARTS = ("id", "name", "step_type", "config", "dependencies")


def missing(row: dict[str, Any]) -> list[str]:
    """The asks that the draft of a text does not hold; raises where it is not valid."""
    analysis = planner.analyse(row["text"])
    if analysis["verdict"] != "clear":
        return [f"refused: {analysis['reason']}"]
    found = planner.draft(row["text"])
    draft = {
        "definition": {
            "name": found["name"],
            "version": "1.0",
            "category": "unseen",
            "inputs": found["inputs"],
            "steps": [{part: step[part] for part in _PARTS} for step in found["steps"]],
        },
        "not_covered": found["not_covered"],
        "schedule": found["schedule"],
    }
    definition = definitions.parse(draft["definition"])
    for last in (False, True):
        assert not dry_run(definition, executors=registry.executors(), last=last).problems
    return [ask for ask in row["asks"] if not any(_holds(draft, a) for a in ask.split(" || "))]


def _holds(draft: coverage.Draft, ask: str) -> bool:
    kind, _, argument = ask.partition(":")
    if kind in _KINDS:
        return _KINDS[kind](draft, argument)
    return not coverage.missing(draft, [ask])


def _decisions(draft: coverage.Draft) -> list[dict[str, Any]]:
    steps = draft["definition"]["steps"]
    return [s["config"] for s in steps if s["step_type"] == "DECISION" and "choices" in s["config"]]


def _approvals(draft: coverage.Draft, count: str) -> bool:
    return len(_decisions(draft)) >= int(count)


def _rule(draft: coverage.Draft, pattern: str) -> bool:
    rules = [
        rule.get("when") or rule["expr"]
        for step in draft["definition"]["steps"]
        for rule in step["config"].get("rules", ())
    ]
    return any(re.search(pattern, re.sub(r"steps\.\w+\.output\.|inputs\.", "", r)) for r in rules)


def _apart(draft: coverage.Draft, values: str) -> bool:
    ways = [{c["value"]: c["then"] for c in found["choices"]} for found in _decisions(draft)]
    one, other = values.split()
    return any(one in way and other in way and way[one] != way[other] for way in ways)


def _note(draft: coverage.Draft, words: str) -> bool:
    listed = [f"{item['requirement']} {item['reason']}" for item in draft["not_covered"]]
    return any(_plain(words) in _plain(item) for item in listed)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


def _way(draft: coverage.Draft, argument: str) -> bool:
    given, _, role = argument.partition(">")
    name, _, value = given.partition("=")
    definition = definitions.parse(draft["definition"])
    inputs = sample(definition.inputs or {"type": "object"})
    inputs[name] = float(value) if value.isdigit() else value
    asked = dry_run(definition, executors=registry.executors(), inputs=inputs).asked
    return any(role in step for step in asked) if role else not asked


_KINDS: dict[str, Callable[[coverage.Draft, str], bool]] = {
    "approvals": _approvals,
    "rule": _rule,
    "never": lambda draft, pattern: not _rule(draft, pattern),
    "apart": _apart,
    "note": _note,
    "way": _way,
}
