"""The living workers and beats, and those that went without a word."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from engine import presence
from engine.admin.display import badge, elapsed, moment
from engine.admin.lists import LongList
from engine.models import WorkflowWorker


@admin.register(WorkflowWorker)
class WorkerAdmin(LongList[WorkflowWorker]):
    """Processes write and delete their rows themselves: here they are only looked at."""

    list_display = (
        "name", "kind", "state", "serves", "pool", "concurrency", "host", "pid", "started", "seen",
    )  # fmt: skip
    list_display_links = None
    title = "Workers and beats"
    sortable_by = ()

    @admin.display(description="state")
    def state(self, worker: WorkflowWorker) -> SafeString:
        if timezone.now() - worker.seen_at > presence.stale_after():
            return badge("failed", "gone")
        return badge("paused", "stopping") if worker.stopping else badge("completed", "alive")

    @admin.display(description="queues")
    def serves(self, worker: WorkflowWorker) -> str:
        return ", ".join(worker.queues)

    @admin.display(description="started")
    def started(self, worker: WorkflowWorker) -> str:
        return moment(worker.started_at)

    @admin.display(description="last seen")
    def seen(self, worker: WorkflowWorker) -> str:
        return f"{elapsed(worker.seen_at, None)} ago"
