"""Saving workflows: a definition is checked, then it becomes a new version."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import ProtectedError

from core.models import User
from engine import definitions
from engine.definition import WorkflowDefinition
from engine.errors import DefinitionInUse
from engine.models import Workflow, WorkflowVersion


def create_workflow(*, document: Any, owner: User | None, is_shared: bool = False) -> Workflow:
    """Saves a new workflow with this definition as its first version. Raises InvalidDefinition."""
    definition = definitions.parse(document)
    workflow = Workflow(
        owner=owner, is_shared=is_shared, created_by=owner.username if owner else "system"
    )
    return _save(workflow, definition, document)


def update_workflow(*, workflow: Workflow, document: Any, user: User | None) -> Workflow:
    """Gives the workflow a new version; runs that have started keep theirs. Raises InvalidDefinition."""
    definition = definitions.parse(document)
    with transaction.atomic():
        locked = Workflow.objects.select_for_update().get(id=workflow.id)
        if locked.definition == document:
            return locked
        return _save(locked, definition, document, by=user)


def delete_workflow(*, workflow: Workflow) -> None:
    """Deletes a workflow that has never run. Raises DefinitionInUse."""
    try:
        workflow.delete()
    except ProtectedError:
        raise DefinitionInUse() from None


def _save(
    workflow: Workflow, definition: WorkflowDefinition, document: Any, by: User | None = None
) -> Workflow:
    workflow.name = definition.name
    workflow.description = definition.description
    workflow.version = definition.version
    workflow.category = definition.category
    workflow.ai_configurable = definition.ai_configurable
    workflow.definition = document
    workflow.latest += 1
    with transaction.atomic():
        workflow.save()
        WorkflowVersion.objects.create(
            workflow=workflow,
            number=workflow.latest,
            version=definition.version,
            definition=document,
            created_by=by.username if by else workflow.created_by,
        )
    return workflow
