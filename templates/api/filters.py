"""What the list of templates can be narrowed by."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from engine.api.filters import StrictFilterSet
from templates import selectors
from templates.models import WorkflowTemplate


class TemplateFilter(StrictFilterSet):
    category = filters.CharFilter(
        method="filter_category", label="Name of a category: also all that lies below it."
    )

    class Meta:
        model = WorkflowTemplate
        fields: tuple[str, ...] = ()

    def filter_category(
        self, templates: QuerySet[WorkflowTemplate], name: str, value: str
    ) -> QuerySet[WorkflowTemplate]:
        return templates.filter(category__in=selectors.names_below(value))
