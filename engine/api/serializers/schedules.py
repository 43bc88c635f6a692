"""Schedules as JSON."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from rest_framework import serializers

from core.api.serializers import StrictModelSerializer
from engine.api.fields import ObjectField
from engine.models import WorkflowSchedule


class TimeZoneField(serializers.CharField):
    """A name of the IANA time zone database."""

    default_error_messages = {"unknown": "There is no such time zone."}

    def to_internal_value(self, data: Any) -> Any:
        name = super().to_internal_value(data)
        if name not in available_timezones():
            self.fail("unknown")
        return ZoneInfo(name)

    def to_representation(self, value: object) -> str:
        return str(value)


class WorkflowScheduleSerializer(StrictModelSerializer):
    """A schedule has either a cron expression or an interval."""

    workflow = serializers.UUIDField(source="workflow_id", help_text="One that you may see.")
    context = ObjectField(  # type: ignore[assignment]  # DRF takes fields out of the class
        required=False, help_text="The inputs that each run is started with."
    )
    timezone = TimeZoneField(required=False, help_text="Such as `Europe/Berlin`; `UTC` if absent.")

    class Meta:
        model = WorkflowSchedule
        fields = (
            "id",
            "name",
            "workflow",
            "context",
            "cron",
            "interval_seconds",
            "timezone",
            "allow_overlap",
            "enabled",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "created_at", "updated_at")
