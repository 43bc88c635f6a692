"""Deletes finished runs that are old, with all that belongs to them, a little at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from core.ids import lowest_uuid7
from engine.models import ExecutionStatus, StepExecution, WorkflowExecution

_FINISHED = (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED)
# A transaction deletes runs of so many steps together; one run is never divided.
_STEPS = 2_000
_RUNS = 500


def old_runs(before: datetime) -> Iterator[list[UUID]]:
    """Ids of the runs that ended before then, in batches of about the same number of steps.

    Ids sort by creation, so that the primary key leads to the old ones: the table of finished runs
    needs no index for this.
    """
    after = UUID(int=0)
    newest = lowest_uuid7(before)
    while True:
        page = list(
            WorkflowExecution.objects.filter(
                id__gt=after, id__lt=newest, status__in=_FINISHED, completed_at__lt=before
            )
            .order_by("id")
            .values_list("id", flat=True)[:_RUNS]
        )
        if not page:
            return
        yield from _batches(page)
        after = page[-1]


def delete_runs(ids: Sequence[UUID]) -> Counter[str]:
    """Deletes finished runs with their steps, history and whatever other apps keep of them.

    Returns:
        How many rows of which table. A run that an operator retried meanwhile stays.
    """
    with transaction.atomic():
        finished = (
            WorkflowExecution.objects.select_for_update()
            .filter(id__in=ids, status__in=_FINISHED)
            .order_by("id")
        )
        locked = list(finished.values_list("id", flat=True))
        _, deleted = WorkflowExecution.objects.filter(id__in=locked).only("id").delete()
    return Counter(deleted)


def _batches(ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    steps = dict(
        StepExecution.objects.filter(execution__in=ids)
        .order_by()
        .values_list("execution_id")
        .annotate(Count("id"))
    )
    batch: list[UUID] = []
    size = 0
    for pk in ids:
        count = steps.get(pk, 0)
        if batch and size + count > _STEPS:
            yield batch
            batch, size = [], 0
        batch.append(pk)
        size += count
    yield batch
