"""The accounts a call counts in: the platform's, its organisation's, workflow's, user's, run's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol
from uuid import UUID

from ai.budgets.models import BudgetScope


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
    day: date | None
    organisation_id: UUID | None = None
    workflow_id: UUID | None = None
    user_id: UUID | None = None
    execution_id: UUID | None = None


def today() -> date:
    """The day that calls count on now, in UTC."""
    return datetime.now(UTC).date()


def accounts_of(payer: Payer, day: date) -> Sequence[Account]:
    """The accounts of a call on this day, in the order of their ids.

    A call outside of a run, or of nobody's, has fewer.
    """
    organisation, workflow = payer.organisation_id, payer.workflow_id
    user, run = payer.user_id, payer.execution_id
    found = [Account(id=f"platform:{day}", scope=BudgetScope.PLATFORM, day=day)]
    if organisation:
        found.append(
            Account(
                id=f"organisation:{organisation}:{day}",
                scope=BudgetScope.ORGANISATION,
                day=day,
                organisation_id=organisation,
            )
        )
    if workflow:
        found.append(
            Account(
                id=f"workflow:{workflow}:{day}",
                scope=BudgetScope.WORKFLOW,
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
                day=day,
                organisation_id=organisation,
                user_id=user,
            )
        )
    if run:
        found.append(
            Account(
                id=f"run:{run}",
                scope=BudgetScope.RUN,
                day=None,
                organisation_id=organisation,
                workflow_id=workflow,
                user_id=user,
                execution_id=run,
            )
        )
    return sorted(found, key=lambda account: account.id)
