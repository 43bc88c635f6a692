"""The operators' page of what AI costs and how it works, over all organisations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from ai.analytics import get_ai_analytics
from ai.models import AIStepExecution
from analytics.periods import InvalidPeriod, parse_period
from core.json import JsonObject

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[AIStepExecution]
else:  # a mixin: the list's own class comes behind it
    _ModelAdmin = object

PERIODS = ("1d", "7d", "30d", "90d")
_TABLES = (
    ("Model", "by_model", "model"),
    ("Kind of use", "by_agent_type", "agent_type"),
    ("Workflow", "by_workflow", "name"),
)


class FiguresPage(_ModelAdmin):
    """Mixin: the page `figures/` beside the list of calls."""

    change_list_template = "workflow_ai/admin/calls.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.figures_view)
        own = path("figures/", view, name="workflow_ai_aistepexecution_figures")
        return [own, *super().get_urls()]

    def figures_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = datetime.now(UTC)
        text, refused = request.GET.get("time_period", "30d"), ""
        try:
            period = parse_period(text, now=now)
        except InvalidPeriod as error:
            period, refused = parse_period("30d", now=now), error.message
        found = get_ai_analytics(AIStepExecution.objects.all(), period=period)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "AI use",
            "period": period,
            "periods": PERIODS,
            "refused": refused,
            "total": _shown(found),
            "tables": [
                (title, [(row[key] or "outside of a workflow", _shown(row)) for row in found[name]])
                for title, name, key in _TABLES
            ],
        }
        return TemplateResponse(request, "workflow_ai/admin/figures.html", context)


def _shown(figures: JsonObject) -> list[tuple[str, str]]:
    """Heading and text of each figure."""
    tokens = figures["token_usage"]
    return [
        ("Calls", f"{figures['calls']:,}"),
        ("Failed", f"{figures['failed']:,}"),
        ("From the cache", f"{figures['cached']:,}"),
        ("Success", _percent(figures["success_rate"])),
        ("Cost", _cost(figures)),
        ("Mean time", _time(figures["average_response_time"])),
        ("95 % within", _time(figures["p95_response_time"])),
        ("Tokens", _with_unknown(f"{tokens['total']:,}", tokens["unknown"])),
    ]


def _cost(figures: JsonObject) -> str:
    known = figures["total_cost"]
    if known is None:
        return "unknown"
    # What is cheap is not shown as nothing.
    digits = 2 if not known or known >= 1 else 6
    return _with_unknown(f"${known:,.{digits}f}", figures["unknown_costs"])


def _with_unknown(text: str, unknown: int) -> str:
    return f"{text} and {unknown:,} unknown" if unknown else text


def _percent(rate: Any) -> str:
    return "-" if rate is None else f"{rate:.1%}"


def _time(seconds: Any) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"
