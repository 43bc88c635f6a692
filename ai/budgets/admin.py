"""Budgets in the admin: operators set limits, see what was spent, clear what is unconfirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from ai.budgets import reservations
from ai.budgets.errors import BudgetExists
from ai.budgets.models import (
    AIBudget,
    AIBudgetAccount,
    AIBudgetAlert,
    AIBudgetReservation,
    AIBudgetWait,
    BudgetPeriod,
    BudgetScope,
    ReservationState,
)
from analytics.admin import RecordAdmin
from core.audit.actors import by_request
from core.audit.recording import action
from engine.admin.access import ModelAdmin

if TYPE_CHECKING:
    _Form = forms.ModelForm[AIBudget]
else:  # generic for the type checker only
    _Form = forms.ModelForm


class BudgetForm(_Form):
    """Makes operators' budgets; there is one of a kind."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "period" in self.fields:
            self.fields["period"].required = False
            self.initial["period"] = self.initial.get("period") if self.instance.pk else ""

    def clean_period(self) -> str:
        """A run's where nothing is said of a run, else a day."""
        usual = BudgetPeriod.DAY
        if self.cleaned_data.get("scope") == BudgetScope.RUN:
            usual = BudgetPeriod.RUN
        return str(self.cleaned_data["period"] or usual)

    def clean(self) -> None:
        super().clean()
        if not self.instance._state.adding:
            return
        given = self.cleaned_data
        kind = {
            name: given.get(name)
            for name in ("scope", "period", "organisation", "workflow", "user")
        }
        if AIBudget.objects.filter(by_operator=True, **kind).exists():
            raise forms.ValidationError(BudgetExists.default_message())


@admin.register(AIBudget)
class AIBudgetAdmin(ModelAdmin[AIBudget]):
    """Limits. Those that operators set, organisations cannot change."""

    form = BudgetForm
    list_display = (
        "scope", "period", "organisation", "workflow", "user", "hard_limit_usd", "soft_limit_usd",
        "by_operator", "updated_at",
    )  # fmt: skip
    list_filter = ("scope", "period", "by_operator")
    list_select_related = ("organisation", "workflow", "user")
    search_fields = ("=id", "organisation__name", "workflow__name", "user__username")
    raw_id_fields = ("organisation", "workflow", "user")
    fields = (
        "scope", "period", "organisation", "workflow", "user", "hard_limit_usd", "soft_limit_usd",
        "by_operator", "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = ("by_operator", "created_at", "updated_at")
    list_per_page = 50

    def get_readonly_fields(self, request: HttpRequest, obj: AIBudget | None = None) -> Any:
        # What it is for stays; its limits change.
        fixed = ("scope", "period", "organisation", "workflow", "user") if obj is not None else ()
        return (*self.readonly_fields, *fixed)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.by_operator = True
        super().save_model(request, obj, form, change)


@admin.register(AIBudgetAccount)
class AIBudgetAccountAdmin(RecordAdmin):
    """What was spent."""

    list_display = (
        "scope", "period", "day", "organisation", "workflow", "user", "spent_usd",
        "unconfirmed_usd", "reserved_usd", "calls", "unpriced_calls",
    )  # fmt: skip
    list_filter = ("scope", "period", "day")
    list_select_related = ("organisation", "workflow", "user")
    search_fields = ("id",)
    plain_fields = (
        "id", "scope", "period", "day", "organisation", "workflow", "user", "execution_id",
        "limit_usd", "spent_usd",
        "unconfirmed_usd", "reserved_usd", "calls", "unpriced_calls", "updated_at",
    )  # fmt: skip


@admin.register(AIBudgetReservation)
class AIBudgetReservationAdmin(RecordAdmin):
    """Money set aside; of what is unconfirmed an operator who knows the bill tells what it cost."""

    list_display = (
        "created_at", "state", "amount_usd", "cost_usd", "ai_model", "organisation",
        "execution_id", "expires_at", "closed_at",
    )  # fmt: skip
    list_filter = ("state", "created_at")
    list_select_related = ("organisation",)
    search_fields = ("=id", "=execution_id", "=step_execution_id", "=ai_model")
    plain_fields = (
        "id", "state", "amount_usd", "cost_usd", "ai_model", "accounts", "organisation",
        "execution_id", "step_execution_id", "attempt", "created_at", "expires_at", "closed_at",
    )  # fmt: skip
    actions = ("release", "confirm")

    @admin.action(description="Unconfirmed: they cost nothing", permissions=["clear"])
    def release(self, request: HttpRequest, rows: QuerySet[AIBudgetReservation]) -> None:
        """Gives the money back."""
        self._clear(request, rows, to=ReservationState.RELEASED)

    @admin.action(description="Unconfirmed: they cost what was reserved", permissions=["clear"])
    def confirm(self, request: HttpRequest, rows: QuerySet[AIBudgetReservation]) -> None:
        """Counts the money as spent."""
        self._clear(request, rows, to=ReservationState.SETTLED)

    def has_clear_permission(self, request: HttpRequest) -> bool:
        """Whether the operator may say what unconfirmed calls cost."""
        user: Any = request.user
        return bool(user.has_perm("workflow_ai.change_aibudgetreservation"))

    def _clear(
        self, request: HttpRequest, rows: QuerySet[AIBudgetReservation], *, to: ReservationState
    ) -> None:
        cleared = 0
        for row in rows.filter(state=ReservationState.UNCONFIRMED):
            cost = {"cost": row.amount_usd} if to == ReservationState.SETTLED else {}
            with action(by_request(request), f"ai_budget_reservation.{to}", row) as entry:
                entry.tell(amount_usd=str(row.amount_usd), execution_id=str(row.execution_id))
                allowed = (ReservationState.UNCONFIRMED,)
                cleared += reservations.close(row.id, to=to, allowed=allowed, **cost)
        self.message_user(request, f"{cleared} cleared.", messages.SUCCESS)


@admin.register(AIBudgetAlert)
class AIBudgetAlertAdmin(RecordAdmin):
    """Soft limits that were passed."""

    list_display = ("created_at", "account", "soft_limit_usd", "counted_usd")
    list_filter = ("created_at",)
    plain_fields = ("id", "account", "soft_limit_usd", "counted_usd", "created_at")


@admin.register(AIBudgetWait)
class AIBudgetWaitAdmin(RecordAdmin):
    """Steps that no budget has room for."""

    list_display = ("created_at", "step_execution", "amount_usd", "execution_id")
    list_select_related = ("step_execution",)
    search_fields = ("=execution_id",)
    plain_fields = (
        "step_execution_id", "attempt", "amount_usd", "organisation_id", "workflow_id", "user_id",
        "execution_id", "created_at",
    )  # fmt: skip
