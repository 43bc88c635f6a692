"""Runs, their steps and their history. Only `transitions` writes a status."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from core.fields import EncryptedJSONField, EncryptedTextField
from core.ids import uuid7
from engine.models.definitions import Workflow, WorkflowVersion


class ExecutionStatus(models.TextChoices):
    """States of a run; lettered diagram in docs/states.md."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepStatus(models.TextChoices):
    """States of a step of a run; lettered diagram in docs/states.md."""

    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class WorkflowExecution(models.Model):
    """One run of a workflow. `context` is its start, `results` its end."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Foreign keys without an index of their own are the first column of another one.
    workflow = models.ForeignKey(
        Workflow, on_delete=models.PROTECT, related_name="executions", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="executions",
        db_index=False,
    )
    session_id = models.CharField(max_length=255)
    status = models.CharField(
        max_length=20, choices=ExecutionStatus.choices, default=ExecutionStatus.PENDING
    )
    context = EncryptedJSONField()
    results = EncryptedJSONField(null=True)
    error_message = EncryptedTextField(null=True)
    started_at = models.DateTimeField(default=None, null=True, db_default=Now())
    completed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    definition_version = models.ForeignKey(
        WorkflowVersion, on_delete=models.PROTECT, related_name="executions"
    )
    error_code = models.CharField(max_length=50, blank=True, default="")
    failing = models.BooleanField(
        default=False, help_text="A step failed: nothing new starts, running steps finish."
    )
    exits_left = models.IntegerField(help_text="Steps at the end of the graph not settled yet.")
    idempotency_key = models.CharField(  # noqa: DJ001 - NULL is what the unique constraint leaves out
        max_length=255, null=True, blank=True
    )
    request_hash = models.CharField(max_length=64, blank=True, default="")
    metrics_recorded_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "workflow_executions"
        ordering = ("-created_at", "-id")
        constraints = (
            # Partial: most runs have no key, and need no entry.
            models.UniqueConstraint(
                fields=("user", "workflow", "idempotency_key"),
                name="workflow_execution_key_once",
                condition=models.Q(idempotency_key__isnull=False),
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=ExecutionStatus.values),
                name="workflow_execution_status",
            ),
        )
        indexes = (
            models.Index(fields=("user", "-created_at", "-id"), name="execution_user_created"),
            models.Index(
                fields=("workflow", "-created_at", "-id"), name="execution_workflow_created"
            ),
            models.Index(fields=("-created_at", "-id"), name="execution_created"),
            models.Index(
                fields=("id",),
                name="execution_open",
                condition=models.Q(status__in=("pending", "running", "paused")),
            ),
            models.Index(
                fields=("completed_at",),
                name="execution_unmeasured",
                condition=models.Q(metrics_recorded_at=None, completed_at__isnull=False),
            ),
        )
        permissions = (
            ("pause_workflowexecution", "Can pause and resume runs"),
            ("cancel_workflowexecution", "Can cancel runs"),
            ("retry_workflowexecution", "Can retry failed runs"),
            ("view_payloads", "Can read what runs and steps are given and return"),
        )

    def __str__(self) -> str:
        return str(self.id)


class StepExecution(models.Model):
    """One step of one run, from the run's start to its end; see `engine.propagation` for the
    counters.

    `position` is the step's number in the definition. `scope` is "" or names one of several
    instances of the step.

    The hottest table. PostgreSQL parses every CHECK of a table anew for each statement that writes
    to it, so it has none: see docs/adr/0006.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    execution = models.ForeignKey(
        WorkflowExecution, on_delete=models.CASCADE, related_name="steps", db_index=False
    )
    step_id = models.CharField(max_length=255)
    step_type = models.CharField(max_length=50)
    status = models.CharField(max_length=20, choices=StepStatus.choices, default=StepStatus.PENDING)
    input_data = EncryptedJSONField(null=True)
    output_data = EncryptedJSONField(null=True)
    error_message = EncryptedTextField(null=True)
    execution_time_ms = models.IntegerField(null=True, help_text="Time on a worker, not waiting.")
    started_at = models.DateTimeField(default=None, null=True, db_default=Now())
    completed_at = models.DateTimeField(null=True)

    position = models.IntegerField()
    scope = models.CharField(max_length=100, blank=True, default="")
    arrived = models.IntegerField(default=0, help_text="Dependencies that have settled.")
    live = models.IntegerField(default=0, help_text="Settled dependencies that lead here.")
    queue = models.CharField(max_length=255, db_default="default", default="default")
    attempt = models.IntegerField(default=0, help_text="Fence: rises with every claim.")
    failures = models.SmallIntegerField(
        db_default=0, default=0, help_text="Its own, since an operator last retried it."
    )
    error_code = models.CharField(max_length=50, blank=True, default="")
    waiting_for = models.CharField(max_length=20, blank=True, default="")
    waiting_data = EncryptedJSONField(
        null=True, help_text="Title, form and details for the answer."
    )
    measurements = models.JSONField(null=True, help_text="[[name, value, unit], ...]")
    lease_owner = models.CharField(max_length=100, blank=True, default="")
    lease_expires_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="A retry is not due before.")
    next_send_at = models.DateTimeField(null=True, help_text="When its message counts as lost.")
    sends = models.SmallIntegerField(default=0, help_text="Messages presumed lost.")

    class Meta:
        db_table = "workflow_step_executions"
        ordering = ("position", "scope")
        constraints = (
            models.UniqueConstraint(
                fields=("execution", "position", "scope"), name="workflow_step_once"
            ),
        )
        indexes = (
            # By queue: those of a long one are not looked at, however many they are.
            models.Index(
                fields=("queue", "next_send_at"),
                name="step_to_resend",
                condition=models.Q(status="ready"),
            ),
            # Retries that no message has been sent for yet.
            models.Index(
                fields=("next_send_at",),
                name="step_to_retry",
                condition=models.Q(status="ready", sends=0, due_at__isnull=False),
            ),
            models.Index(
                fields=("lease_expires_at",),
                name="step_leased",
                condition=models.Q(status="running"),
            ),
            models.Index(
                fields=("execution",), name="step_waiting", condition=models.Q(status="waiting")
            ),
        )
        permissions = (("answer_stepexecution", "Can answer waiting steps"),)

    def __str__(self) -> str:
        return f"{self.step_id}[{self.scope}]" if self.scope else self.step_id


class ExecutionEvent(models.Model):
    """One line of a run's history, written in the transaction of what it tells. Holds no
    payload.
    """

    id = models.BigAutoField(primary_key=True)
    # Without a constraint of the database: whoever writes an event holds the run's row.
    execution = models.ForeignKey(
        WorkflowExecution,
        on_delete=models.CASCADE,
        related_name="events",
        db_index=False,
        db_constraint=False,
    )
    kind = models.CharField(max_length=30)
    step_id = models.CharField(max_length=255, blank=True, default="")
    scope = models.CharField(max_length=100, blank=True, default="")
    attempt = models.IntegerField(default=0)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "workflow_execution_events"
        ordering = ("id",)
        indexes = (models.Index(fields=("execution", "id"), name="event_execution"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.step_id}".strip()
