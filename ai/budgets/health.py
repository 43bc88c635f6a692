"""What `/health` tells of budgets: no amounts, since everybody reads it."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from ai.budgets import alerts
from ai.budgets.models import AIBudgetReservation, AIBudgetWait, ReservationState
from core.health import Part

_OVERDUE = timedelta(minutes=5)
_COUNTED = 1_000


def budgets() -> Part:
    """Whether reservations of lost workers are found; how many limits were passed today, and how
    many steps wait for a budget.
    """
    overdue = AIBudgetReservation.objects.filter(
        state=ReservationState.RESERVED, expires_at__lt=Now() - _OVERDUE
    )
    return Part(
        ok=not overdue.exists(),
        age_seconds=0.0,
        needed=False,
        details={
            "soft_limits_passed_today": alerts.of_today()[:_COUNTED].count(),
            "steps_waiting": AIBudgetWait.objects.all()[:_COUNTED].count(),
        },
    )
