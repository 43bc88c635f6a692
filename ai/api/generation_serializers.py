"""Requirements and drafts as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from core.api.serializers import StrictSerializer
from core.names import one_line
from engine.api.fields import ObjectField
from engine.api.serializers.workflows import WorkflowSerializer

MAX_REQUIREMENTS = 8_000


class GenerateSerializer(StrictSerializer):
    requirements = serializers.CharField(
        max_length=MAX_REQUIREMENTS, help_text="What the workflow shall do, in plain words."
    )
    name = serializers.CharField(
        required=False,
        max_length=255,
        validators=[one_line],
        help_text="Of the workflow; chosen where absent.",
    )
    category = serializers.CharField(
        required=False,
        max_length=100,
        validators=[one_line],
        help_text="Of the workflow; chosen where absent.",
    )
    organisation = serializers.UUIDField(
        required=False, help_text="Whose the draft is; your own organisation's where absent."
    )


class GenerationOptionsSerializer(StrictSerializer):
    step_types = serializers.ListField(
        child=serializers.CharField(max_length=50),
        required=False,
        max_length=50,
        help_text="The only step types that may be used; all where absent.",
    )
    max_steps = serializers.IntegerField(
        required=False, min_value=1, max_value=200, help_text="The most steps."
    )
    model = serializers.CharField(
        required=False,
        max_length=100,
        help_text="Model of the calls; the configured one's where absent.",
    )
    experience_level = serializers.ChoiceField(
        choices=("beginner", "intermediate", "expert"),
        required=False,
        help_text="Of whoever works with the draft; determined from the text where absent.",
    )
    keep = serializers.BooleanField(
        default=True, help_text="Keep the draft as a workflow; else it is only shown."
    )


class GenerateAdvancedSerializer(GenerateSerializer):
    workflow = serializers.UUIDField(
        required=False,
        help_text="A workflow to change: the answer proposes a definition and changes nothing."
        " Needs a language model, and that the workflow is `ai_configurable`.",
    )
    options = GenerationOptionsSerializer(required=False)


class ExplanationSerializer(serializers.Serializer[Any]):
    step_id = serializers.CharField()
    explanation = serializers.CharField(help_text="What the step is for.")
    requirement = serializers.CharField(help_text="The words that it comes from.")


class NotCoveredSerializer(serializers.Serializer[Any]):
    requirement = serializers.CharField()
    reason = serializers.CharField()


class GenerationSerializer(serializers.Serializer[Any]):
    generation_id = serializers.UUIDField()
    workflow = WorkflowSerializer(
        allow_null=True,
        help_text="The draft: private, neither shared, scheduled nor run. Null: not saved.",
    )
    definition = ObjectField(help_text="Passes the validator and a dry run.")
    explanations = ExplanationSerializer(many=True)
    not_covered = NotCoveredSerializer(many=True, help_text="What is asked and no step does.")
    suggested_schedule = serializers.CharField(
        help_text="Cron that the text asks for, or empty. No schedule was made."
    )
    analysis = ObjectField(
        help_text="Step types, experience level, AI assistance, complexity, integration points."
    )
    templates = serializers.ListField(
        child=serializers.CharField(), help_text="The nearest templates."
    )
    patterns = serializers.ListField(child=serializers.CharField(), help_text="Theirs.")
    model = serializers.CharField()
    provider = serializers.CharField()
    notice = serializers.CharField(help_text="What to know about the draft's origin; may be empty.")
    attempts = serializers.IntegerField(help_text="Drafts that were asked for until one was valid.")
