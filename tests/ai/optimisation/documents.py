"""Steps and definitions for the tests of suggestions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ai.optimisation.optimizer import WorkflowOptimizer
from ai.optimisation.values import History, Suggestion
from engine import registry
from tests.support.workflows import calls, definition, step

Document = dict[str, Any]
__all__ = [
    "Document",
    "ask",
    "calls",
    "compute",
    "definition",
    "http",
    "kinds",
    "optimizer",
    "step",
]


def ask(step_id: str, *after: str, prompt: str = "Say something.", **config: Any) -> Document:
    """An AI step."""
    return step(step_id, *after, step_type="AI_GENERATED", config={"prompt": prompt, **config})


def compute(step_id: str, *after: str, reads: Sequence[str] = (), **fields: Any) -> Document:
    """A slow step without effect that gives back what it reads."""
    value = [step_id, *(f"${{steps.{other}.output.value}}" for other in reads)]
    return step(step_id, *after, **calls("tests.compute", value=value), **fields)


def http(step_id: str, *after: str, **fields: Any) -> Document:
    """A step that calls out."""
    config = {"url": "https://api.example.com/${inputs.id}"}
    return step(step_id, *after, step_type="HTTP", config=config, **fields)


def optimizer(history: History | None = None) -> WorkflowOptimizer:
    """With every known step type."""
    return WorkflowOptimizer(executors=registry.executors(), history=history or History())


def kinds(document: Document, history: History | None = None) -> dict[str, Suggestion]:
    """The suggestions for a definition by their ids."""
    found = optimizer(history).optimize(document)
    return {suggestion.candidate.id: suggestion for suggestion in found}
