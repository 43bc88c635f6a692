"""Finds work that the broker or a worker lost, and plans it again.

Every worker runs this every few seconds, and beat asks for it too. Looking is done by one at a
time, under a transaction advisory lock; acting needs no lock, since every transition is
conditional. All batches are bounded, and paged by key where a row could stay in the way of others.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from engine import broker, canvas, definitions, history, metrics, schedules, spans, statements
from engine.forking import unforked
from engine.models import ExecutionEvent, StepExecution, WorkflowExecution
from engine.signals import reconciled
from engine.statements import Unsent
from engine.transitions import flow, steps

logger = logging.getLogger(__name__)

_LOCK = 0x776F726B666C6F77  # "workflow"
_BATCH = 500
_PAGES = 20
_LONGEST_DELAY = timedelta(minutes=5)


def run() -> None:
    """One round: expired leases, lost messages, missed due times, then what others registered."""
    with transaction.atomic():
        if not _locked():
            return
        expired = _expired()
        lost = _lost()
    for row in expired:
        _take_back(row)
    _send(lost)
    schedules.catch_up()
    reconciled.send_robust(sender=WorkflowExecution)


def _locked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        row = cursor.fetchone()
    return bool(row and row[0])


def _expired() -> list[StepExecution]:
    found: list[StepExecution] = []
    after = None
    for _ in range(_PAGES):
        page = steps.expired_leases(after=after, limit=_BATCH)
        found += page
        if len(page) < _BATCH or page[-1].lease_expires_at is None:
            break
        after = page[-1].lease_expires_at, page[-1].id
    return found


def _take_back(row: StepExecution) -> None:
    try:
        advance = steps.take_back(row)
    except Exception:
        logger.exception("run %s: step %r not taken back", row.execution_id, row.step_id)
        return
    if advance is None:
        return
    metrics.leases_expired.inc()
    spans.record_lost(row, "lost")
    logger.warning(
        "run %s: step %r lost its worker %s", row.execution_id, row.step_id, row.lease_owner
    )
    if advance.ready:
        run = WorkflowExecution.objects.only("definition_version_id").get(id=row.execution_id)
        canvas.send(row.execution_id, flow.load_definition(run), advance.ready)


def _lost() -> list[tuple[UUID, int]]:
    """Ready steps that need a message; those that had one get an event that says so."""
    queues = statements.queues()
    oldest = broker.oldest_messages(queues) if queues else None
    if oldest is None:
        return []  # nothing is ready, or nothing can be sent
    unsent = list(_pages(statements.take_due_retries))
    lost: list[Unsent] = []
    for queue, sent_at in oldest.items():
        # Messages leave a queue in turn: what was sent before its oldest one is not in it any more.
        # The others may just have to wait, and would only make it longer.
        lost += _pages(partial(statements.take_lost_messages, queue=queue, before=sent_at))
    metrics.steps_resent.inc(len(lost))
    ExecutionEvent.objects.bulk_create(
        ExecutionEvent(
            execution_id=execution_id,
            kind=history.STEP_RESENT,
            step_id=step_id,
            scope=scope,
            attempt=attempt,
            data={"by": "reconciler", "sends": sends},
        )
        for execution_id, _, step_id, scope, attempt, sends in lost
    )
    return [(execution_id, position) for execution_id, position, *_ in unsent + lost]


def _pages(take: Callable[..., tuple[int, list[Unsent]]]) -> Iterator[Unsent]:
    for _ in range(_PAGES):
        seen, rows = take(limit=_BATCH, resend_after=flow.resend_after(), at_most=_LONGEST_DELAY)
        yield from rows
        if seen < _BATCH:
            return


def _send(lost: Iterable[tuple[UUID, int]]) -> None:
    ready: dict[UUID, list[int]] = defaultdict(list)
    for execution_id, position in lost:
        ready[execution_id].append(position)
    versions = dict(
        WorkflowExecution.objects.filter(id__in=ready).values_list("id", "definition_version_id")
    )
    for execution_id, positions in ready.items():
        try:
            canvas.send(execution_id, definitions.load(versions[execution_id]), positions)
        except Exception:
            logger.exception("run %s: not sent again", execution_id)


class Reconciler(threading.Thread):
    """Runs a round every `ENGINE_RECONCILE_SECONDS` in a worker's parent process."""

    def __init__(self) -> None:
        super().__init__(name="reconciler", daemon=True)
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(settings.ENGINE_RECONCILE_SECONDS):
            with unforked():
                try:
                    run()
                except Exception:
                    logger.exception("The reconciler's round failed; the next one will try again.")
                finally:
                    connection.close()

    def stop(self) -> None:
        """Ends the thread after its present round."""
        self._stopping.set()
