"""The rows of calls whose worker was lost before it wrote them."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from django.db.models import Model

from ai import metrics
from ai.budgets.models import AIBudgetReservation
from ai.models import AIStepExecution
from ai.rows import WORKER_LOST, insert
from core.models import Organisation, User
from engine.models import StepExecution, Workflow

_MESSAGE = (
    "The worker was lost while the call was under way: what it had sent, and whether there was an"
    " answer, is not known."
)


def recorded(reservation: AIBudgetReservation) -> Decimal | None:
    """Sees to it that the call for which this was reserved has a row; the row has the same id.

    Returns:
        What the call has cost, where its worker had still told; else None.
    """
    rows = AIStepExecution.objects.filter(id=reservation.id)
    known = rows.values_list("exact_cost_usd", flat=True)[:1]
    if known:
        return known[0]
    step, organisation = reservation.step_execution_id, reservation.organisation_id
    if (step and not _there(StepExecution, step)) or (
        organisation and not _there(Organisation, organisation)
    ):
        return None  # it would have been deleted with them
    insert(
        AIStepExecution(
            id=reservation.id,
            step_execution_id=step,
            attempt=reservation.attempt,
            call_number=reservation.call_number,
            user_id=_there(User, reservation.user_id),
            organisation_id=organisation,
            workflow_id=_there(Workflow, reservation.workflow_id),
            agent_type=reservation.agent_type,
            provider=reservation.provider,
            ai_model=reservation.ai_model,
            prompt="",
            response="",
            error_code=WORKER_LOST,
            error_message=_MESSAGE,
        )
    )
    labels = (metrics.model_label(reservation.ai_model), reservation.agent_type)
    metrics.ai_error_counter.labels(*labels, WORKER_LOST).inc()
    return None


def _there(model: type[Model], pk: UUID | None) -> UUID | None:
    """The id, if there still is such a row."""
    found = model._base_manager.filter(pk=pk)
    return pk if pk is not None and found.exists() else None
