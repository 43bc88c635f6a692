"""SQL that the ORM cannot say in one statement, each with what it promises."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

from core.fields import seal
from core.ids import uuid7
from engine.definition import WorkflowDefinition
from engine.models import StepStatus, WorkflowExecution

_STARTED = time.monotonic()

# A new run with all its steps, of which the roots are ready.
_START = """
WITH run AS (
    INSERT INTO workflow_executions
           (id, workflow_id, user_id, session_id, status, context, started_at, created_at,
            definition_version_id, error_code, failing, exits_left, idempotency_key, request_hash)
    VALUES (%(run)s::uuid, %(workflow)s::uuid, %(user)s::uuid, %(session)s::text, 'running',
            %(context)s::jsonb, statement_timestamp(), statement_timestamp(),
            %(version)s::uuid, '', FALSE, %(exits)s::int, %(key)s::text, %(hash)s::text)
 RETURNING id, workflow_id, started_at
), steps AS (
    INSERT INTO workflow_step_executions
           (id, execution_id, step_id, step_type, status, position, scope, arrived, live, attempt,
            error_code, waiting_for, lease_owner, sends, started_at, next_send_at)
    SELECT step.id, run.id, step.step_id, step.step_type,
           CASE WHEN step.root THEN 'ready' ELSE 'pending' END, step.number - 1, '', 0, 0, 0,
           '', '', '', 0, NULL,
           CASE WHEN step.root
                THEN statement_timestamp() + make_interval(secs => %(resend)s::float8) END
      FROM run, unnest(%(ids)s::uuid[], %(step_ids)s::text[], %(types)s::text[],
                       %(roots)s::boolean[])
           WITH ORDINALITY AS step (id, step_id, step_type, root, number)
 RETURNING step_id, status, position
), told AS (
    INSERT INTO workflow_execution_events (execution_id, kind, step_id, scope, attempt, data)
    SELECT id, 'execution.started', '', '', 0, '{}'::jsonb FROM run
     UNION ALL
    SELECT run.id, 'step.ready', ready.step_id, '', 0, '{}'::jsonb
      FROM run, (SELECT * FROM steps WHERE status = 'ready' ORDER BY position) AS ready
), counted AS (
    UPDATE workflow_definitions AS workflow
       SET usage_count = usage_count + 1
      FROM run
     WHERE workflow.id = run.workflow_id
)
SELECT started_at FROM run
"""

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
 RETURNING execution_id, step_id, scope, attempt, position
)
INSERT INTO workflow_execution_events (execution_id, kind, step_id, scope, attempt, data)
SELECT execution_id, 'step.cancelled', step_id, scope, attempt, '{}'
  FROM cancelled ORDER BY position, scope
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


def start_run(
    run: WorkflowExecution, definition: WorkflowDefinition, *, resend_after: timedelta
) -> None:
    """Writes a new run with a row for each step, and its first events. Sets `started_at`."""
    steps = definition.steps
    context = seal(WorkflowExecution, run.id, "context", run.context)
    [(run.started_at,)] = execute(
        _START,
        run=run.id,
        workflow=run.workflow_id,
        user=run.user_id,
        session=run.session_id,
        context=context.text if context else None,
        version=run.definition_version_id,
        exits=run.exits_left,
        key=run.idempotency_key,
        hash=run.request_hash,
        resend=resend_after.total_seconds(),
        ids=[uuid7() for _ in steps],
        step_ids=[step.id for step in steps],
        types=[step.step_type for step in steps],
        roots=[not step.dependencies for step in steps],
    )


def execute(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """The rows that a statement answers with.

    It runs below Django's cursor, which would neither prepare the statement nor send the parameters
    apart from it. Errors are Django's.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_current(statement), parameters, prepare=True)
        return cursor.fetchall()


def _current(statement: str) -> str:
    # PostgreSQL keeps a prepared plan while a table grows from empty, when reading all of it was
    # best. A new text is planned anew: after one second, two, four ... of the process's life.
    return f"{statement}-- {int(time.monotonic() - _STARTED).bit_length()}"


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
