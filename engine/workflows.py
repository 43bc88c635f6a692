"""Saving workflows: a definition is checked, then it becomes a new version."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max, ProtectedError
from django.db.models.functions import Now

from core.models import Organisation, Role, User
from core.organisations import personal_organisation
from engine import credentials, definitions
from engine.definition import WorkflowDefinition
from engine.errors import DefinitionInUse
from engine.models import Workflow, WorkflowSchedule, WorkflowVersion
from engine.schedules import delete_schedule


def create_workflow(
    *,
    document: Any,
    owner: User,
    organisation: Organisation | None = None,
    is_shared: bool = False,
) -> Workflow:
    """Saves a new workflow with this definition as its first version. Raises InvalidDefinition.

    Args:
        owner: where it is no member of the organisation, an admin of that owns the workflow.
        organisation: whose it is; the owner's own one where None.
    """
    definition = definitions.parse(document)
    organisation = organisation or personal_organisation(owner)
    credentials.check_references(definition, organisation_id=organisation.id)
    workflow = Workflow(
        organisation=organisation,
        owner_id=_owner_in(organisation, owner.pk),
        is_shared=is_shared,
        created_by=owner.username,
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
        credentials.check_references(definition, organisation_id=locked.organisation_id)
        return _save(locked, definition, document, by=user)


def share_workflow(*, workflow: Workflow, is_shared: bool) -> Workflow:
    """Lets the organisation's members see the workflow, or only its owner."""
    Workflow.objects.filter(id=workflow.id).update(is_shared=is_shared, updated_at=Now())
    workflow.refresh_from_db()
    return workflow


def move_workflow(*, workflow: Workflow, organisation: Organisation, user: User) -> Workflow:
    """Gives the workflow, with its runs and schedules, to another organisation.

    Where its owner is no member there, `user` owns it from now on, or else an admin of it.
    """
    Workflow.objects.filter(id=workflow.id).update(
        organisation=organisation,
        owner_id=_owner_in(organisation, workflow.owner_id, user.pk),
        updated_at=Now(),
    )
    workflow.refresh_from_db()
    return workflow


def hand_over(*, organisation_id: UUID, user_id: UUID, heir_id: UUID, **_: Any) -> None:
    """Gives what somebody had in an organisation to another member: workflows and schedules.

    Receives `core.organisations.member_removed`.
    """
    theirs = Workflow.objects.filter(organisation_id=organisation_id)
    theirs.filter(owner_id=user_id).update(owner_id=heir_id, updated_at=Now())
    schedules = WorkflowSchedule.objects.filter(workflow__organisation_id=organisation_id)
    schedules.filter(user_id=user_id).update(user_id=heir_id, updated_at=Now())


def delete_workflow(*, workflow: Workflow) -> None:
    """Deletes a workflow that has never run, and its schedules. Raises DefinitionInUse."""
    try:
        with transaction.atomic():
            for schedule in workflow.schedules.all():
                delete_schedule(schedule)
            workflow.delete()
    except (ProtectedError, IntegrityError):  # the latter where a run starts at the same moment
        raise DefinitionInUse() from None


def _owner_in(organisation: Organisation, *wanted: UUID | None) -> UUID | None:
    """The first of the wanted accounts that is a member, or else the organisation's first admin."""
    members = organisation.memberships.order_by("created_at", "id")
    found = {row.user_id: row.role for row in members}
    admins = [user_id for user_id, role in found.items() if role == Role.ADMIN]
    return next((user_id for user_id in (*wanted, *admins) if user_id in found), None)


def next_number(workflow: Workflow) -> int:
    """The number of its next version. Drafts are counted too; its row is locked, or new."""
    newest = workflow.versions.aggregate(newest=Max("number"))["newest"]
    return (newest or 0) + 1


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
    workflow.latest = next_number(workflow)
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
