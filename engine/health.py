"""What `/health` tells of the engine: its workers, by queue, and beat."""

from __future__ import annotations

from typing import Any

from django.db.models import DurationField, ExpressionWrapper, Max
from django.db.models.functions import Now

from core.health import Part
from engine import broker, presence
from engine.models import WorkerKind, WorkflowWorker


def workers() -> Part:
    """Whether each queue has a worker; as old as the queue that has gone without for longest."""
    lately = presence.seen_lately(WorkerKind.WORKER)
    serving = list(lately.values_list("queues", flat=True))
    queues: dict[str, dict[str, Any]] = {}
    for name in broker.QUEUES:
        count = sum(name in queues for queues in serving)
        age = _age(WorkerKind.WORKER, queues__contains=name)
        queues[name] = {"state": _state(count > 0), "workers": count, "age_seconds": age}
    ages = [queue["age_seconds"] for queue in queues.values()]
    return Part(
        ok=all(queue["workers"] for queue in queues.values()),
        age_seconds=None if None in ages else max(ages),
        details={"queues": queues},
    )


def beat() -> Part:
    """Whether a beat lives. Without it no schedule fires, but every run goes on."""
    return Part(
        ok=presence.seen_lately(WorkerKind.BEAT).exists(),
        age_seconds=_age(WorkerKind.BEAT),
        needed=False,
    )


def _age(kind: WorkerKind, **where: Any) -> float | None:
    rows = WorkflowWorker.objects.filter(kind=kind, **where)
    age = rows.aggregate(age=ExpressionWrapper(Now() - Max("seen_at"), DurationField()))["age"]
    return None if age is None else round(age.total_seconds(), 3)


def _state(ok: bool) -> str:
    return "ok" if ok else "down"
