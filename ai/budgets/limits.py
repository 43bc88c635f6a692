"""Setting limits. Whatever changes one, in the API or the admin, brings steps back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Least
from django.db.models.signals import post_delete, post_save

from ai.budgets import parking
from ai.budgets.errors import BudgetExists, OperatorsBudget
from ai.budgets.models import AIBudget, AIBudgetAccount, BudgetPeriod, BudgetScope
from core.access import organisations_for
from core.errors import InvalidInput, Problem
from core.models import Membership, Organisation, Role, User
from engine.models import Workflow


def budgets_for(user: User) -> QuerySet[AIBudget]:
    """The budgets of the organisations that the user belongs to."""
    return AIBudget.objects.filter(organisation__in=organisations_for(user))


def accounts_for(user: User) -> QuerySet[AIBudgetAccount]:
    """What the organisations that the user is an admin of have spent.

    Each with `holding_usd`: the smallest hard limit that holds for it now, as for a reservation.
    """
    administered = Membership.objects.filter(user=user, role=Role.ADMIN)
    fits = Q(scope=OuterRef("scope"), period=OuterRef("period"), hard_limit_usd__isnull=False)
    for name in ("organisation_id", "workflow_id", "user_id"):
        fits &= Q(**{f"{name}__isnull": True}) | Q(**{name: OuterRef(name)})
    smallest = AIBudget.objects.filter(fits).order_by("hard_limit_usd").values("hard_limit_usd")[:1]
    return AIBudgetAccount.objects.filter(
        organisation_id__in=administered.values("organisation_id")
    ).annotate(holding_usd=Least(Subquery(smallest), "limit_usd"))


def create_budget(
    *,
    organisation: Organisation,
    scope: str,
    period: str | None = None,
    workflow: Workflow | None = None,
    user: User | None = None,
    hard_limit_usd: Decimal | None = None,
    soft_limit_usd: Decimal | None = None,
) -> AIBudget:
    """Sets a limit inside an organisation. Raises InvalidInput, BudgetExists.

    Args:
        period: None: the run for a run's budget, else a day.
    """
    budget = AIBudget(
        organisation=organisation,
        scope=scope,
        period=period or (BudgetPeriod.RUN if scope == BudgetScope.RUN else BudgetPeriod.DAY),
        workflow=workflow,
        user=user,
        hard_limit_usd=hard_limit_usd,
        soft_limit_usd=soft_limit_usd,
    )
    return _saved(budget)


def change_budget(budget: AIBudget, **limits: Decimal | None) -> AIBudget:
    """Gives the budget other limits; those left out stay. Raises InvalidInput, OperatorsBudget."""
    may_change(budget)
    for name, value in limits.items():
        setattr(budget, name, value)
    return _saved(budget)


def may_change(budget: AIBudget) -> None:
    """Refuses what operators have set. Raises OperatorsBudget."""
    if budget.by_operator:
        raise OperatorsBudget()


def connect() -> None:
    """Lets every change of a budget look for steps that it has room for."""
    post_save.connect(_changed, sender=AIBudget, dispatch_uid="ai.budgets.saved")
    post_delete.connect(_changed, sender=AIBudget, dispatch_uid="ai.budgets.deleted")


def _changed(**_: Any) -> None:
    # Also without this the next round of the reconciler would.
    transaction.on_commit(parking.wake, robust=True)


def _saved(budget: AIBudget) -> AIBudget:
    if budget.hard_limit_usd is None and budget.soft_limit_usd is None:
        message = "Give a hard limit, a soft limit or both."
        raise InvalidInput(message, problems=[Problem("", message)])
    try:
        budget.clean()
    except ValidationError as error:
        problems = [
            Problem(name, message)
            for name, messages in error.message_dict.items()
            for message in messages
        ]
        raise InvalidInput(problems[0].message, problems=problems) from None
    try:
        with transaction.atomic():
            budget.save()
    except IntegrityError:
        raise BudgetExists() from None
    return budget
