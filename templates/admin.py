"""The catalogue in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import PlatformError
from engine import definitions
from engine.admin.access import ModelAdmin, operator, page_url
from engine.admin.forms import problem_texts
from engine.definition import InvalidDefinition
from templates import selectors, services
from templates.forms import CategoryForm, TemplateForm, indented
from templates.models import WorkflowCategory, WorkflowTemplate


class CategoryFilter(admin.SimpleListFilter):
    """A category with everything below it."""

    title = "category"
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            (node.category.name, indented(node.category.name, node.depth))
            for node in selectors.flat(selectors.category_tree())
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[WorkflowTemplate]
    ) -> QuerySet[WorkflowTemplate]:
        name = self.value()
        if name is None:
            return queryset
        return queryset.filter(category__in=selectors.names_below(name))


@admin.register(WorkflowTemplate)
class WorkflowTemplateAdmin(ModelAdmin[WorkflowTemplate]):
    form = TemplateForm
    list_display = ("name", "category", "starter", "is_active", "usage_count", "updated_at")
    list_filter = (CategoryFilter, "is_active", "ai_generated")
    search_fields = ("name", "description", "key")
    list_per_page = 50
    readonly_fields = ("overview", "key", "ai_generated", "usage_count", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("name", "description", "category", "is_active")}),
        ("Steps", {"fields": ("overview", "template")}),
        ("Sample", {"fields": ("sample_input", "expected")}),
        ("Record", {"fields": ("key", "ai_generated", "usage_count", "created_at", "updated_at")}),
    )
    actions = ("instantiate",)

    class Media:
        css = {"all": ("workflow_engine/admin.css",)}

    @admin.display(boolean=True, description="starter", ordering="key")
    def starter(self, template: WorkflowTemplate) -> bool:
        return template.key is not None

    @admin.display(description="in short")
    def overview(self, template: WorkflowTemplate) -> SafeString | str:
        if template._state.adding:
            return "-"
        try:
            definition = definitions.parse(template.definition())
        except InvalidDefinition as error:
            return "; ".join(problem_texts(error))
        items = format_html_join(
            "",
            "<li>{} <small>({}, <code>{}</code>)</small></li>",
            ((step.name, step.step_type, step.id) for step in definition.steps[:100]),
        )
        return format_html('<ol class="wf-steps">{}</ol>', items)

    def save_model(
        self, request: HttpRequest, obj: WorkflowTemplate, form: Any, change: bool
    ) -> None:
        services.save_template(template=obj)

    def has_instantiate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("workflow_engine.add_workflow")

    @admin.action(
        description="Instantiate: make workflows of your own", permissions=["instantiate"]
    )
    def instantiate(self, request: HttpRequest, queryset: QuerySet[WorkflowTemplate]) -> None:
        user = operator(request)
        for template in queryset:
            try:
                with action(by_request(request), "template.instantiate", template) as entry:
                    workflow = services.instantiate_template(template=template, user=user)
                    entry.tell(workflow=workflow.id)
            except PlatformError as error:
                text = f"'{template.name}': {'; '.join(problem_texts(error))}"
                self.message_user(request, text, messages.ERROR)
                continue
            link = format_html('<a href="{}">{}</a>', page_url(workflow), workflow.name)
            text = format_html("The workflow {} is yours.", link)
            self.message_user(request, text, messages.SUCCESS)


@admin.register(WorkflowCategory)
class WorkflowCategoryAdmin(ModelAdmin[WorkflowCategory]):
    form = CategoryForm
    list_display = ("tree", "description", "template_count")
    search_fields = ("name", "description")
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkflowCategory]:
        counts = (
            WorkflowTemplate.objects.filter(category=OuterRef("name"))
            .order_by()
            .values("category")
            .annotate(n=Count("id"))
            .values("n")
        )
        nodes = selectors.flat(selectors.category_tree())
        return selectors.in_tree_order(nodes).annotate(template_total=Coalesce(Subquery(counts), 0))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("tree_position",)

    @admin.display(description="category")
    def tree(self, category: Any) -> str:
        return indented(category.name, category.tree_depth)

    @admin.display(description="templates")
    def template_count(self, category: Any) -> SafeString:
        address = reverse("admin:workflow_templates_workflowtemplate_changelist")
        return format_html(
            '<a href="{}?category={}">{}</a>', address, category.name, category.template_total
        )

    def save_model(
        self, request: HttpRequest, obj: WorkflowCategory, form: Any, change: bool
    ) -> None:
        services.save_category(category=obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What deleting would take along; templates hold a category by name and protect it too."""
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        held = WorkflowTemplate.objects.filter(category__in=[obj.name for obj in objs])
        return deleted, counts, lacking, [*protected, *(f"Template: {row}" for row in held)]

    def delete_model(self, request: HttpRequest, obj: WorkflowCategory) -> None:
        services.delete_category(category=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[WorkflowCategory]) -> None:
        for category in queryset:
            services.delete_category(category=category)
