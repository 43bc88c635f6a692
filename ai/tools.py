"""What AI steps may look up: functions that are declared read-only, as models know them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ai.errors import AIToolUnavailable
from ai.providers.base import Tool
from core.errors import Problem
from core.json import JsonObject
from engine import functions
from engine.functions import WorkflowFunction

ROUNDS = 5
"""How often a model may ask for tools, where a step does not say."""
CONFIG: JsonObject = {
    "tools": {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": 255},
        "minItems": 1,
        "maxItems": 20,
        "uniqueItems": True,
    },
    "tool_rounds": {"type": "integer", "minimum": 1, "maximum": 20},
}
"""JSON Schemas of the keys of a step's `config`."""

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME = 64  # characters, of OpenAI


def problems(config: JsonObject, path: str) -> Iterator[Problem]:
    """What is wrong with the tools that a step names."""
    if "tool_rounds" in config and "tools" not in config:
        yield Problem(f"{path}.tool_rounds", "goes with 'tools'")
    for number, name in enumerate(config.get("tools", ())):
        if (fault := _fault(name)) is not None:
            yield Problem(f"{path}.tools[{number}]", fault)


def offered(names: Sequence[str]) -> tuple[Tool, ...]:
    """The tools of these names. Raises AIToolUnavailable."""
    taken: set[str] = set()
    tools = []
    for name in names:
        if (fault := _fault(name)) is not None:
            raise AIToolUnavailable(f"{AIToolUnavailable()} ({fault})")
        function = functions.functions()[name]
        known_as = _known_as(name, taken)
        taken.add(known_as)
        tools.append(
            Tool(
                name=known_as,
                function=name,
                description=function.description,
                parameters=function.schema,
            )
        )
    return tuple(tools)


def _fault(name: str) -> str | None:
    function = functions.functions().get(name)
    if function is None:
        known = ", ".join(sorted(n for n, f in functions.functions().items() if _is_tool(f)))
        return f"unknown function '{name}'; tools are: {known[:500] or 'none'}"
    if not function.read_only:
        return f"the function '{name}' is not declared read-only (`read_only=True`)"
    return None if _is_tool(function) else f"the arguments of '{name}' have no names"


def _is_tool(function: WorkflowFunction) -> bool:
    return function.read_only and function.schema.get("type") == "object"


def _known_as(name: str, taken: set[str]) -> str:
    """The name as endpoints take it: letters, digits, `_` and `-`."""
    plain = _NO_NAME.sub("_", name)[:_LONGEST_NAME]
    found, number = plain, 1
    while found in taken:
        number += 1
        found = f"{plain[: _LONGEST_NAME - 4]}_{number}"
    return found
