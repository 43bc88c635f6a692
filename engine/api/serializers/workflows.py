"""Workflows, their versions and plans, as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from core.api.serializers import StrictModelSerializer, StrictSerializer
from engine.api.fields import ObjectField
from engine.models import Workflow, WorkflowVersion

_DEFINITION = "The workflow's definition: name, version, category, steps and the optional keys."


class WorkflowSerializer(StrictModelSerializer):
    class Meta:
        model = Workflow
        fields: tuple[str, ...] = (
            "id",
            "name",
            "description",
            "version",
            "category",
            "ai_configurable",
            "created_by",
            "usage_count",
            "rating",
            "created_at",
            "updated_at",
            "organisation_id",
            "owner_id",
            "is_shared",
            "latest",
        )
        read_only_fields = fields


class WorkflowDetailSerializer(WorkflowSerializer):
    definition = ObjectField(read_only=True)

    class Meta(WorkflowSerializer.Meta):
        fields = (*WorkflowSerializer.Meta.fields, "definition")
        read_only_fields = fields


class WorkflowVersionSerializer(StrictModelSerializer):
    class Meta:
        model = WorkflowVersion
        fields: tuple[str, ...] = (
            "number",
            "version",
            "created_by",
            "created_at",
            "is_draft",
            "decision",
            "decided_by",
            "decided_at",
        )
        read_only_fields = fields


class PublishSerializer(StrictSerializer):
    against = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2_147_483_647,
        help_text="Number of the version that the changes were shown against: refused where the "
        "workflow has another one by now.",
    )


class WorkflowVersionDetailSerializer(WorkflowVersionSerializer):
    definition = ObjectField(read_only=True)

    class Meta(WorkflowVersionSerializer.Meta):
        fields = (*WorkflowVersionSerializer.Meta.fields, "definition")
        read_only_fields = fields


class DefinitionSerializer(StrictSerializer):
    definition = ObjectField(help_text=_DEFINITION)


class NewWorkflowSerializer(DefinitionSerializer):
    organisation = serializers.UUIDField(
        required=False, help_text="Whose it is; your own organisation's where absent."
    )
    is_shared = serializers.BooleanField(
        default=False, help_text="The organisation's members may see it; else only you."
    )


class ReplaceWorkflowSerializer(DefinitionSerializer):
    is_shared = serializers.BooleanField(required=False, help_text="Left as it is where absent.")


class ChangeWorkflowSerializer(ReplaceWorkflowSerializer):
    organisation = serializers.UUIDField(
        required=False, help_text="Moves it there. Left as it is where absent."
    )
    definition = ObjectField(required=False, help_text="Left as it is where absent.")


class ValidDefinitionSerializer(serializers.Serializer[Any]):
    valid = serializers.BooleanField(help_text="Always true: what is not valid answers 400.")
    name = serializers.CharField()
    version = serializers.CharField()
    steps = serializers.IntegerField(help_text="Number of steps.")
    step_types = serializers.DictField(
        child=serializers.IntegerField(), help_text="Number of steps of each type."
    )
    entry_points = serializers.ListField(child=serializers.CharField())
    exit_points = serializers.ListField(child=serializers.CharField())


class PlanSerializer(serializers.Serializer[Any]):
    steps = serializers.IntegerField(help_text="Number of steps.")
    total = serializers.IntegerField(help_text="Number of chains and chords of the whole plan.")
    rounds = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Chains and chords that are sent together, as text; the first 200 of them.",
    )
