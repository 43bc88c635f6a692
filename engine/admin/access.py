"""Who may do what in the admin, and the bases that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse

from core.models import User

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as ModelAdmin
    from django.contrib.admin import TabularInline as TabularInline
else:

    class ModelAdmin(admin.ModelAdmin):
        """Generic for the type checker; here the parameter says nothing."""

        def __class_getitem__(cls, model: Any) -> type[ModelAdmin]:
            return cls

    class TabularInline(admin.TabularInline):
        """Generic for the type checker; here the parameters say nothing."""

        def __class_getitem__(cls, models: Any) -> type[TabularInline]:
            return cls


VIEW_PAYLOADS = "workflow_engine.view_payloads"
RUN_WORKFLOW = "workflow_engine.run_workflow"
ANSWER_STEP = "workflow_engine.answer_stepexecution"


def operator(request: HttpRequest) -> User:
    """Who works in the admin: its views are closed to everybody who has not signed in."""
    if not isinstance(request.user, User):
        raise TypeError("An admin view was reached without signing in.")
    return request.user


def reads_payloads(request: HttpRequest) -> bool:
    """Whether the operator may read what is encrypted at rest."""
    return operator(request).has_perm(VIEW_PAYLOADS)


def page_url(row: models.Model) -> str:
    """The address of a row's page."""
    opts = row._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])
