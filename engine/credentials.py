"""Which secrets a workflow's steps may name: those of its organisation."""

from __future__ import annotations

from functools import cache
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from core import credentials
from core.errors import Problem
from core.http.secrets import Lookup, Secret, UnknownSecret
from engine import registry
from engine.context import WorkflowContext
from engine.definition import InvalidDefinition, WorkflowDefinition
from engine.errors import DatabaseUnavailable
from engine.models import Workflow


def check_references(definition: WorkflowDefinition, *, organisation_id: UUID) -> None:
    """Refuses a definition that names secrets which its organisation has not.

    Raises:
        InvalidDefinition: with the place of each.
    """
    executors = registry.executors()
    found = [
        (step, path, name)
        for step in definition.steps
        for path, name in executors[step.step_type].secrets(step)
    ]
    if not found:
        return
    unknown = credentials.unknown_names(organisation_id, {name for _, _, name in found})
    problems = [
        Problem(
            f"steps[{step.position}].{path}",
            f"step '{step.id}': the organisation has no secret '{name}'",
        )
        for step, path, name in found
        if name in unknown
    ]
    if problems:
        raise InvalidDefinition(problems=problems[:100])


def lookup(context: WorkflowContext) -> Lookup:
    """Finds the secrets of the organisation to which the run's workflow belongs."""

    @cache
    def organisation_id() -> UUID | None:
        workflow_id = context.data.get("run", {}).get("workflow_id")
        rows = Workflow.objects.filter(id=workflow_id)
        return rows.values_list("organisation_id", flat=True).first() if workflow_id else None

    def find(name: str) -> Secret:
        try:
            owner = organisation_id()
            if owner is None:
                raise UnknownSecret(f"There is no secret '{name}' outside of a run.")
            return credentials.find(owner, name)
        except (OperationalError, InterfaceError) as error:
            connection.close()
            raise DatabaseUnavailable() from error

    return find
