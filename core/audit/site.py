"""The admin site on which whatever is changed leaves a row, whoever wrote the page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from core.audit.actors import by_request
from core.audit.recording import is_told, record, telling

_MAX_NAMED = 50
_DELETE = "delete_selected"

if TYPE_CHECKING:
    _ModelAdmin = ModelAdmin[Model]
else:  # a mixin: the page's own class comes behind it
    _ModelAdmin = object


class AuditedPages(_ModelAdmin):
    """Mixin: adding, changing and deleting rows, and actions of the list, leave rows in the log.

    A page that does something of its own does so in `audit.action`, and is left alone.
    """

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        _tell(request, "create", obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        _tell(request, "update", obj, message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            _tell(request, "delete", obj, None)
        return super().log_deletions(request, queryset)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Carries out an action of the list; one that tells nothing itself is told here."""
        name = request.POST.get("action", "")
        # Django's own deletes after it has logged; the rows are to go with what they tell of.
        whole = transaction.atomic() if name == _DELETE else nullcontext()
        with whole, telling() as told:
            response = super().response_action(request, queryset, *args, **kwargs)
        # A page is a question that nobody has answered yet.
        if name and not told.rows and not isinstance(response, TemplateResponse):
            chosen = request.POST.getlist("_selected_action")
            record(
                by_request(request),
                f"{noun(self.model)}.{name}",
                (self.model, chosen[0] if len(chosen) == 1 else ""),
                selected=chosen[:_MAX_NAMED],
                number=len(chosen),
                all_pages=request.POST.get("select_across") == "1",
            )
        return response


class AuditedSite(AdminSite):
    """Registers every page as one of AuditedPages."""

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[ModelAdmin[Any]] | None = None,
        **options: Any,
    ) -> None:
        page = admin_class or ModelAdmin
        if not issubclass(page, AuditedPages):
            bases = (AuditedPages, page)
            page = type(
                page.__name__, bases, {"__module__": page.__module__, "__doc__": page.__doc__}
            )
        super().register(model_or_iterable, page, **options)


def noun(model: type[Model]) -> str:
    """What a model's rows are called in the names of actions: `schedule` for WorkflowSchedule."""
    name = model._meta.model_name or ""
    return {"accesstoken": "token"}.get(name, name.removeprefix("workflow") or name)


def _tell(request: HttpRequest, verb: str, obj: Model, message: Any) -> None:
    if not is_told():
        record(by_request(request), f"{noun(type(obj))}.{verb}", obj, **_changes(message))


def _changes(message: Any) -> dict[str, Any]:
    """The names of what changed. Django's message also shows inline rows, with what they hold."""
    if isinstance(message, str):
        try:
            message = json.loads(message)
        except ValueError:
            return {"message": message}
    changes = [
        {"what": kind, **{name: part[name] for name in ("name", "fields") if name in part}}
        for change in (message if isinstance(message, list) else [])
        for kind, part in change.items()
        if part
    ]
    return {"changes": changes} if changes else {}
