"""Schedules: which workflow starts when, and which starts have happened."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from timezone_field import TimeZoneField

from core.fields import EncryptedJSONField
from core.ids import uuid7
from engine.models.definitions import Workflow
from engine.models.executions import WorkflowExecution

_EITHER = "Give either a cron expression or an interval."


class WorkflowSchedule(models.Model):
    """Starts a workflow by cron or by interval, in a time zone, through Celery beat."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="schedules")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="schedules",
        help_text="Whose runs these are: who saved it last.",
    )
    context = EncryptedJSONField(
        default=dict, blank=True, help_text="What each run is started with."
    )
    cron = models.CharField(
        max_length=100, blank=True, default="", help_text="minute hour day month weekday"
    )
    interval_seconds = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )
    timezone = TimeZoneField(default="UTC", choices_display="STANDARD")
    allow_overlap = models.BooleanField(
        default=False, help_text="Start even while the schedule's last run has not ended."
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "workflow_schedules"
        ordering = ("name", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(cron="", interval_seconds__gt=0)
                | (~models.Q(cron="") & models.Q(interval_seconds=None)),
                name="workflow_schedule_cron_or_interval",
                violation_error_message=_EITHER,
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        from engine.schedules import check_cron

        if bool(self.cron) == bool(self.interval_seconds):
            # Said of a field, so that the constraint below does not say it once more.
            field = "interval_seconds" if self.cron else "cron"
            raise ValidationError({field: _EITHER})
        if self.cron and (message := check_cron(self.cron)):
            raise ValidationError({"cron": message})


class ScheduleFire(models.Model):
    """One due time of a schedule. Unique, so that two beats start one run."""

    id = models.BigAutoField(primary_key=True)
    schedule = models.ForeignKey(WorkflowSchedule, on_delete=models.CASCADE, related_name="fires")
    fire_time = models.DateTimeField()
    execution = models.ForeignKey(
        WorkflowExecution, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    outcome = models.CharField(max_length=20, default="started")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "workflow_schedule_fires"
        ordering = ("-fire_time",)
        constraints = (
            models.UniqueConstraint(fields=("schedule", "fire_time"), name="schedule_fire_once"),
        )

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.fire_time:%Y-%m-%d %H:%M:%S}"
