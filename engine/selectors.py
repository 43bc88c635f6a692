"""Every read that the API and the admin need."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from uuid import UUID

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet

from core.models import User
from engine.errors import UnknownStep
from engine.models import (
    ExecutionStatus,
    StepExecution,
    StepStatus,
    Workflow,
    WorkflowExecution,
    WorkflowSchedule,
    WorkflowVersion,
)


def workflows_for(user: User) -> QuerySet[Workflow]:
    """The workflows that the user may see: those that their organisations share, and their own."""
    return Workflow.objects.filter(_visible_to(user))


def executions_for(user: User) -> QuerySet[WorkflowExecution]:
    """The runs that the user may see: those of the workflows that they may see."""
    return WorkflowExecution.objects.filter(_visible_to(user, "workflow__"))


def schedules_for(user: User) -> QuerySet[WorkflowSchedule]:
    """The schedules that the user may see: those of the workflows that they may see."""
    return WorkflowSchedule.objects.filter(_visible_to(user, "workflow__"))


def _visible_to(user: User, workflow: str = "") -> Q:
    """Holds for rows whose workflow the user may see; `workflow` is the way to it. Gives no row
    twice: an account is in an organisation once.
    """
    member = Q(**{f"{workflow}organisation__memberships__user": user})
    own = Q(**{f"{workflow}owner": user})
    return member & (own | Q(**{f"{workflow}is_shared": True}))


def newest_version_id(workflow: Workflow) -> UUID:
    """The version that a run started now would have."""
    return _version_id(workflow.id, workflow.latest)


@lru_cache(maxsize=1024)
def _version_id(workflow_id: UUID, number: int) -> UUID:
    return WorkflowVersion.objects.values_list("id", flat=True).get(
        workflow_id=workflow_id, number=number
    )


def step(execution_id: UUID, step_id: str, scope: str = "") -> StepExecution:
    """One step of a run, with the run. Raises UnknownStep."""
    row = (
        StepExecution.objects.select_related("execution")
        .filter(execution_id=execution_id, step_id=step_id, scope=scope)
        .first()
    )
    if row is None:
        raise UnknownStep(f"The run has no step '{step_id}'.")
    return row


def ready_positions(execution_id: UUID, positions: Collection[int]) -> list[int]:
    """Those of the positions whose steps are ready."""
    return list(
        StepExecution.objects.filter(
            execution_id=execution_id, position__in=positions, status=StepStatus.READY
        ).values_list("position", flat=True)
    )


def failures(step_execution_id: UUID) -> int:
    """How often the step has failed by itself, since an operator last retried it."""
    rows = StepExecution.objects.filter(id=step_execution_id)
    return rows.values_list("failures", flat=True).first() or 0


def is_waiting(execution: WorkflowExecution) -> bool:
    """Whether the run runs, but nothing moves until somebody answers ."""
    if execution.status != ExecutionStatus.RUNNING:
        return False
    statuses = set(execution.steps.values_list("status", flat=True).distinct())
    return StepStatus.WAITING in statuses and not statuses & {StepStatus.READY, StepStatus.RUNNING}


def with_waiting(executions: QuerySet[WorkflowExecution]) -> QuerySet[WorkflowExecution]:
    """The runs, each with `waiting`: what `is_waiting` tells of one."""
    steps = StepExecution.objects.filter(execution_id=OuterRef("pk"))
    moving = (StepStatus.READY, StepStatus.RUNNING)
    return executions.annotate(
        waiting=ExpressionWrapper(
            Q(status=ExecutionStatus.RUNNING)
            & Exists(steps.filter(status=StepStatus.WAITING))
            & ~Exists(steps.filter(status__in=moving)),
            output_field=BooleanField(),
        )
    )
