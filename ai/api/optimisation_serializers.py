"""Suggestions for workflows, as JSON."""

from __future__ import annotations

from typing import Any, get_args

from rest_framework import serializers

from ai.optimisation.optimizer import MAX_SUGGESTIONS
from ai.optimisation.values import Kind
from core.api.serializers import StrictSerializer
from engine.api.fields import ObjectField
from engine.api.serializers.changes import ChangeSerializer
from engine.api.serializers.workflows import WorkflowVersionSerializer


class WorkflowReferenceSerializer(StrictSerializer):
    workflow_id = serializers.UUIDField(required=False, help_text="The workflow.")


class WorkflowOptimizationRequestSerializer(WorkflowReferenceSerializer):
    """The documented WorkflowOptimizationRequest."""

    apply = serializers.ListField(
        child=serializers.CharField(max_length=20_000),
        required=False,
        max_length=MAX_SUGGESTIONS,
        help_text="Ids of suggestions that a draft version is to have. Absent: nothing is changed.",
    )
    version = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2_147_483_647,
        help_text="Number of the version that the ids are of; 409 where it is not the newest.",
    )


class FactSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="The place in the definition.")
    said = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    runs = serializers.IntegerField(
        allow_null=True, help_text="From so many runs; null: from the definition alone."
    )


class PredictionSerializer(serializers.Serializer[Any]):
    measure = serializers.CharField()
    unit = serializers.CharField()
    before = serializers.FloatField()
    after = serializers.FloatField()
    basis = serializers.CharField(help_text="Where the numbers come from.")


class SuggestionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="candidate.id")
    kind = serializers.ChoiceField(source="candidate.kind", choices=get_args(Kind))
    title = serializers.CharField(source="candidate.title")
    steps = serializers.ListField(source="candidate.steps", child=serializers.CharField())
    equivalent = serializers.BooleanField(
        source="candidate.equivalent",
        help_text="Every run that completes has the same results; else a person has to judge.",
    )
    caveats = serializers.ListField(
        source="candidate.caveats",
        child=serializers.CharField(),
        help_text="In what a run may still differ.",
    )
    evidence = FactSerializer(source="candidate.evidence", many=True)
    effect = PredictionSerializer(source="candidate.effect")
    patch = serializers.ListField(
        child=ObjectField(), help_text="JSON Patch (RFC 6902) of the definition."
    )
    diff = ChangeSerializer(many=True)


class HistorySerializer(serializers.Serializer[Any]):
    runs = serializers.IntegerField(help_text="How many were looked at.")
    days = serializers.IntegerField(help_text="How far back.")


class OptimisationSerializer(serializers.Serializer[Any]):
    workflow_id = serializers.UUIDField(source="workflow.id")
    version = serializers.IntegerField(help_text="Number of the version that this is about.")
    history = HistorySerializer()
    suggestions = SuggestionSerializer(many=True)
    draft = WorkflowVersionSerializer(allow_null=True)
    needless = serializers.ListField(
        child=serializers.CharField(), help_text="Chosen, but made needless by others of `apply`."
    )
