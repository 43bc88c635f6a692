"""The filters of the audit log's page. Each is served by an index, however long the log is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest

from core.audit.models import AuditEntry
from core.ids import lowest_uuid7
from core.models import Organisation

MAX_ORGANISATIONS = 50
# From one action to the next along the index, where DISTINCT would read every row.
_ACTIONS = """
WITH RECURSIVE found (action) AS (
    (SELECT action FROM workflow_audit_log ORDER BY action LIMIT 1)
    UNION ALL
    SELECT (SELECT action FROM workflow_audit_log WHERE action > found.action
             ORDER BY action LIMIT 1)
      FROM found WHERE found.action IS NOT NULL
)
SELECT action FROM found WHERE action IS NOT NULL
"""


class ActionFilter(admin.SimpleListFilter):
    """What was done: every action that the log tells of."""

    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        with connection.cursor() as cursor:
            cursor.execute(_ACTIONS)
            return [(name, name) for (name,) in cursor.fetchall()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class OrganisationFilter(admin.SimpleListFilter):
    """The teams, by name, and the organisation that is chosen."""

    title = "organisation"
    parameter_name = "organisation_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Organisation.objects.order_by("name").values_list("id", "name")
        found = list(rows.filter(personal_of=None)[:MAX_ORGANISATIONS])
        chosen = _uuid(request.GET.get(self.parameter_name, ""))
        if chosen and chosen not in dict(found):
            found += rows.filter(id=chosen)
        return [(str(pk), name) for pk, name in found]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        if not self.value():
            return queryset
        chosen = _uuid(self.value() or "")
        return queryset.filter(organisation_id=chosen) if chosen else queryset.none()


class PeriodFilter(admin.ListFilter):
    """From one day to another, by the server's clock (UTC)."""

    title = "time"
    template = "workflow_core/admin/period_filter.html"
    names = ("since", "until")

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.names:
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.names)

    def choices(self, changelist: Any) -> Iterator[Any]:
        """One for the template: the two days, and what else the address holds."""
        yield {
            "since": self._day("since"),
            "until": self._day("until"),
            "others": [
                (name, value)
                for name, value in changelist.params.items()
                if name not in (*self.names, "p")
            ],
            "clear": changelist.get_query_string(remove=list(self.names)),
        }

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        since, until = self._day("since"), self._day("until")
        if since is not None:
            queryset = queryset.filter(id__gte=lowest_uuid7(_midnight(since)))
        if until is not None:
            queryset = queryset.filter(id__lt=lowest_uuid7(_midnight(until) + timedelta(days=1)))
        return queryset

    def _day(self, name: str) -> date | None:
        try:
            return date.fromisoformat(str(self.used_parameters.get(name, "")))
        except ValueError:
            return None


def _midnight(day: date) -> datetime:
    # Ids begin with the milliseconds since 1970, and end before the calendar does.
    return datetime.combine(min(max(day, date(1970, 1, 1)), date(9999, 1, 1)), time(), UTC)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
