"""How an answer is made to fit a JSON Schema: by the endpoint, by its JSON mode, or by asking.

Which of them an endpoint takes for a model is found out once an hour, in each process.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from ai.providers.base import Mode, Prompt, Turn
from core.errors import Problem
from core.json import JsonObject

_WEAKER: dict[Mode, Mode] = {"json_schema": "json_object", "json_object": "prompted"}
_FORGET_SECONDS = 3600.0  # an endpoint may have learnt it meanwhile
_KEPT = 1000  # models, which authors of workflows choose freely
_MAX_SHOWN = 20_000  # characters of an answer that is sent back
_MAX_PROBLEMS = 20

_INSTRUCTION = (
    "Answer with one JSON value and nothing else: no explanation, no Markdown."
    " It must fit this JSON Schema:\n{}"
)
_REPAIR = (
    "That answer cannot be used:\n{}\nAnswer again, with the whole corrected JSON value and nothing"
    " else. It must fit this JSON Schema:\n{}"
)


class Modes:
    """What is known of endpoints: (endpoint, model) -> the strongest mode that works."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[Mode, float]] = {}
        self._lock = threading.Lock()

    def of(self, endpoint: str, model: str) -> Mode:
        """The mode to begin with."""
        mode, since = self._known.get((endpoint, model), ("json_schema", 0.0))
        fresh = time.monotonic() - since < _FORGET_SECONDS
        return mode if fresh else "json_schema"

    def remember(self, endpoint: str, model: str, mode: Mode) -> None:
        """Keeps which mode has worked."""
        with self._lock:
            if mode == self.of(endpoint, model):
                return
            self._known[endpoint, model] = mode, time.monotonic()
            while len(self._known) > _KEPT:
                self._known.pop(next(iter(self._known)))


def weaker(mode: Mode) -> Mode | None:
    """What to try where an endpoint does not take this mode."""
    return _WEAKER.get(mode)


def in_mode(prompt: Prompt, mode: Mode) -> Prompt:
    """The prompt as this mode needs it: the weaker ones tell the model of the schema."""
    if prompt.schema is None or mode == "json_schema":
        return prompt
    instruction = _INSTRUCTION.format(_written(prompt.schema))
    system = "\n\n".join(filter(None, (prompt.system, instruction)))
    return replace(prompt, mode=mode, system=system)


def repaired(prompt: Prompt, *, answer: str, message: str, problems: Sequence[Problem]) -> Prompt:
    """The prompt that sends an answer back with what the validator says of it.

    Only the last answer is sent back: the prompt grows by one answer, however many fail. What
    tools gave stays.
    """
    told = [f"- {problem.path}: {problem.message}" for problem in problems[:_MAX_PROBLEMS]]
    request = _REPAIR.format("\n".join(told) or f"- {message}", _written(prompt.schema or {}))
    shown = answer[:_MAX_SHOWN] or "(nothing)"
    known = (turn for turn in prompt.turns if turn.calls or turn.answers)
    return replace(prompt, turns=(*known, Turn("assistant", shown), Turn("user", request)))


def _written(schema: JsonObject) -> str:
    return json.dumps(schema, ensure_ascii=False)
