"""Lists that stay fast over millions of rows: bounded counts, page-wise figures, cheap filters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, Exists, Model, OuterRef, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse

from core.pages import BoundedPaginator, ReadOnly
from engine import selectors
from engine.admin.access import ModelAdmin
from engine.models import (
    ExecutionStatus,
    StepExecution,
    StepStatus,
    Workflow,
    WorkflowExecution,
)

MAX_WORKFLOWS = 50
LATEST = 20
SETTLED = (StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELLED)
_MOVING = (StepStatus.READY, StepStatus.RUNNING)

Row = TypeVar("Row", bound=Model)

if TYPE_CHECKING:
    _FormSet = BaseInlineFormSet[Any, Any, Any]
else:
    # Generic for the type checker only.
    _FormSet = BaseInlineFormSet


class WideList(ModelAdmin[Row]):
    """A list of many columns, on the whole width of the page."""

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    title = ""

    class Media:
        css = {"all": ("workflow_engine/admin.css",)}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        wide = {"title": self.title, "is_nav_sidebar_enabled": False}
        return super().changelist_view(request, {**wide, **(extra_context or {})})


class LongList(ReadOnly, WideList[Row]):
    """A read-only list of possibly millions of rows."""

    list_max_show_all = 200
    paginator = BoundedPaginator
    show_full_result_count = False


class LatestFormSet(_FormSet):
    """The first rows of a read-only inline alone: there may be thousands."""

    def get_queryset(self) -> QuerySet[Any]:
        if not hasattr(self, "_queryset"):
            self._queryset = super().get_queryset()[:LATEST]
        return self._queryset


class ExecutionList(ChangeList):
    """The runs of one page, with the figures of their steps in one query for the page."""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        rows = super().get_queryset(request, exclude_parameters)
        return rows.defer(
            "context", "results", "error_message", "workflow__definition", "workflow__description"
        )

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        runs = list(self.result_list)
        counts = count_steps([run.pk for run in runs])
        for run in runs:
            remember_counts(run, counts[run.pk])
        self.result_list = runs


def count_steps(execution_ids: Iterable[UUID]) -> dict[UUID, Counter[str]]:
    """Status -> number of steps, for each of these runs."""
    counts: dict[UUID, Counter[str]] = {pk: Counter() for pk in execution_ids}
    rows = StepExecution.objects.filter(execution_id__in=list(counts)).order_by()
    for pk, status, count in rows.values_list("execution_id", "status").annotate(n=Count("id")):
        counts[pk][status] = count
    return counts


def remember_counts(run: WorkflowExecution, counts: Counter[str]) -> None:
    """Keeps the figures with the row, for the columns that show them."""
    vars(run)["step_counts"] = counts


def counts_of(run: WorkflowExecution) -> Counter[str]:
    """The figures that were kept with the row."""
    found: Counter[str] = vars(run).get("step_counts", Counter())
    return found


def settled(counts: Counter[str]) -> int:
    """How many steps will not change any more."""
    return sum(counts[status] for status in SETTLED)


def is_waiting(run: WorkflowExecution, counts: Counter[str]) -> bool:
    """What `selectors.is_waiting` tells, from the figures."""
    moves = any(counts[status] for status in _MOVING)
    return run.status == ExecutionStatus.RUNNING and counts[StepStatus.WAITING] > 0 and not moves


class WaitingFilter(admin.SimpleListFilter):
    """Runs that wait for somebody or something."""

    title = "waiting"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("stands", "Nothing moves until an answer"), ("some", "Some step waits")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "stands":
                standing: QuerySet[Any] = selectors.with_waiting(queryset)
                return standing.filter(waiting=True)
            case "some":
                steps = StepExecution.objects.filter(
                    execution_id=OuterRef("pk"), status=StepStatus.WAITING
                )
                return queryset.filter(Exists(steps))
        return queryset


class WorkflowFilter(admin.SimpleListFilter):
    """The workflows that changed last, and the one that is chosen: by name, without definitions."""

    title = "workflow"
    parameter_name = "workflow__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Workflow.objects.order_by("-updated_at").values_list("id", "name")
        found = list(rows[:MAX_WORKFLOWS])
        chosen = parse_id(request.GET.get(self.parameter_name, ""))
        if chosen and chosen not in dict(found):
            found += rows.filter(id=chosen)
        return sorted(((str(pk), name) for pk, name in found), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        chosen = parse_id(self.value() or "")
        return queryset.filter(workflow=chosen) if chosen else queryset.none()


def parse_id(text: str) -> UUID | None:
    """The UUID that a text is, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def by_id(rows: QuerySet[Any], field: str, term: str) -> QuerySet[Any]:
    """The rows whose id begins with what was searched for: a range of the index."""
    digits = term.strip().replace("-", "").replace("…", "").lower()
    if not re.fullmatch(r"[0-9a-f]{4,32}", digits):
        return rows.none()
    first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
    return rows.filter(**{f"{field}__gte": first, f"{field}__lte": last})
