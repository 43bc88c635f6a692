"""The documented security manager: one door to what keeps a run's data and access safe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from core.access import with_role
from core.audit.actors import Actor
from core.audit.models import Via
from core.audit.recording import record
from core.models import Role, User

VisibleWorkflows = Callable[[User], QuerySet[Any]]


class AccessControlService:
    """Answers whether somebody may do something with a workflow."""

    def __init__(self) -> None:
        self._visible: VisibleWorkflows | None = None

    def register(self, visible_workflows: VisibleWorkflows) -> None:
        """Says which workflows a user sees; the engine does, which this floor does not know."""
        self._visible = visible_workflows

    def has_workflow_access(self, user_id: UUID, workflow_id: UUID, needed: Role) -> bool:
        """Whether the account is active, sees the workflow and has a role large enough there."""
        if self._visible is None:
            return False
        user = User.objects.filter(id=user_id, is_active=True).first()
        if user is None:
            return False
        rows = with_role(self._visible(user), user).filter(id=workflow_id)
        role = rows.values_list("caller_role", flat=True).first()
        return role is not None and Role(role).allows(needed)


access_control = AccessControlService()


class WorkflowSecurityManager:
    """Keeps workflows to those who may use them."""

    def validate_user_access(
        self, user_id: str | UUID, workflow_id: str | UUID, needed: Role = Role.VIEWER
    ) -> bool:
        """Whether the user may see the workflow, or do there what the role `needed` may.

        False for ids that are none, and for accounts that are not active.
        """
        try:
            user, workflow = UUID(str(user_id)), UUID(str(workflow_id))
        except ValueError:
            return False
        return access_control.has_workflow_access(user, workflow, needed)

    def log_workflow_access(
        self, user_id: str | UUID, workflow_id: str | UUID, action: str
    ) -> None:
        """Tells the audit log that the user did this with the workflow, in the open transaction.

        For code that has no request at hand; views use `core.audit.recording.action`.

        Args:
            action: the verb, as in `export`.
        """
        user = User.objects.filter(id=user_id).first()
        actor = Actor(
            via=Via.SYSTEM,
            user_id=None if user is None else user.id,
            username="" if user is None else user.username,
            credential="log_workflow_access",
        )
        record(actor, f"workflow.{action}", ("workflow_engine.workflow", workflow_id))
