"""Analytics and feedback, as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.models import MAX_RATING, MIN_RATING, WorkflowLearningData
from analytics.periods import PERIOD, Period, parse_period
from core.api.serializers import StrictModelSerializer, StrictSerializer
from engine.models import ExecutionStatus

_PERIOD_HELP = "A number of h(ours), d(ays) or w(eeks), such as `30d` or `12h`."


@extend_schema_field({"type": "string", "pattern": f"^{PERIOD.pattern}$"})
class PeriodField(serializers.CharField):
    """A period of time, checked by `parse_period`."""


class PeriodQuerySerializer(StrictSerializer):
    """The query of workflow analytics."""

    time_period = PeriodField(default="90d", help_text=_PERIOD_HELP)

    def period(self) -> Period:
        """The period asked for, up to now."""
        return parse_period(self.validated_data["time_period"], now=datetime.now(UTC))


class TrendsQuerySerializer(PeriodQuerySerializer):
    """The query of trends."""

    time_period = PeriodField(default="30d", help_text=_PERIOD_HELP)
    category = serializers.CharField(
        required=False, max_length=100, help_text="Only runs of workflows of this category."
    )


class DurationSerializer(serializers.Serializer[Any]):
    """Seconds from start to end of completed and failed runs, waiting for people included."""

    mean = serializers.FloatField(allow_null=True)
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    longest = serializers.FloatField(allow_null=True)


class StepAnalyticsSerializer(serializers.Serializer[Any]):
    step_id = serializers.CharField()
    step_type = serializers.CharField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    retried = serializers.IntegerField(help_text="Ran more than once.")
    mean_ms = serializers.FloatField(allow_null=True, help_text="Time on a worker.")
    longest_ms = serializers.IntegerField(allow_null=True)


class AIUseSerializer(serializers.Serializer[Any]):
    calls = serializers.IntegerField()
    tokens = serializers.IntegerField()
    cost_usd = serializers.DecimalField(
        max_digits=24, decimal_places=10, help_text="Calls whose price is not known count nothing."
    )


class SatisfactionSerializer(serializers.Serializer[Any]):
    mean = serializers.FloatField(allow_null=True, help_text="1 to 5.")
    ratings = serializers.IntegerField()


class LastRunSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=ExecutionStatus.choices)
    error_code = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    duration_seconds = serializers.FloatField(allow_null=True)


class RunsByStatusSerializer(serializers.Serializer[Any]):
    pending = serializers.IntegerField()
    running = serializers.IntegerField()
    paused = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()


class WorkflowAnalyticsSerializer(serializers.Serializer[Any]):
    workflow_id = serializers.UUIDField()
    name = serializers.CharField()
    time_period = serializers.CharField()
    runs = serializers.IntegerField()
    by_status = RunsByStatusSerializer()
    success_rate = serializers.FloatField(
        allow_null=True, help_text="Completed among completed and failed runs, 0 to 1."
    )
    duration_seconds = DurationSerializer()
    steps = StepAnalyticsSerializer(many=True)
    ai = AIUseSerializer()
    satisfaction = SatisfactionSerializer()
    last_runs = LastRunSerializer(many=True, help_text="Whatever the period.")


class UseSerializer(serializers.Serializer[Any]):
    runs = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)
    mean_duration_seconds = serializers.FloatField(allow_null=True)


class TrendPointSerializer(UseSerializer):
    start = serializers.DateTimeField(help_text="Start of the hour or day, UTC.")


class CategoryUseSerializer(UseSerializer):
    category = serializers.CharField()


class TrendsSerializer(serializers.Serializer[Any]):
    category = serializers.CharField(allow_null=True)
    time_period = serializers.CharField()
    interval = serializers.ChoiceField(choices=["hour", "day"])
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    totals = UseSerializer()
    points = TrendPointSerializer(many=True)
    categories = CategoryUseSerializer(many=True)


class FeedbackSerializer(StrictSerializer):
    execution_id = serializers.UUIDField(help_text="The run that it is about.")
    rating = serializers.IntegerField(min_value=MIN_RATING, max_value=MAX_RATING)
    comment = serializers.CharField(max_length=5_000, default="", allow_blank=True)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50), max_length=20, default=list
    )


class StoredFeedbackSerializer(StrictModelSerializer):
    comment = serializers.CharField(source="user_feedback.comment")
    tags = serializers.ListField(source="user_feedback.tags", child=serializers.CharField())

    class Meta:
        model = WorkflowLearningData
        fields = ("id", "execution_id", "rating", "comment", "tags", "created_at", "updated_at")
        read_only_fields = fields
