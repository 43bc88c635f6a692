"""Runs, their steps and their history, as JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.serializers import StrictModelSerializer, StrictSerializer
from core.json import JsonObject
from engine.api.fields import ObjectField
from engine.models import ExecutionEvent, StepExecution, StepStatus, WorkflowExecution
from engine.waiting import Cause


class WorkflowContextSerializer(StrictSerializer):
    """The documented WorkflowContext, as a caller gives it."""

    user_id = serializers.UUIDField(required=False, help_text="Absent, or the caller's own id.")
    session_id = serializers.CharField(max_length=255, default="", allow_blank=True)
    data = ObjectField(  # type: ignore[assignment]  # DRF takes fields out of the class
        required=False, help_text="What the run is started with: its `inputs`."
    )
    metadata = ObjectField(required=False, help_text="Kept with the run; no expression reads it.")
    created_at = serializers.DateTimeField(
        required=False, help_text="Accepted and not used: the server's clock counts."
    )
    updated_at = serializers.DateTimeField(required=False, help_text="As `created_at`.")

    def validate_user_id(self, value: object) -> object:
        if value != self.context["user"].pk:
            raise serializers.ValidationError("This must be your own id.")
        return value


class ExecuteSerializer(StrictSerializer):
    context = WorkflowContextSerializer(required=False)  # type: ignore[assignment]


class StartedSerializer(serializers.Serializer[Any]):
    execution_id = serializers.UUIDField(source="id")
    workflow_id = serializers.UUIDField()
    status = serializers.CharField()
    session_id = serializers.CharField()


class ExecutionReferenceSerializer(StrictSerializer):
    execution_id = serializers.UUIDField(required=False, help_text="Here or in the query.")


class SuccessSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField(help_text="False where the run's state does not allow it.")


class ExecutionSerializer(StrictModelSerializer):
    workflow_name = serializers.CharField(source="workflow.name")
    definition_version = serializers.IntegerField(
        source="definition_version.number", help_text="Number of the version that it runs."
    )
    waiting = serializers.BooleanField(
        help_text="It runs, but nothing moves until somebody answers or a budget has room."
    )

    class Meta:
        model = WorkflowExecution
        fields: tuple[str, ...] = (
            "id",
            "workflow_id",
            "workflow_name",
            "definition_version",
            "user_id",
            "session_id",
            "status",
            "waiting",
            "error_code",
            "created_at",
            "started_at",
            "completed_at",
        )
        read_only_fields = fields


class ExecutionDetailSerializer(ExecutionSerializer):
    context = ObjectField(  # type: ignore[assignment]
        read_only=True, help_text="What it was started with."
    )
    results = ObjectField(read_only=True, allow_null=True)
    error_message = serializers.CharField(read_only=True, allow_null=True)

    class Meta(ExecutionSerializer.Meta):
        fields = (*ExecutionSerializer.Meta.fields, "context", "results", "error_message")
        read_only_fields = fields


class ReasonSerializer(serializers.Serializer[Any]):
    cause = serializers.ChoiceField(choices=[(cause.value, cause.value) for cause in Cause])
    since = serializers.DateTimeField(allow_null=True, help_text="As far as is known.")
    step_id = serializers.CharField(help_text="The step that it keeps; empty for the whole run.")
    message = serializers.CharField(help_text="The cause in a sentence.")
    details = ObjectField(
        help_text="By cause: `queue`, `messages`, `workers`, `worker`, `until`, `steps` ..."
    )


class ReasonsSerializer(serializers.Serializer[Any]):
    execution_id = serializers.UUIDField()
    status = serializers.CharField()
    reasons = ReasonSerializer(many=True, help_text="None where the run has ended.")


class WaitingSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="`person`, who answers, or `budget`, which nobody does.")
    title = serializers.CharField()
    form = ObjectField(help_text="JSON Schema of the answer; empty for a budget.")
    details = ObjectField(help_text="What the person needs to know, or the budget's figures.")


class StepExecutionSerializer(StrictModelSerializer):
    input_data = ObjectField(
        read_only=True,
        allow_null=True,
        help_text="The configuration, filled in: null until the step waits or ends, and where it "
        "was skipped, was cancelled or lost its worker while it ran.",
    )
    output_data = ObjectField(read_only=True, allow_null=True)
    error_message = serializers.CharField(read_only=True, allow_null=True)
    waiting = serializers.SerializerMethodField()

    class Meta:
        model = StepExecution
        fields: tuple[str, ...] = (
            "id",
            "step_id",
            "scope",
            "step_type",
            "position",
            "status",
            "attempt",
            "started_at",
            "completed_at",
            "due_at",
            "execution_time_ms",
            "input_data",
            "output_data",
            "error_code",
            "error_message",
            "waiting",
        )
        read_only_fields = fields

    @extend_schema_field(WaitingSerializer(allow_null=True))
    def get_waiting(self, step: StepExecution) -> JsonObject | None:
        if step.status != StepStatus.WAITING or step.waiting_data is None:
            return None
        return {"kind": step.waiting_for, **step.waiting_data}


class ListedStepSerializer(StepExecutionSerializer):
    omitted = serializers.ListField(
        child=serializers.CharField(),
        help_text="Fields too large for a list (an input also where what it follows from is), null"
        " here: the step's own address has them.",
    )

    class Meta(StepExecutionSerializer.Meta):
        fields = (*StepExecutionSerializer.Meta.fields, "omitted")
        read_only_fields = fields


class ExecutionEventSerializer(StrictModelSerializer):
    class Meta:
        model = ExecutionEvent
        fields = ("id", "kind", "step_id", "scope", "attempt", "data", "created_at")
        read_only_fields = fields


class AnswerSerializer(StrictSerializer):
    answer = ObjectField(help_text="Fits the `form` for which the step waits.")
    attempt = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The step's `attempt` whose question is answered: 409 `question_changed` where "
        "it was sent back since. Without it the answer is to whatever the step asks now.",
    )
