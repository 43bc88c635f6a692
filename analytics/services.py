"""What people think of runs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Avg
from django.db.models.functions import Round

from analytics import recording
from analytics.errors import NotEnded
from analytics.models import WorkflowExecutionMetric, WorkflowLearningData
from analytics.recording import USER_SATISFACTION, Figure
from core.errors import NotFound, Problem
from core.models import User
from engine.models import Workflow
from engine.selectors import executions_for


def submit_feedback(
    *,
    user: User,
    workflow_id: UUID,
    execution_id: UUID,
    rating: int,
    comment: str = "",
    tags: Sequence[str] = (),
) -> tuple[WorkflowLearningData, bool]:
    """Keeps what the user thinks of a run; a second feedback on the same run replaces the first.

    Writes the learning data, the run's user_satisfaction (mean of its ratings) and the workflow's
    rating (mean of all ratings of its runs).

    Args:
        rating: 1 to 5.

    Returns:
        The row, and whether it is new.

    Raises:
        NotFound: the user may not see the run, or it is one of another workflow.
        NotEnded: the run goes on.
    """
    run = executions_for(user).filter(id=execution_id, workflow_id=workflow_id).first()
    if run is None:
        message = "The workflow has no such run."
        raise NotFound(message, problems=[Problem("execution_id", message)])
    if run.completed_at is None:
        raise NotEnded()
    recording.record(run.id)  # where the signal was lost
    with transaction.atomic():
        # One at a time: two means that do not see each other's rating would both be wrong.
        Workflow.objects.select_for_update(no_key=True).only("id").get(id=workflow_id)
        row = WorkflowLearningData.objects.filter(execution=run, user=user).first()
        created = row is None
        row = row or WorkflowLearningData(execution=run, user=user)
        row.rating = rating
        row.user_feedback = {"comment": comment, "tags": list(tags)}
        row.performance_metrics = _figures(run.id)
        row.save()
        feedback = WorkflowLearningData.objects.filter(rating__isnull=False)
        mean = feedback.filter(execution=run).aggregate(mean=Avg("rating"))["mean"]
        recording.write(
            run.id,
            [Figure(name=USER_SATISFACTION, value=Decimal(str(mean)), unit="rating")],
        )
        overall = feedback.filter(execution__workflow_id=workflow_id).aggregate(
            mean=Round(Avg("rating"), precision=2)
        )
        Workflow.objects.filter(id=workflow_id).update(rating=overall["mean"])
    return row, created


def _figures(execution_id: UUID) -> dict[str, float]:
    rows = WorkflowExecutionMetric.objects.filter(execution_id=execution_id)
    return {
        name: float(value)
        for name, value in rows.exclude(metric_name=USER_SATISFACTION).values_list(
            "metric_name", "exact_value"
        )
    }
