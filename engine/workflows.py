"""Saving workflows: a definition is checked, then it becomes a new version."""

from __future__ import annotations

import json
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.db.models.functions import Now

from core.models import User
from engine import definitions
from engine.definition import WorkflowDefinition
from engine.errors import DefinitionInUse
from engine.models import Workflow, WorkflowVersion
from engine.schedules import delete_schedule


def create_workflow(*, document: Any, owner: User | None, is_shared: bool = False) -> Workflow:
    """Saves a new workflow with this definition as its first version. Raises InvalidDefinition."""
    definition = definitions.parse(document)
    workflow = Workflow(
        owner=owner, is_shared=is_shared, created_by=owner.username if owner else "system"
    )
    return _save(workflow, definition, document)


def update_workflow(*, workflow: Workflow, document: Any, user: User | None) -> Workflow:
    """Gives the workflow a new version; runs that have started keep theirs. Raises
    InvalidDefinition.
    """
    definition = definitions.parse(document)
    with transaction.atomic():
        locked = Workflow.objects.select_for_update().get(id=workflow.id)
        # Compared as text: Python holds 1, 1.0 and true for equal.
        if _text(locked.definition) == _text(document):
            return locked
        return _save(locked, definition, document, by=user)


def share_workflow(*, workflow: Workflow, is_shared: bool) -> Workflow:
    """Lets everybody see and run the workflow, or only its owner."""
    Workflow.objects.filter(id=workflow.id).update(is_shared=is_shared, updated_at=Now())
    workflow.refresh_from_db()
    return workflow


def delete_workflow(*, workflow: Workflow) -> None:
    """Deletes a workflow that has never run, and its schedules. Raises DefinitionInUse."""
    try:
        with transaction.atomic():
            for schedule in workflow.schedules.all():
                delete_schedule(schedule)
            workflow.delete()
    except (ProtectedError, IntegrityError):  # the latter where a run starts at the same moment
        raise DefinitionInUse() from None


def _text(document: Any) -> str:
    return json.dumps(document, sort_keys=True)


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
