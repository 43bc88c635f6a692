"""Celery tasks: thin ways into the engine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import Task, shared_task
from django_celery_results.backends.database import DatabaseBackend
from django_celery_results.models import TaskResult

from engine import broker, canvas, runner, schedules
from engine import reconcile as reconciler

RESULTS_KEPT = timedelta(days=7)


class StandaloneTask(Task):  # type: ignore[type-arg]
    """A task of its own, whose result operators see in the admin (django-celery-results)."""

    ignore_result = False

    @property  # type: ignore[misc]  # Celery's own is settable, ours is always the database
    def backend(self) -> DatabaseBackend:
        return DatabaseBackend(app=self.app)


class StepsTask(Task):  # type: ignore[type-arg]
    """A message of steps, whose next link may be lost like any message.

    Celery would have the task fail that sends the link, although its steps have settled, and report
    it by 70 KB: more than a pipe holds, so that the process hangs as long as its worker is busy
    with connecting.
    """

    def apply_async(  # type: ignore[override]  # of options that are not looked at
        self, args: Any = None, kwargs: Any = None, **options: Any
    ) -> Any:
        """Sends it. What carried out the link before it (`parent_id`) does not fail with it."""
        if "parent_id" not in options:
            return super().apply_async(args, kwargs, **options)
        with canvas.sending(args[0]):
            return super().apply_async(args, kwargs, **options)


@shared_task(name=canvas.RUN_STEPS, base=StepsTask, bind=True, ignore_result=True)
def run_steps(
    self: Task[Any, Any], execution_id: str, positions: list[int], then: int | None
) -> bool:
    """Runs these steps of a run. Returns whether the next one has become ready."""
    request = self.request
    trace = {"task": request.id, "root": request.root_id, "group": request.group}
    return runner.run_steps(UUID(execution_id), positions, then, trace=trace)


@shared_task(name="engine.reconcile", ignore_result=True)
def reconcile() -> None:
    """Finds what the broker or a worker lost."""
    reconciler.run()


@shared_task(name="engine.fire_schedule", bind=True, base=StandaloneTask)
def fire_schedule(self: Task[Any, Any], schedule_id: str) -> str:
    """Starts the run of a schedule that is due. Returns what came of it."""
    sent_at = getattr(self.request, broker.SENT_AT, None)
    return schedules.fire(UUID(schedule_id), sent_at=sent_at)


@shared_task(name="engine.expire_results", ignore_result=True)
def expire_results() -> None:
    """Deletes the results of standalone tasks that nobody needs any more."""
    TaskResult.objects.delete_expired(RESULTS_KEPT)
