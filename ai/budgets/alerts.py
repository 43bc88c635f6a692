"""Soft limits: passing one is logged, counted, audited and kept, once for each limit."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet

from ai import metrics
from ai.budgets.accounts import today
from ai.budgets.models import AIBudgetAlert
from ai.budgets.statements import Passed
from core.audit.actors import by_system
from core.audit.recording import record
from core.ids import uuid7

logger = logging.getLogger(__name__)

HIGH_AI_COST = "high_ai_cost"
"""The documented name of the alert."""


def tell(passed: Iterable[Passed]) -> None:
    """Tells of the limits that nobody was told of yet; of several at once, one does."""
    for limit in passed:
        with transaction.atomic():
            _, made = AIBudgetAlert.objects.get_or_create(
                account_id=limit.account,
                soft_limit_usd=limit.soft,
                defaults={"id": uuid7(), "counted_usd": limit.counted},
            )
            if not made:
                continue
            record(
                by_system("budgets"),
                "ai_budget.alert",
                ("ai_budget_account", limit.account),
                organisation_id=limit.organisation_id,
                alert=HIGH_AI_COST,
                soft_limit_usd=str(limit.soft),
                counted_usd=str(limit.counted),
            )
        metrics.budget_alerts.labels(limit.scope).inc()
        logger.warning(
            "%s: AI calls of %s cost $%s, more than the soft limit of $%s",
            HIGH_AI_COST, limit.account, limit.counted, limit.soft,
        )  # fmt: skip


def of_today() -> QuerySet[AIBudgetAlert]:
    """Alerts of accounts of this day, and of runs raised on it."""
    return AIBudgetAlert.objects.filter(created_at__date__gte=today())
