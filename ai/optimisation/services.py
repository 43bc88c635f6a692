"""Suggestions for stored workflows, and drafts with those that somebody chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ai.optimisation.history import read_history
from ai.optimisation.optimizer import WorkflowOptimizer
from ai.optimisation.values import History, Suggestion
from core.json import JsonObject
from core.models import User
from engine import drafts, registry
from engine.errors import NotAIConfigurable, VersionChanged
from engine.models import Workflow, WorkflowVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class Optimisation:
    """What was suggested for a workflow, and what became of it.

    Attributes:
        version: number of the version that the suggestions are of.
        draft: the version with the chosen suggestions, where some were.
        needless: ids of chosen suggestions that others made needless.
    """

    workflow: Workflow
    version: int
    history: History
    suggestions: list[Suggestion]
    draft: WorkflowVersion | None = None
    needless: Sequence[str] = ()


def optimize_workflow(
    *, workflow: Workflow, user: User, apply: Sequence[str] = (), version: int | None = None
) -> Optimisation:
    """Suggests, and keeps a draft version with the suggestions in `apply`. Changes no run.

    Args:
        apply: ids of suggestions.
        version: the number of the version that they are of.

    Raises:
        NotAIConfigurable: there is something to apply, and the workflow does not allow it.
        VersionChanged: the workflow has another version by now.
        UnknownSuggestion: an id is not that of a suggestion for the workflow as it is now.
        DefinitionTooLarge: the definition has more than 200 steps.
    """
    if version is not None and version != workflow.latest:
        raise VersionChanged()
    if apply and not workflow.ai_configurable:
        raise NotAIConfigurable()
    document = workflow.definition
    history = read_history(user=user, workflow=workflow, document=document)
    optimizer = WorkflowOptimizer(executors=registry.executors(), history=history)
    suggestions = optimizer.optimize(document)
    draft, needless = None, list[str]()
    if apply:
        changed, needless = optimizer.apply(document, apply)
        draft = drafts.draft_version(
            workflow=workflow,
            document=changed,
            user=user,
            explanation=_explained(suggestions, set(apply) - set(needless)),
        )
    return Optimisation(
        workflow=workflow,
        version=workflow.latest,
        history=history,
        suggestions=suggestions,
        draft=draft,
        needless=needless,
    )


def _explained(suggestions: Sequence[Suggestion], applied: set[str]) -> list[JsonObject]:
    """What a draft keeps of its suggestions, for whoever decides on it."""
    return [
        {
            "title": candidate.title,
            "evidence": [fact.said for fact in candidate.evidence],
            "caveats": list(candidate.caveats),
        }
        for candidate in (each.candidate for each in suggestions)
        if candidate.id in applied
    ]
