"""Who pays in the tests of budgets, and what their accounts say."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from ai.budgets import reservations
from ai.budgets.models import AIBudget, AIBudgetAccount
from ai.budgets.reservations import Reservation
from ai.calls import Caller
from core.models import Organisation

LEASE = timedelta(seconds=60)


def payer(organisation: Organisation, **ids: UUID | None) -> Caller:
    """A call in a run of its own workflow and user, unless `ids` say otherwise."""
    made: dict[str, Any] = {name: uuid4() for name in ("workflow_id", "user_id", "execution_id")}
    return Caller(agent_type="step", organisation_id=organisation.id, **made | ids)


def limit(usd: str | Decimal, *, scope: str = "organisation", **fields: Any) -> AIBudget:
    fields.setdefault("period", "run" if scope == "run" else "day")
    return AIBudget.objects.create(scope=scope, hard_limit_usd=Decimal(usd), **fields)


def reserve(
    usd: str | Decimal | None, caller: Caller, *, lease: timedelta = LEASE, **told: Any
) -> Reservation:
    amount = None if usd is None else Decimal(usd)
    return reservations.reserve(amount, caller=caller, model="m", lease=lease, **told)


def account(prefix: str) -> AIBudgetAccount:
    """The only account whose id begins so."""
    return AIBudgetAccount.objects.get(id__startswith=prefix)


def figures(prefix: str) -> tuple[Any, Any, Any]:
    """Spent, unconfirmed, reserved."""
    found = account(prefix)
    return found.spent_usd, found.unconfirmed_usd, found.reserved_usd
