"""AI steps and AI analytics, as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from analytics.api.serializers import PeriodField, PeriodQuerySerializer
from core.api.schema import ProblemDetail
from core.api.serializers import StrictSerializer
from engine.api.fields import ObjectField
from engine.api.serializers.executions import WorkflowContextSerializer

_UNKNOWN = "Null where it is not known."


class AIStepContextSerializer(WorkflowContextSerializer):
    """The documented WorkflowContext of a step."""

    data = ObjectField(
        required=False,
        help_text='What the step reads: `inputs`, `steps` (`{id: {"output": {..}}}`) and `run`.',
    )


class AIStepRequestSerializer(StrictSerializer):
    """The documented AIStepRequest, and what the front end's AI step sends."""

    step = ObjectField(
        required=False, help_text="A step as a definition has it; in place of `step_id`."
    )
    workflow = serializers.UUIDField(
        required=False, help_text="The workflow whose step `step_id` is tried."
    )
    step_id = serializers.CharField(
        required=False, max_length=255, help_text="Of `workflow`; without one, a name for `prompt`."
    )
    prompt = serializers.CharField(
        required=False,
        max_length=1_000_000,
        trim_whitespace=False,
        help_text="In place of the step's own prompt; without `workflow` it is all the step.",
    )
    organisation = serializers.UUIDField(
        required=False, help_text="Who pays; the workflow's, or else your own one."
    )
    context = AIStepContextSerializer(required=False)  # type: ignore[assignment]


class AIUsageSerializer(serializers.Serializer[Any]):
    calls = serializers.IntegerField(help_text="Of models, retries and repairs included.")
    tokens = serializers.IntegerField(allow_null=True, help_text=_UNKNOWN)
    cost_usd = serializers.DecimalField(
        max_digits=18, decimal_places=10, allow_null=True, help_text=_UNKNOWN
    )
    time_ms = serializers.IntegerField()


class ToolCallSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="The function's.")
    arguments = serializers.CharField(
        help_text="As the model wrote them: personal data stands as placeholders."
    )
    characters = serializers.IntegerField(help_text="Of the result, before it was shortened.")
    error = serializers.CharField(
        help_text="Why there was no result, such as `invalid_arguments`; else empty."
    )
    time_ms = serializers.IntegerField()


class AIStepResultSerializer(serializers.Serializer[Any]):
    step_id = serializers.CharField()
    output = ObjectField(help_text="What the step's output would be in a run.")
    problems = ProblemDetail(
        many=True, help_text="What the step's validation rules say: a run would fail."
    )
    tool_calls = ToolCallSerializer(
        many=True, source="lookups", help_text="What the model looked up on the way."
    )
    usage = AIUsageSerializer(source="*")


class AIAnalyticsQuerySerializer(PeriodQuerySerializer):
    """The query of AI analytics."""

    time_period = PeriodField(
        default="30d", help_text="A number of h(ours), d(ays) or w(eeks), such as `30d` or `12h`."
    )
    workflow = serializers.UUIDField(required=False, help_text="Only calls of this workflow.")


class TokenUsageSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    prompt = serializers.IntegerField()
    completion = serializers.IntegerField()
    unknown = serializers.IntegerField(
        help_text="Answered calls whose tokens were not reported, which count nothing above."
    )


class AIFiguresSerializer(serializers.Serializer[Any]):
    calls = serializers.IntegerField()
    failed = serializers.IntegerField()
    cached = serializers.IntegerField(help_text="Answered from the cache, asking no model.")
    total_cost = serializers.DecimalField(
        max_digits=24,
        decimal_places=10,
        allow_null=True,
        help_text="US dollars of the calls whose cost is known; null where none is.",
    )
    unknown_costs = serializers.IntegerField(
        help_text="Calls that may have cost something, nobody knows what."
    )
    average_response_time = serializers.FloatField(
        allow_null=True, help_text="Seconds, of calls that a model answered."
    )
    p95_response_time = serializers.FloatField(allow_null=True, help_text="Seconds.")
    success_rate = serializers.FloatField(allow_null=True, help_text="0 to 1; null without calls.")
    token_usage = TokenUsageSerializer()


class ModelFiguresSerializer(AIFiguresSerializer):
    model = serializers.CharField()


class AgentFiguresSerializer(AIFiguresSerializer):
    agent_type = serializers.CharField()


class WorkflowFiguresSerializer(AIFiguresSerializer):
    workflow_id = serializers.UUIDField(allow_null=True, help_text="Null outside of a workflow.")
    name = serializers.CharField()


class PeriodFiguresSerializer(AIFiguresSerializer):
    start = serializers.DateTimeField(help_text="Start of the hour or day, UTC.")


class AIAnalyticsSerializer(AIFiguresSerializer):
    time_period = serializers.CharField()
    interval = serializers.ChoiceField(choices=["hour", "day"])
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    by_model = ModelFiguresSerializer(many=True)
    by_agent_type = AgentFiguresSerializer(many=True)
    by_workflow = WorkflowFiguresSerializer(many=True, help_text="The fifty with the most calls.")
    by_period = PeriodFiguresSerializer(many=True, help_text="Hours or days with calls.")
