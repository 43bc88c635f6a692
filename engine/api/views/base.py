"""What the resources' views share: whose rows they see."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.views import APIView

from core.access import with_role
from core.api.callers import caller
from engine import selectors
from engine.definition import MAX_BYTES
from engine.models import Workflow, WorkflowExecution

_ORGANISATION = "workflow__organisation_id"  # the way there from a run


class DefinitionBody:
    """A view that reads a definition."""

    max_body_bytes = MAX_BYTES


class WorkflowView(GenericAPIView[Workflow]):
    """One workflow, or the caller's list of them. Definitions are read only where shown."""

    lookup_field = "id"
    lookup_url_kwarg = "workflow_id"

    def get_queryset(self) -> QuerySet[Workflow]:
        user = caller(self)
        return with_role(selectors.workflows_for(user).defer("definition"), user)


class ExecutionView(GenericAPIView[WorkflowExecution]):
    """One run, or the caller's list of them. Payloads are read only where they are shown."""

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
        user = caller(self)
        runs = selectors.with_waiting(selectors.executions_for(user))
        runs = with_role(runs, user, organisation=_ORGANISATION)
        return runs.select_related("workflow", "definition_version").defer(*self.deferred)


def find_workflow(view: APIView, workflow_id: UUID) -> Workflow:
    """A workflow's id and whose it is; 404 where the caller may not see it, 403 where the role is
    too small for what the view does.
    """
    user = caller(view)
    found = with_role(selectors.workflows_for(user), user).only("id", "organisation_id")
    workflow: Workflow = get_object_or_404(found, id=workflow_id)
    view.check_object_permissions(view.request, workflow)
    return workflow


def find_execution(view: APIView, execution_id: UUID, **where: UUID) -> WorkflowExecution:
    """A run without payloads; 404 where the caller may not see it, 403 where the role is too small
    for what the view does.
    """
    user = caller(view)
    runs = selectors.executions_for(user).defer("context", "results", "error_message")
    runs = with_role(runs, user, organisation=_ORGANISATION)
    run: WorkflowExecution = get_object_or_404(runs, id=execution_id, **where)
    view.check_object_permissions(view.request, run)
    return run
