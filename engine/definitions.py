"""Parsed definitions of stored versions, kept in memory: a version never changes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from uuid import UUID

from core.errors import Problem
from core.names import fault_of_name
from engine import parsing, registry
from engine.definition import InvalidDefinition, WorkflowDefinition, WorkflowStep
from engine.models import WorkflowExecution, WorkflowVersion


def parse(document: Any) -> WorkflowDefinition:
    """The definition in a JSON document that somebody gives.

    Raises:
        InvalidDefinition: also for what this deployment would refuse when a step runs.
    """
    executors = registry.executors()
    definition = read(document)
    problems = [*_faults_of_names(definition)]
    problems += [
        Problem(f"steps[{step.position}].{problem.path}", f"step '{step.id}': {problem.message}")
        for step in definition.steps
        for problem in executors[step.step_type].refusals(step)
    ]
    if problems:
        raise InvalidDefinition(problems=problems[:100])
    return definition


def read(document: Any) -> WorkflowDefinition:
    """The definition in a JSON document that was parsed when it was stored."""
    return parsing.parse(document, executors=registry.executors())


def parse_step(document: Any) -> WorkflowStep:
    """One step in a JSON document, by itself. Raises InvalidDefinition."""
    return parsing.parse_step(document, executors=registry.executors())


def _faults_of_names(definition: WorkflowDefinition) -> Iterator[Problem]:
    """Stored definitions are read without: some may be older than the rule."""
    names = [("name", definition.name), ("category", definition.category)]
    names.append(("version", definition.version))
    names += [(f"steps[{step.position}].name", step.name) for step in definition.steps]
    for path, name in names:
        if fault := fault_of_name(name):
            yield Problem(path, fault)


@lru_cache(maxsize=32)
def load(version_id: UUID) -> WorkflowDefinition:
    """The definition of a stored version."""
    return read(WorkflowVersion.objects.values_list("definition", flat=True).get(id=version_id))


def of_run(execution_id: UUID) -> WorkflowDefinition:
    """The definition that a run started with."""
    return load(
        WorkflowExecution.objects.values_list("definition_version_id", flat=True).get(
            id=execution_id
        )
    )
