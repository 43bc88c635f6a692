"""The accounts a call counts in: the platform's, its organisation's, workflow's, user's, run's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Protocol
from uuid import UUID

from ai.budgets.models import BudgetPeriod, BudgetScope


class Payer(Protocol):
    """For whom a call is made; `ai.calls.Caller` is one."""

    @property
    def organisation_id(self) -> UUID | None: ...
    @property
    def workflow_id(self) -> UUID | None: ...
    @property
    def user_id(self) -> UUID | None: ...
    @property
    def execution_id(self) -> UUID | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One account, whether or not it has a row yet. `id` says the rest, and is the lock order."""

    id: str
    scope: BudgetScope
    period: BudgetPeriod
    day: date | None
    organisation_id: UUID | None = None
    workflow_id: UUID | None = None
    user_id: UUID | None = None
    execution_id: UUID | None = None


def today() -> date:
    """The day that calls count on now, in UTC."""
    return datetime.now(UTC).date()


def accounts_of(payer: Payer, day: date) -> Sequence[Account]:
    """The accounts of a call on this day, in the order of their ids: of the day, of its month, and
    of the run. A call outside of a run, or of nobody's, has fewer.
    """
    months = [
        replace(
            account,
            id=f"month:{account.id.removesuffix(f':{day}')}:{day:%Y-%m}",
            period=BudgetPeriod.MONTH,
            day=day.replace(day=1),
        )
        for account in _of_day(payer, day)
    ]
    found = [*_of_day(payer, day), *months, *_of_run(payer)]
    return sorted(found, key=lambda account: account.id)


def _of_day(payer: Payer, day: date) -> list[Account]:
    organisation, workflow = payer.organisation_id, payer.workflow_id
    user, period = payer.user_id, BudgetPeriod.DAY
    platform = f"platform:{day}"
    found = [Account(id=platform, scope=BudgetScope.PLATFORM, period=period, day=day)]
    if organisation:
        found.append(
            Account(
                id=f"organisation:{organisation}:{day}",
                scope=BudgetScope.ORGANISATION,
                period=period,
                day=day,
                organisation_id=organisation,
            )
        )
    if workflow:
        found.append(
            Account(
                id=f"workflow:{workflow}:{day}",
                scope=BudgetScope.WORKFLOW,
                period=period,
                day=day,
                organisation_id=organisation,
                workflow_id=workflow,
            )
        )
    if user:
        found.append(
            Account(
                id=f"user:{user}:{organisation or 'none'}:{day}",
                scope=BudgetScope.USER,
                period=period,
                day=day,
                organisation_id=organisation,
                user_id=user,
            )
        )
    return found


def _of_run(payer: Payer) -> list[Account]:
    if payer.execution_id is None:
        return []
    return [
        Account(
            id=f"run:{payer.execution_id}",
            scope=BudgetScope.RUN,
            period=BudgetPeriod.RUN,
            day=None,
            organisation_id=payer.organisation_id,
            workflow_id=payer.workflow_id,
            user_id=payer.user_id,
            execution_id=payer.execution_id,
        )
    ]
