"""What AI calls may cost (budgets), what they have cost (accounts), and what is under way."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from core.ids import uuid7
from core.models import Organisation
from engine.models import StepExecution, Workflow, WorkflowExecution


class BudgetScope(models.TextChoices):
    """What a budget is for: each has an account for every day and month, but a run one alone."""

    PLATFORM = "platform", "everything"
    ORGANISATION = "organisation", "each organisation"
    WORKFLOW = "workflow", "each workflow"
    USER = "user", "each user in an organisation"
    RUN = "run", "each run"


class BudgetPeriod(models.TextChoices):
    """For how long an account counts."""

    DAY = "day", "a day"
    MONTH = "month", "a month"
    RUN = "run", "as long as the run takes"


# Which of the columns organisation, workflow and user may narrow a budget of a scope.
NARROWED_BY: dict[str, frozenset[str]] = {
    BudgetScope.PLATFORM: frozenset(),
    BudgetScope.ORGANISATION: frozenset({"organisation"}),
    BudgetScope.WORKFLOW: frozenset({"organisation", "workflow"}),
    BudgetScope.USER: frozenset({"organisation", "user"}),
    BudgetScope.RUN: frozenset({"organisation", "workflow"}),
}


def _usd(**options: Any) -> models.DecimalField[Any, Any]:
    # As exact as the cost of a call.
    return models.DecimalField(max_digits=18, decimal_places=10, **options)


def _limit(help_text: str) -> models.DecimalField[Any, Any]:
    return models.DecimalField(
        max_digits=14,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=help_text,
    )


class AIBudget(models.Model):
    """A limit in US dollars. Every one that fits a call holds: the smallest counts."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    scope = models.CharField(max_length=20, choices=BudgetScope.choices)
    period = models.CharField(
        max_length=10,
        choices=BudgetPeriod.choices,
        default=BudgetPeriod.DAY,
        help_text="Days and months are those of UTC.",
    )
    # Without indexes: there are few rows, and every reservation reads all of them.
    organisation = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="ai_budgets",
        help_text="Empty: every organisation.",
    )
    workflow = models.ForeignKey(
        Workflow,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="ai_budgets",
        help_text="Empty: every workflow.",
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="ai_budgets",
        help_text="Empty: every user.",
    )
    hard_limit_usd = _limit("No call begins that could pass it: its step waits.")
    soft_limit_usd = _limit("Passing it raises an alert.")
    by_operator = models.BooleanField(
        default=False,
        editable=False,
        help_text="Set in the admin: the organisation's own admins cannot change it.",
    )
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        db_table = "ai_budgets"
        ordering = ("scope", "id")
        verbose_name = "AI budget"
        constraints = (
            models.UniqueConstraint(
                fields=("scope", "period", "organisation", "workflow", "user", "by_operator"),
                name="ai_budget_once",
                nulls_distinct=False,
                violation_error_message="There is a budget for this already: change that.",
            ),
            models.CheckConstraint(
                condition=Q(hard_limit_usd__isnull=False) | Q(soft_limit_usd__isnull=False),
                name="ai_budget_has_a_limit",
                violation_error_message="Give a hard limit, a soft limit or both.",
            ),
            models.CheckConstraint(
                condition=Q(scope__in=BudgetScope.values), name="ai_budget_scope"
            ),
            models.CheckConstraint(
                condition=Q(scope="run", period="run")
                | ~Q(scope="run") & Q(period__in=("day", "month")),
                name="ai_budget_period",
                violation_error_message="A run's budget is for the run, others are for a day or a "
                "month.",
            ),
        )

    def __str__(self) -> str:
        if self.scope == BudgetScope.RUN:
            return self.get_scope_display()
        return f"{self.get_scope_display()}, {self.get_period_display()}"

    def clean(self) -> None:
        """Refuses what its scope has no use for."""
        if (self.scope == BudgetScope.RUN) != (self.period == BudgetPeriod.RUN):
            message = "A run's budget is for the run, others are for a day or a month."
            raise ValidationError({"period": message})
        narrowed = {name for name in ("organisation", "workflow", "user") if self._given(name)}
        for name in sorted(narrowed - NARROWED_BY.get(self.scope, frozenset())):
            raise ValidationError({name: f"A budget for {self} is not narrowed by this."})
        if self.workflow and self.organisation_id not in (None, self.workflow.organisation_id):
            raise ValidationError({"workflow": "The workflow belongs to another organisation."})
        limits = self.soft_limit_usd, self.hard_limit_usd
        if None not in limits and limits[0] > limits[1]:
            message = "Above the hard limit it would never be passed."
            raise ValidationError({"soft_limit_usd": message})

    def _given(self, name: str) -> bool:
        return getattr(self, f"{name}_id") is not None


class AIBudgetAccount(models.Model):
    """What one organisation, workflow, user or run has spent, on a day, in a month or at all.

    No foreign key has a constraint of the database: a reservation must wait for none of these rows.
    """

    id = models.CharField(primary_key=True, max_length=150)
    scope = models.CharField(max_length=20, choices=BudgetScope.choices)
    period = models.CharField(max_length=10, choices=BudgetPeriod.choices, default=BudgetPeriod.DAY)
    day = models.DateField(
        null=True, help_text="In UTC, a month's first. Empty: a run, however long it takes."
    )
    limit_usd = models.DecimalField(
        max_digits=14,
        decimal_places=4,
        null=True,
        help_text="Of a run whose definition has a budget: its hard limit.",
    )
    organisation = models.ForeignKey(
        Organisation, null=True, on_delete=models.CASCADE, db_constraint=False, related_name="+"
    )
    workflow = models.ForeignKey(
        Workflow, null=True, on_delete=models.CASCADE, db_constraint=False, related_name="+"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        db_constraint=False,
        related_name="+",
    )
    execution = models.ForeignKey(
        WorkflowExecution,
        null=True,
        on_delete=models.CASCADE,
        db_constraint=False,
        related_name="+",
    )
    spent_usd = _usd(default=0, help_text="Exact costs of calls.")
    unconfirmed_usd = _usd(
        default=0, help_text="Most that calls may have cost of which the cost is not known."
    )
    reserved_usd = _usd(default=0, help_text="Most that calls under way may cost.")
    calls = models.BigIntegerField(default=0, help_text="That were answered.")
    unpriced_calls = models.BigIntegerField(
        default=0, help_text="Of them: the model's price is not known, nothing is counted."
    )
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        db_table = "ai_budget_accounts"
        ordering = ("-day", "id")
        verbose_name = "AI budget account"
        indexes = (models.Index(fields=("-day", "id"), name="ai_account_day"),)

    def __str__(self) -> str:
        return self.id


class ReservationState(models.TextChoices):
    """What became of the money that a call might cost."""

    RESERVED = "reserved", "reserved: the call is under way"
    SETTLED = "settled", "settled with the exact cost"
    RELEASED = "released", "released: the call cost nothing"
    UNCONFIRMED = "unconfirmed", "unconfirmed: it may have been paid for, and counts as if"


class AIBudgetReservation(models.Model):
    """The most that one call may cost, set aside in its accounts before it is sent."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    accounts = ArrayField(models.CharField(max_length=150))
    amount_usd = _usd()
    cost_usd = _usd(null=True, help_text="Once it is settled.")
    state = models.CharField(
        max_length=20, choices=ReservationState.choices, default=ReservationState.RESERVED
    )
    expires_at = models.DateTimeField(help_text="When its worker counts as lost.")
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)
    ai_model = models.CharField(max_length=100)
    organisation = models.ForeignKey(
        Organisation, null=True, on_delete=models.CASCADE, db_constraint=False, related_name="+"
    )
    execution_id = models.UUIDField(null=True)
    step_execution_id = models.UUIDField(null=True)
    attempt = models.PositiveIntegerField(default=0)
    # What the call's row needs where its worker is lost and cannot write it.
    workflow_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True)
    agent_type = models.CharField(max_length=50, db_default="")
    provider = models.CharField(max_length=50, db_default="")
    call_number = models.PositiveSmallIntegerField(db_default=1)

    class Meta:
        db_table = "ai_budget_reservations"
        ordering = ("-id",)
        verbose_name = "AI budget reservation"
        indexes = (
            models.Index(
                fields=("expires_at", "id"),
                name="ai_reservation_open",
                condition=Q(state="reserved"),
            ),
            models.Index(fields=("closed_at",), name="ai_reservation_closed"),
        )

    def __str__(self) -> str:
        return str(self.id)


class AIBudgetAlert(models.Model):
    """That an account has passed a soft limit: once for each limit."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(AIBudgetAccount, on_delete=models.CASCADE, related_name="alerts")
    soft_limit_usd = models.DecimalField(max_digits=14, decimal_places=4)
    counted_usd = _usd(help_text="Spent and unconfirmed when it was passed.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "ai_budget_alerts"
        ordering = ("-created_at", "-id")
        verbose_name = "AI budget alert"
        constraints = (
            models.UniqueConstraint(fields=("account", "soft_limit_usd"), name="ai_alert_once"),
        )
        indexes = (models.Index(fields=("-created_at", "-id"), name="ai_alert_created"),)

    def __str__(self) -> str:
        return f"{self.account_id} passed ${self.soft_limit_usd}"


class AIBudgetWait(models.Model):
    """A step that waits for a budget, and what its call may cost at most."""

    step_execution = models.OneToOneField(
        StepExecution,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="+",
        db_constraint=False,
    )
    attempt = models.PositiveIntegerField()
    amount_usd = _usd()
    organisation_id = models.UUIDField(null=True)
    workflow_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True)
    execution_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "ai_budget_waits"
        ordering = ("created_at", "step_execution_id")
        verbose_name = "step that waits for a budget"
        verbose_name_plural = "steps that wait for a budget"
        indexes = (
            models.Index(fields=("created_at", "step_execution"), name="ai_budget_wait_order"),
        )

    def __str__(self) -> str:
        return str(self.step_execution_id)
