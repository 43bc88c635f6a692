"""The processes that do the platform's work, and when each was last seen."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from core.ids import uuid7


class WorkerKind(models.TextChoices):
    """What a process is there for."""

    WORKER = "worker"
    BEAT = "beat"


class WorkflowWorker(models.Model):
    """One Celery worker or beat. `engine.presence` writes the row and takes it away again; a row
    that is seen no more belongs to a process that was killed or hangs.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=10, choices=WorkerKind.choices, default=WorkerKind.WORKER)
    name = models.CharField(max_length=255, help_text="Celery's name of the node.")
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField(help_text="Of the process that started the pool.")
    queues = models.JSONField(default=list, blank=True, help_text="Names of those it serves.")
    pool = models.CharField(max_length=50, blank=True, default="")
    concurrency = models.PositiveIntegerField(default=0, help_text="Steps it runs at once.")
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    stopping = models.BooleanField(default=False, help_text="It takes no new steps.")

    class Meta:
        db_table = "workflow_workers"
        ordering = ("kind", "name", "id")
        verbose_name = "worker"

    def __str__(self) -> str:
        return self.name
