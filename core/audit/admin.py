"""The audit log's page: looked at, searched, filtered; with the state of its chain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from core.audit.filters import ActionFilter, OrganisationFilter, PeriodFilter
from core.audit.models import AuditEntry
from core.audit.verification import Report, verify
from core.models import Organisation, User
from core.pages import BoundedPaginator, ReadOnly

CHECKED = 500  # rows at the end of the chain, at every look at the list

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[AuditEntry]
else:  # generic for the type checker only
    _Admin = admin.ModelAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, _Admin):
    change_list_template = "workflow_core/admin/audit_log.html"
    list_display = ("when", "who", "via", "action", "target", "outcome", "address", "sequence")
    list_filter = (PeriodFilter, ActionFilter, "outcome", "via", OrganisationFilter)
    list_per_page = 100
    list_max_show_all = 200
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    search_fields = ("object_id",)
    search_help_text = "A user's name, or the id of a user, an object, an organisation, a request."
    fieldsets = (
        ("What", {"fields": ("action", "outcome", "target", "organisation", "shown_details")}),
        ("Who", {"fields": ("who", "via", "credential", "address", "request_id")}),
        ("When", {"fields": ("at",)}),
        ("Chain", {"fields": ("id", "sequence", "key_id", "mac", "seal")}),
    )
    readonly_fields = ("target", "organisation", "shown_details", "who")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        report = verify(last=CHECKED)
        shown = {"title": "Audit log", "report": report, "told": chain_status(report)}
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            pk = UUID(term)
        except ValueError:
            account = User.objects.filter(username=term).first()
            who = Q(username=term) if account is None else Q(user_id=account.id)
            return queryset.filter(Q(object_id=term) | who), False
        wanted = Q(object_id=str(pk)) | Q(user_id=pk) | Q(organisation_id=pk)
        return queryset.filter(wanted | Q(request_id=term)), False

    @admin.display(description="when", ordering="id")
    def when(self, entry: AuditEntry) -> str:
        return f"{timezone.localtime(entry.at):%Y-%m-%d %H:%M:%S}"

    @admin.display(description="who")
    def who(self, entry: AuditEntry) -> SafeString | str:
        name = entry.username or entry.credential or "nobody"
        if entry.user_id is None:
            return f"{name} ({entry.credential})" if entry.username else name
        return _search(str(entry.user_id), name)

    @admin.display(description="object")
    def target(self, entry: AuditEntry) -> SafeString | str:
        if not entry.object_id:
            return entry.object_kind or "-"
        kind = entry.object_kind.rpartition(".")[2]
        shown = _search(entry.object_id, f"{kind} {entry.object_id[:13]}")
        page = _page(entry)
        return format_html('{} <a href="{}">show</a>', shown, page) if page else shown

    @admin.display(description="organisation")
    def organisation(self, entry: AuditEntry) -> str:
        if entry.organisation_id is None:
            return "-"
        found = Organisation.objects.filter(id=entry.organisation_id).first()
        return str(found or entry.organisation_id)

    @admin.display(description="details")
    def shown_details(self, entry: AuditEntry) -> SafeString:
        text = json.dumps(entry.details, indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", text)


def chain_status(report: Report) -> str:
    """The state of the chain's end in a sentence."""
    if report.faults:
        first = report.faults[0]
        return f"The chain is broken: {first}. Run `manage.py audit verify` for the whole of it."
    if not report.head.sequence:
        text = "Nothing is sealed yet."
    else:
        text = (
            f"The last {report.rows:,} sealed rows are whole, up to row {report.head.sequence:,}."
        )
    if report.waiting_since is not None:
        seconds = (timezone.now() - report.waiting_since).total_seconds()
        text += f" {report.unsealed:,} wait for the sealer, the oldest for {seconds:,.0f} s."
    return text


def _search(term: str, text: str) -> SafeString:
    url = reverse("admin:workflow_core_auditentry_changelist")
    return format_html('<a href="{}?{}">{}</a>', url, urlencode({"q": term}), text)


def _page(entry: AuditEntry) -> str:
    """The object's own page in the admin, if it has one. It may be gone."""
    try:
        name = entry.object_kind.replace(".", "_")
        return reverse(f"admin:{name}_change", args=[entry.object_id])
    except NoReverseMatch:
        return ""
