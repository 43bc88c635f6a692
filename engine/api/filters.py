"""What lists can be narrowed by. A query that names no filter of the list is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import IntegerField
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from core.access import organisations_for
from core.errors import NotFound, Problem
from core.json import MAX_INTEGER
from core.models import User
from engine import selectors
from engine.models import (
    ExecutionEvent,
    ExecutionStatus,
    StepExecution,
    StepStatus,
    Workflow,
    WorkflowExecution,
)

_PAGING = frozenset({"cursor", "page_size"})
_FLAG = (("true", "true"), ("false", "false"))


class StrictFilterSet(filters.FilterSet):  # type: ignore[misc]
    """A typing error in a filter's name, or a value that is missing, would otherwise give the whole
    list.
    """

    def is_valid(self) -> bool:
        errors = self.form.errors
        for name, value in self.data.items():
            known = self.filters.get(name)
            if known is None and name not in _PAGING:
                errors[name] = self.form.error_class(["This list has no such filter."])
            elif value == "" and known is not None and not isinstance(known, filters.CharFilter):
                errors[name] = self.form.error_class(["This filter needs a value."])
        return not errors


class MomentField(IsoDateTimeField):  # type: ignore[misc]
    """A moment in UTC: PostgreSQL refuses offsets that Python takes."""

    def clean(self, value: Any) -> datetime | None:
        moment: datetime | None = super().clean(value)
        try:
            return None if moment is None else moment.astimezone(UTC)
        except OverflowError:  # in the year 1 or 9999
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


class MomentFilter(filters.IsoDateTimeFilter):  # type: ignore[misc]
    """A moment in ISO 8601."""

    field_class = MomentField


class ReferenceFilter(filters.UUIDFilter):  # type: ignore[misc]
    """The id of something that the caller may see; 404 for any other.

    `visible` gives the rows that a user may see.
    """

    def __init__(self, *args: Any, visible: Callable[[User], QuerySet[Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.visible = visible

    def filter(self, rows: QuerySet[Any], value: UUID | None) -> QuerySet[Any]:
        if value is not None:
            seen = self.visible(self.parent.request.user)
            if not seen.filter(id=value).exists():
                name = self.field_name.removesuffix("_id")
                message = f"There is no such {name}."
                raise NotFound(message, problems=[Problem(name, message)])
        found: QuerySet[Any] = super().filter(rows, value)
        return found


@extend_schema_field(OpenApiTypes.BOOL)
class FlagFilter(filters.TypedChoiceFilter):  # type: ignore[misc]
    """`true` or `false`, and no other word for it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=_FLAG, coerce=lambda text: text == "true", **kwargs)


class WorkflowFilter(StrictFilterSet):
    organisation = ReferenceFilter(field_name="organisation_id", visible=organisations_for)
    category = filters.CharFilter()
    name = filters.CharFilter(lookup_expr="icontains", label="Part of the name, in any case.")
    access = filters.ChoiceFilter(
        choices=(("mine", "Mine"), ("shared", "Shared by others")),
        method="filter_access",
        label="`mine`, or `shared` by others.",
    )

    def filter_access(
        self, workflows: QuerySet[Workflow], name: str, value: str
    ) -> QuerySet[Workflow]:
        user: Any = self.request.user
        return workflows.filter(owner=user) if value == "mine" else workflows.exclude(owner=user)


class ExecutionFilter(StrictFilterSet):
    status = filters.MultipleChoiceFilter(choices=ExecutionStatus.choices, distinct=False)
    workflow = ReferenceFilter(field_name="workflow_id", visible=selectors.workflows_for)
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")
    waiting = FlagFilter()

    class Meta:
        model = WorkflowExecution
        fields: tuple[str, ...] = ()


class StepFilter(StrictFilterSet):
    status = filters.MultipleChoiceFilter(choices=StepStatus.choices, distinct=False)

    class Meta:
        model = StepExecution
        fields: tuple[str, ...] = ()


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": MAX_INTEGER})
class EventIdFilter(filters.NumberFilter):  # type: ignore[misc]
    """The id of an event."""

    field_class = IntegerField


class EventFilter(StrictFilterSet):
    after = EventIdFilter(
        field_name="id",
        lookup_expr="gt",
        min_value=0,
        max_value=MAX_INTEGER,
        label="Only events behind this id.",
    )
    step_id = filters.CharFilter()

    class Meta:
        model = ExecutionEvent
        fields: tuple[str, ...] = ()


class ScheduleFilter(StrictFilterSet):
    workflow = ReferenceFilter(field_name="workflow_id", visible=selectors.workflows_for)
    enabled = FlagFilter()
