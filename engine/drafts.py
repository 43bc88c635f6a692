"""Drafts: versions that are only proposed, until somebody publishes or dismisses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from core.json import JsonObject
from core.models import User
from engine import credentials, definitions
from engine.errors import DraftClosed, NotAIConfigurable, VersionChanged
from engine.models import DraftDecision, Workflow, WorkflowVersion
from engine.workflows import next_number, update_workflow


def draft_version(
    *,
    workflow: Workflow,
    document: Any,
    user: User,
    explanation: Sequence[JsonObject] = (),
) -> WorkflowVersion:
    """Keeps a definition as a draft: runs go on starting with the newest version. Raises
    InvalidDefinition.

    Args:
        explanation: for each change `title`, and lists of sentences: `evidence`, `caveats`.
    """
    definition = definitions.parse(document)
    credentials.check_references(definition, organisation_id=workflow.organisation_id)
    with transaction.atomic():
        locked = Workflow.objects.select_for_update().defer("definition").get(id=workflow.id)
        return WorkflowVersion.objects.create(
            workflow=locked,
            number=next_number(locked),
            version=definition.version,
            definition=document,
            created_by=user.username,
            is_draft=True,
            explanation=list(explanation) or None,
        )


def publish_draft(*, draft: WorkflowVersion, user: User, against: int | None = None) -> Workflow:
    """Makes the draft's definition the workflow's newest version. Runs that have started keep
    theirs.

    Args:
        against: number of the version that the changes were shown against, where they were.

    Raises:
        DraftClosed: it is none, or was decided on.
        NotAIConfigurable: the workflow does not allow changes by AI, which made the draft.
        VersionChanged: the workflow has another version by now.
        InvalidDefinition: what was valid when the draft was made is so no longer.
    """
    with transaction.atomic():
        workflow = Workflow.objects.select_for_update().get(id=draft.workflow_id)
        document = _decide(draft, DraftDecision.PUBLISHED, user).definition
        if not workflow.ai_configurable:
            raise NotAIConfigurable()
        if against is not None and against != workflow.latest:
            raise VersionChanged()
        return update_workflow(workflow=workflow, document=document, user=user)


def dismiss_draft(*, draft: WorkflowVersion, user: User) -> WorkflowVersion:
    """Puts the draft away: it stays to be looked at. Raises DraftClosed."""
    with transaction.atomic():
        return _decide(draft, DraftDecision.DISMISSED, user)


def _decide(draft: WorkflowVersion, decision: DraftDecision, user: User) -> WorkflowVersion:
    # Of two people who decide at once the second finds nothing to update.
    decided = WorkflowVersion.objects.filter(
        id=draft.id, is_draft=True, decision=DraftDecision.OPEN
    ).update(decision=decision, decided_by=user.username, decided_at=Now())
    if not decided:
        raise DraftClosed()
    return WorkflowVersion.objects.get(id=draft.id)
