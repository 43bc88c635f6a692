"""SQL that the ORM cannot say in one statement, each with what it promises."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import connection

from engine.models import StepStatus

# Counters of many steps and what follows from them. Only a pending step changes its status, so
# that a step that
# was cancelled meanwhile keeps counting without coming back to life. Answers with the positions
# that changed status.
_ADVANCE = """
UPDATE workflow_step_executions AS step
   SET arrived = change.arrived,
       live = change.live,
       status = CASE WHEN step.status = 'pending' THEN change.status ELSE step.status END,
       next_send_at = CASE WHEN step.status = 'pending' AND change.status = 'ready'
                           THEN statement_timestamp() + make_interval(secs => %s) ELSE
                           step.next_send_at END,
       completed_at = CASE WHEN step.status = 'pending' AND change.status = 'skipped'
                           THEN statement_timestamp() ELSE step.completed_at END
  FROM unnest(%s::int[], %s::int[], %s::int[], %s::text[])
       AS change (position, arrived, live, status)
 WHERE step.execution_id = %s AND step.scope = '' AND step.position = change.position
RETURNING step.position, step.status
"""

# Ends every step of a run that is in one of these states, and says so in the history.
_CANCEL = """
WITH cancelled AS (
    UPDATE workflow_step_executions
       SET status = 'cancelled', completed_at = statement_timestamp(),
           lease_owner = '', lease_expires_at = NULL, due_at = NULL, next_send_at = NULL
     WHERE execution_id = %s AND status = ANY(%s)
 RETURNING execution_id, step_id, scope, attempt
)
INSERT INTO workflow_execution_events (execution_id, kind, step_id, scope, attempt, data)
SELECT execution_id, 'step.cancelled', step_id, scope, attempt, '{}' FROM cancelled
"""

# Messages that did not bring their step to a worker in time: the next one is presumed lost after
# twice as long.
_RESEND = """
WITH lost AS (
    SELECT step.id
      FROM workflow_step_executions AS step
      JOIN workflow_executions AS run ON run.id = step.execution_id
     WHERE step.status = 'ready' AND step.next_send_at <= statement_timestamp()
       AND run.status = 'running' AND NOT run.failing
     ORDER BY step.next_send_at
     LIMIT %s
       FOR UPDATE OF step SKIP LOCKED
)
UPDATE workflow_step_executions AS step
   SET next_send_at = statement_timestamp()
           + make_interval(secs => least(%s * power(2, least(step.sends, 10)), %s)),
       sends = least(step.sends + 1, 1000)
  FROM lost
 WHERE step.id = lost.id
RETURNING step.execution_id, step.position, step.step_id, step.scope, step.attempt, step.sends,
          step.due_at IS NOT NULL
"""

_RENEW = """
UPDATE workflow_step_executions AS step
   SET lease_expires_at = statement_timestamp() + make_interval(secs => %s)
  FROM unnest(%s::uuid[], %s::int[]) AS held (id, attempt)
 WHERE step.id = held.id AND step.attempt = held.attempt AND step.status = 'running'
"""


def advance(
    execution_id: UUID,
    changes: Sequence[tuple[int, int, int, str]],
    *,
    resend_after: timedelta,
) -> tuple[list[int], list[int]]:
    """Writes (position, arrived, live, status that a pending step takes).

    Returns:
        The positions that are ready and those that are skipped now, of those that were to become
        so.
    """
    if not changes:
        return [], []
    positions, arrived, live, statuses = (list(column) for column in zip(*changes, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            _ADVANCE,
            [resend_after.total_seconds(), positions, arrived, live, statuses, execution_id],
        )
        stored = dict(cursor.fetchall())
    wanted = dict(zip(positions, statuses, strict=True))
    flipped = {n: status for n, status in stored.items() if wanted[n] == status}
    return (
        sorted(n for n, status in flipped.items() if status == StepStatus.READY),
        sorted(n for n, status in flipped.items() if status == StepStatus.SKIPPED),
    )


def cancel_steps(execution_id: UUID, statuses: Sequence[str]) -> None:
    """Cancels the run's steps that are in one of `statuses`, with an event each."""
    with connection.cursor() as cursor:
        cursor.execute(_CANCEL, [execution_id, list(statuses)])


def take_lost_messages(
    *, limit: int, resend_after: timedelta, at_most: timedelta
) -> list[tuple[UUID, int, str, str, int, int, bool]]:
    """Ready steps whose message counts as lost, oldest first, and pushes their next time away.

    Returns:
        Rows of (execution id, position, step id, scope, attempt, sends, whether it is a retry that
        came due).
    """
    with connection.cursor() as cursor:
        cursor.execute(_RESEND, [limit, resend_after.total_seconds(), at_most.total_seconds()])
        rows: list[tuple[UUID, int, str, str, int, int, bool]] = cursor.fetchall()
    return rows


def renew_leases(held: Sequence[tuple[UUID, int]], *, lease: timedelta) -> None:
    """Prolongs the leases of these (step execution id, attempt), where they are still held."""
    with connection.cursor() as cursor:
        cursor.execute(
            _RENEW, [lease.total_seconds(), [pk for pk, _ in held], [n for _, n in held]]
        )
