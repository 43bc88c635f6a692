"""Limits for AI calls, and what they have cost: for the admins of an organisation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from ai.budgets import limits
from ai.budgets.errors import BudgetExists, OperatorsBudget
from ai.budgets.models import AIBudget, AIBudgetAccount, BudgetPeriod, BudgetScope
from core.access import RoleTooSmall, organisation_for, organisations_for, with_role
from core.api.callers import caller
from core.api.schema import refusal
from core.api.serializers import StrictModelSerializer, StrictSerializer
from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import InvalidInput, NotFound, Problem
from core.models import Membership, Organisation, Role, User
from engine.api.filters import ReferenceFilter, StrictFilterSet
from engine.models import Workflow
from engine.selectors import workflows_for

_SCOPES = [choice for choice in BudgetScope.choices if choice[0] != BudgetScope.PLATFORM]
_MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 4, "min_value": 0}
_HARD = "US dollars. No call begins that could pass it: its step waits until there is room."
_SOFT = "US dollars. Passing it raises an alert, once."
_EXAMPLE = OpenApiExample(
    "Ten dollars a day for each user",
    value={"scope": "user", "hard_limit_usd": "10.0000", "soft_limit_usd": "8.0000"},
    request_only=True,
)


class BudgetSerializer(StrictModelSerializer):
    """A limit; it holds beside every other one that fits a call."""

    organisation = serializers.UUIDField(source="organisation_id")
    workflow = serializers.UUIDField(source="workflow_id", allow_null=True)
    user = serializers.UUIDField(source="user_id", allow_null=True)

    class Meta:
        model = AIBudget
        fields = (
            "id",
            "organisation",
            "scope",
            "period",
            "workflow",
            "user",
            "hard_limit_usd",
            "soft_limit_usd",
            "by_operator",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ChangedBudgetSerializer(StrictSerializer):
    hard_limit_usd = serializers.DecimalField(
        required=False, allow_null=True, help_text=_HARD, **_MONEY
    )
    soft_limit_usd = serializers.DecimalField(
        required=False, allow_null=True, help_text=_SOFT, **_MONEY
    )


class NewBudgetSerializer(ChangedBudgetSerializer):
    organisation = serializers.UUIDField(
        required=False, help_text="Whose it is; your own organisation where left out."
    )
    scope = serializers.ChoiceField(choices=_SCOPES, help_text="What has the limit.")
    period = serializers.ChoiceField(
        required=False,
        choices=BudgetPeriod.choices,
        help_text="A day or a month, in UTC; of a run as long as it takes. A day where left out.",
    )
    workflow = serializers.UUIDField(
        required=False, help_text="This workflow alone, or its runs; else each."
    )
    user = serializers.UUIDField(required=False, help_text="This member alone; else each.")


class SpendingSerializer(StrictModelSerializer):
    organisation = serializers.UUIDField(source="organisation_id")
    workflow = serializers.UUIDField(source="workflow_id", allow_null=True)
    user = serializers.UUIDField(source="user_id", allow_null=True)
    execution = serializers.UUIDField(source="execution_id", allow_null=True)
    limit_usd = serializers.DecimalField(
        source="holding_usd",
        read_only=True,
        max_digits=14,
        decimal_places=4,
        allow_null=True,
        help_text="The smallest hard limit that holds for it now; null where none does.",
    )

    class Meta:
        model = AIBudgetAccount
        fields = (
            "id",
            "scope",
            "period",
            "day",
            "organisation",
            "workflow",
            "user",
            "execution",
            "limit_usd",
            "spent_usd",
            "unconfirmed_usd",
            "reserved_usd",
            "calls",
            "unpriced_calls",
            "updated_at",
        )
        read_only_fields = fields


class AccountFilter(StrictFilterSet):
    organisation = ReferenceFilter(field_name="organisation", visible=organisations_for)
    scope = filters.ChoiceFilter(choices=_SCOPES)
    period = filters.ChoiceFilter(choices=BudgetPeriod.choices)
    day = filters.DateFilter(help_text="In UTC, a month's first; runs have none.")


class _BudgetView(GenericAPIView[AIBudget]):
    serializer_class = BudgetSerializer
    lookup_field = "id"
    lookup_url_kwarg = "budget_id"
    needs = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), Role.ADMIN)

    def get_queryset(self) -> QuerySet[AIBudget]:
        user = caller(self)
        return with_role(limits.budgets_for(user), user)


class BudgetList(_BudgetView, ListAPIView[AIBudget]):
    """The limits of the organisations of which you are an admin."""

    keyset = ("created_at", "id")

    def get_queryset(self) -> QuerySet[AIBudget]:
        rows: QuerySet[Any] = super().get_queryset()
        return rows.filter(caller_role=Role.ADMIN)

    @extend_schema(tags=["AI budgets"], summary="List limits for AI calls")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        tags=["AI budgets"],
        summary="Set a limit for AI calls",
        description="Every limit that fits a call holds, the operators' too: the smallest counts.",
        request=NewBudgetSerializer,
        responses={201: BudgetSerializer, **refusal(InvalidInput, BudgetExists, NotFound)},
        examples=[_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        body = NewBudgetSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = dict(body.validated_data)
        user = caller(self)
        organisation = organisation_for(user, given.pop("organisation", None), needed=Role.ADMIN)
        named: dict[str, Any] = {
            "workflow": _workflow(user, organisation, given.pop("workflow", None)),
            "user": _member(organisation, given.pop("user", None)),
        }
        with action(
            by_request(request), "ai_budget.create", organisation_id=organisation.id
        ) as entry:
            made = limits.create_budget(organisation=organisation, **named, **given)
            entry.on(made)
            entry.tell(scope=made.scope, period=made.period, **_told(made))
        location = reverse("ai-budget", args=[made.id], request=request)
        shown = BudgetSerializer(self.get_queryset().get(id=made.id))
        return Response(shown.data, status=201, headers={"Location": location})


class BudgetDetail(_BudgetView, RetrieveAPIView[AIBudget]):
    """One limit."""

    @extend_schema(
        tags=["AI budgets"],
        summary="Show a limit for AI calls",
        responses={200: BudgetSerializer, **refusal(RoleTooSmall)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(
        tags=["AI budgets"],
        summary="Raise or lower a limit for AI calls",
        description="Steps that wait for it go on by themselves where it has room for them now.",
        request=ChangedBudgetSerializer,
        responses={200: BudgetSerializer, **refusal(InvalidInput, OperatorsBudget)},
    )
    def patch(self, request: Request, budget_id: UUID) -> Response:
        budget = self.get_object()
        body = ChangedBudgetSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        with action(by_request(request), "ai_budget.update", budget) as entry:
            changed = limits.change_budget(budget, **body.validated_data)
            entry.tell(scope=changed.scope, **_told(changed))
        return Response(BudgetSerializer(self.get_queryset().get(id=changed.id)).data)

    @extend_schema(
        tags=["AI budgets"],
        summary="Take a limit for AI calls away",
        responses={204: None, **refusal(OperatorsBudget)},
    )
    def delete(self, request: Request, budget_id: UUID) -> Response:
        budget = self.get_object()
        with action(by_request(request), "ai_budget.delete", budget, scope=budget.scope):
            limits.may_change(budget)
            budget.delete()
        return Response(status=204)


class BudgetUsage(ListAPIView[AIBudgetAccount]):
    """What the organisations have spent of which you are an admin."""

    serializer_class = SpendingSerializer
    filterset_class = AccountFilter
    keyset = ("id",)
    needs = {"GET": Role.ADMIN}

    def get_queryset(self) -> QuerySet[AIBudgetAccount]:
        return limits.accounts_for(caller(self))

    @extend_schema(
        tags=["AI budgets"],
        summary="List what AI calls have cost, by day, month and run",
        description="Limits hold for the sum of `spent_usd` (exact costs), `unconfirmed_usd` "
        "(calls that may have been paid for, at their most) and `reserved_usd` (calls under way, "
        "at their most).",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


def _workflow(user: User, organisation: Organisation, pk: UUID | None) -> Workflow | None:
    if pk is None:
        return None
    found = workflows_for(user).filter(id=pk, organisation=organisation).first()
    return found or _nothing("workflow", "There is no such workflow in the organisation.")


def _member(organisation: Organisation, pk: UUID | None) -> User | None:
    if pk is None:
        return None
    found = Membership.objects.filter(organisation=organisation, user_id=pk).select_related("user")
    member = found.first()
    return member.user if member else _nothing("user", "The organisation has no such member.")


def _nothing(path: str, message: str) -> Any:
    raise NotFound(message, problems=[Problem(path, message)])


def _told(budget: AIBudget) -> dict[str, str | None]:
    shown = {"hard_limit_usd": budget.hard_limit_usd, "soft_limit_usd": budget.soft_limit_usd}
    return {name: None if value is None else str(value) for name, value in shown.items()}
