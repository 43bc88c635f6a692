"""Steps that wait for a budget: parked on no worker, and brought back when there is room.

A step is brought back when a limit is raised or taken away, when a new day or month begins, and
when calls under way turn out to cost less than was reserved. Nobody has to answer, and no attempt
of the step's retry policy is used up. Those that have waited longest come first, no more than may
fit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from ai.budgets import reservations, statements
from ai.budgets.accounts import accounts_of, today
from ai.budgets.errors import AIBudgetExhausted
from ai.budgets.models import AIBudgetReservation, AIBudgetWait, BudgetPeriod, ReservationState
from ai.calls import Caller
from engine import canvas
from engine.definitions import of_run
from engine.models import StepExecution, StepStatus
from engine.step import StepResult, WaitingFor
from engine.transitions import waking

logger = logging.getLogger(__name__)

BUDGET: Final = "budget"
_BATCH = 200
_PAGES = 10
_KEPT = timedelta(days=30)


def park(
    error: AIBudgetExhausted, caller: Caller, *, keep: Mapping[str, Any] | None = None
) -> StepResult:
    """What a step returns that a budget leaves no room for; the error again outside of a run.

    Args:
        keep: details of the step's earlier question, which it needs when it goes on.
    """
    if caller.step_execution_id is None:
        raise error
    AIBudgetWait.objects.update_or_create(
        step_execution_id=caller.step_execution_id,
        defaults={
            "attempt": caller.attempt,
            "amount_usd": error.amount,
            "organisation_id": caller.organisation_id,
            "workflow_id": caller.workflow_id,
            "user_id": caller.user_id,
            "execution_id": caller.execution_id,
        },
    )
    details = {**(keep or {}), **_details(error)}
    return StepResult(
        waiting_for=WaitingFor(kind=BUDGET, title=error.message, form={}, details=details)
    )


def wake() -> int:
    """Brings back the steps that there is room for now. Returns how many that were."""
    woken = 0
    taken: dict[str, Decimal] = {}
    for page in _pages():
        accounts = {a.id: a for wait in page for a in accounts_of(wait, today())}
        room = statements.room(list(accounts.values()))
        for wait in page:
            own = [a.id for a in accounts_of(wait, today()) if a.id in room]
            if any(room[pk] - taken.get(pk, 0) < wait.amount_usd for pk in own):
                continue
            try:
                woken += _wake(wait)
            except Exception:
                logger.exception("step %s: not woken", wait.step_execution_id)
                continue
            for pk in own:
                taken[pk] = taken.get(pk, Decimal(0)) + wait.amount_usd
    return woken


def on_round(**_: Any) -> None:
    """The budgets' part in the reconciler's round."""
    reservations.expire()
    _forget()
    wake()


def _wake(wait: AIBudgetWait) -> int:
    row = wait.step_execution
    advance = waking.wake(row, reason=BUDGET)
    AIBudgetWait.objects.filter(
        step_execution_id=wait.step_execution_id, attempt=wait.attempt
    ).delete()
    if advance is None:
        return 0
    if advance.ready:
        canvas.send(row.execution_id, of_run(row.execution_id), advance.ready)
    return 1


def _pages() -> Iterator[list[AIBudgetWait]]:
    """The steps that are parked now, those first that have waited longest."""
    rows = (
        AIBudgetWait.objects.filter(
            step_execution__status=StepStatus.WAITING,
            step_execution__waiting_for=BUDGET,
            step_execution__attempt=F("attempt"),
        )
        .select_related("step_execution")
        .defer(
            *(
                f"step_execution__{name}"
                for name in ("input_data", "output_data", "error_message", "waiting_data")
            )
        )
        .order_by("created_at", "step_execution_id")
    )
    after = Q()
    for _ in range(_PAGES):
        page = list(rows.filter(after)[:_BATCH])
        if page:
            yield page
        if len(page) < _BATCH:
            return
        last = page[-1]
        after = Q(created_at__gt=last.created_at) | Q(
            created_at=last.created_at, step_execution_id__gt=last.step_execution_id
        )


def _forget() -> None:
    """Deletes what steps left behind that do not wait any more, and reservations long closed.

    A step that is still running has perhaps just asked to be parked.
    """
    waits = StepExecution.objects.filter(
        Q(status=StepStatus.RUNNING) | Q(status=StepStatus.WAITING, waiting_for=BUDGET),
        id=OuterRef("step_execution_id"),
        attempt=OuterRef("attempt"),
    )
    gone = AIBudgetWait.objects.exclude(Exists(waits)).values("step_execution_id")[:_BATCH]
    AIBudgetWait.objects.filter(step_execution_id__in=list(gone.values_list(flat=True))).delete()
    closed = AIBudgetReservation.objects.filter(
        closed_at__lt=Now() - _KEPT,
        state__in=(ReservationState.SETTLED, ReservationState.RELEASED),
    )
    old = list(closed.order_by("closed_at").values_list("id", flat=True)[:_BATCH])
    AIBudgetReservation.objects.filter(id__in=old).delete()


def _details(error: AIBudgetExhausted) -> dict[str, Any]:
    balance = error.balance
    if balance is None:
        return {}
    return {
        "budget": str(balance.scope),
        "period": str(balance.period),
        "resumes": "when the limit is raised"
        if balance.period == BudgetPeriod.RUN
        else f"when the limit is raised, or when the {balance.period} ends (UTC)",
    }
