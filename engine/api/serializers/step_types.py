"""Step types and functions as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from engine.api.fields import ObjectField


class StepTypeSerializer(serializers.Serializer[Any]):
    step_type = serializers.CharField()
    description = serializers.CharField()
    config_schema = ObjectField(help_text="JSON Schema of a step's `config`.")
    required_inputs = serializers.ListField(
        child=serializers.CharField(), source="get_required_inputs"
    )
    outputs = serializers.ListField(
        child=serializers.CharField(),
        source="get_outputs",
        help_text="Keys that every output of this type has.",
    )
    queue = serializers.CharField(help_text="The Celery queue of its steps.")


class WorkflowFunctionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    arguments = ObjectField(source="schema", help_text="JSON Schema of the arguments.")
    queue = serializers.CharField()
    read_only = serializers.BooleanField(  # type: ignore[assignment]  # the metaclass takes it away
        help_text="Whether AI steps may name it among their `tools`."
    )


class StepTypesSerializer(serializers.Serializer[Any]):
    step_types = StepTypeSerializer(many=True)
    functions = WorkflowFunctionSerializer(
        many=True, help_text="What a step of type FUNCTION may call."
    )
