"""What the resources' views share: whose rows they see."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.views import APIView

from core.models import User
from engine import selectors
from engine.api.permissions import OwnerChanges, WhoSeesMay
from engine.definition import MAX_BYTES
from engine.models import Workflow, WorkflowExecution


def caller(view: APIView) -> User:
    """Who is signed in. The schema's generator asks without a user: it sees nobody's rows."""
    user = view.request.user
    return user if isinstance(user, User) else User()


class DefinitionBody:
    """A view that reads a definition."""

    max_body_bytes = MAX_BYTES


class WorkflowView(GenericAPIView[Workflow]):
    """One workflow, or the caller's list of them. Definitions are read only where shown."""

    permission_classes = [OwnerChanges]
    lookup_field = "id"
    lookup_url_kwarg = "workflow_id"

    def get_queryset(self) -> QuerySet[Workflow]:
        return selectors.workflows_for(caller(self)).defer("definition")


class ExecutionView(GenericAPIView[WorkflowExecution]):
    """One run, or the caller's list of them. Payloads are read only where they are shown."""

    permission_classes = [WhoSeesMay]
    lookup_field = "id"
    lookup_url_kwarg = "execution_id"
    deferred: tuple[str, ...] = (
        "context",
        "results",
        "error_message",
        "workflow__definition",
        "definition_version__definition",
    )

    def get_queryset(self) -> QuerySet[WorkflowExecution]:
        runs = selectors.with_waiting(selectors.executions_for(caller(self)))
        return runs.select_related("workflow", "definition_version").defer(*self.deferred)


def find_execution(view: APIView, execution_id: UUID, **where: UUID) -> WorkflowExecution:
    """A run that the caller may see, without payloads; 404 for any other."""
    runs = selectors.executions_for(caller(view)).defer("context", "results", "error_message")
    return get_object_or_404(runs, id=execution_id, **where)
