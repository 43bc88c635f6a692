"""Templates and categories, as JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.serializers import StrictModelSerializer, StrictSerializer
from core.json import JsonObject
from core.names import one_line
from engine.api.fields import ObjectField
from templates.models import WorkflowTemplate
from templates.selectors import CategoryNode


class WorkflowTemplateSerializer(StrictModelSerializer):
    class Meta:
        model = WorkflowTemplate
        fields: tuple[str, ...] = (
            "id",
            "key",
            "name",
            "description",
            "category",
            "ai_generated",
            "usage_count",
            "created_at",
        )
        read_only_fields = fields


class WorkflowTemplateDetailSerializer(WorkflowTemplateSerializer):
    template = ObjectField(read_only=True, help_text="The definition.")
    sample_input = ObjectField(read_only=True, help_text="Data that a run can be tried with.")
    expected = ObjectField(
        read_only=True,
        help_text="What a run on the sample comes to: `status`, `results`, `steps`; and `answers`,"
        " which people give where it waits for them.",
    )

    class Meta(WorkflowTemplateSerializer.Meta):
        fields = (*WorkflowTemplateSerializer.Meta.fields, "template", "sample_input", "expected")
        read_only_fields = fields


class InstantiateSerializer(StrictSerializer):
    organisation = serializers.UUIDField(
        required=False, help_text="Whose it is; your own organisation's where absent."
    )
    name = serializers.CharField(
        required=False,
        max_length=255,
        validators=[one_line],
        help_text="The workflow's name; the template's if absent.",
    )
    overrides = ObjectField(
        required=False,
        help_text="Laid over the definition as a JSON Merge Patch, in which `steps` is an object by"
        " step id.",
    )


class WorkflowCategorySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="category.id")
    name = serializers.CharField(source="category.name")
    description = serializers.CharField(source="category.description")
    children = serializers.SerializerMethodField(help_text="The categories below it.")

    @extend_schema_field(
        {"type": "array", "items": {"$ref": "#/components/schemas/WorkflowCategory"}}
    )
    def get_children(self, node: CategoryNode) -> list[JsonObject]:
        return [WorkflowCategorySerializer(child).data for child in node.children]
