"""SQL that the ORM cannot say in one statement, each with what it promises."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from core.encryption import Sealed
from core.fields import seal
from core.ids import uuid7
from engine import prepared
from engine.definition import WorkflowDefinition
from engine.models import StepStatus, WorkflowExecution

_thread = threading.local()

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
            error_code, waiting_for, lease_owner, sends, started_at, queue, next_send_at)
    SELECT step.id, run.id, step.step_id, step.step_type,
           CASE WHEN step.root THEN 'ready' ELSE 'pending' END, step.number - 1, '', 0, 0, 0,
           '', '', '', 0, NULL, step.queue,
           CASE WHEN step.root
                THEN statement_timestamp() + make_interval(secs => %(resend)s::float8) END
      FROM run, unnest(%(ids)s::uuid[], %(step_ids)s::text[], %(types)s::text[],
                       %(queues)s::text[], %(roots)s::boolean[])
           WITH ORDINALITY AS step (id, step_id, step_type, queue, root, number)
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

# Counters of many steps and what follows from them, with its events. Only a pending step changes
# its status, so that a step that was cancelled meanwhile keeps counting without coming back to
# life. Answers with the positions that are ready or skipped now.
_ADVANCE = """
WITH changed AS (
    UPDATE workflow_step_executions AS step
       SET arrived = change.arrived,
           live = change.live,
           status = CASE WHEN step.status = 'pending' THEN change.status ELSE step.status END,
           next_send_at =
               CASE WHEN step.status = 'pending' AND change.status = 'ready'
                    THEN statement_timestamp() + make_interval(secs => %(resend)s::float8)
                    ELSE step.next_send_at END,
           completed_at = CASE WHEN step.status = 'pending' AND change.status = 'skipped'
                               THEN statement_timestamp() ELSE step.completed_at END
      FROM unnest(%(positions)s::int[], %(arrived)s::int[], %(live)s::int[], %(statuses)s::text[])
           AS change (position, arrived, live, status)
     WHERE step.execution_id = %(run)s::uuid AND step.scope = ''
       AND step.position = change.position
 RETURNING step.position, step.step_id, step.status,
           step.status = change.status AND step.status <> 'pending' AS flipped
), told AS (
    INSERT INTO workflow_execution_events (execution_id, kind, step_id, scope, attempt, data)
    SELECT %(run)s::uuid, 'step.' || status, step_id, '', 0, '{}'::jsonb
      FROM changed
     WHERE flipped AND (status = 'skipped' OR position IS DISTINCT FROM %(untold)s::int)
     ORDER BY status DESC, position
)
SELECT position, status FROM changed WHERE flipped ORDER BY position
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

# Ready steps that need a message now: retries that came due, or those of one queue whose message
# did not bring them to a worker in time. The next one is presumed lost after twice as long. Nothing
# is waited for: whoever holds a step or its run is about to change it. Steps of a run that does not
# move are put aside until it is resumed.
_TAKE_UNSENT = """
WITH unsent AS (
    SELECT step.id, run.status = 'running' AND NOT run.failing AS moves
      FROM workflow_step_executions AS step
      JOIN workflow_executions AS run ON run.id = step.execution_id
     WHERE step.status = 'ready' AND step.next_send_at <= statement_timestamp()
       AND {which}
     ORDER BY step.next_send_at
     LIMIT %(limit)s
       FOR NO KEY UPDATE OF step SKIP LOCKED
       FOR KEY SHARE OF run SKIP LOCKED
)
UPDATE workflow_step_executions AS step
   SET next_send_at = CASE WHEN unsent.moves THEN statement_timestamp() + make_interval(
           secs => least(%(resend)s * power(2, least(step.sends, 10)), %(at_most)s)) END,
       sends = CASE WHEN unsent.moves THEN least(step.sends + 1, 1000) ELSE step.sends END
  FROM unsent
 WHERE step.id = unsent.id
RETURNING unsent.moves, step.execution_id, step.position, step.step_id, step.scope, step.attempt,
          step.sends
"""
_TAKE_DUE = _TAKE_UNSENT.format(which="step.sends = 0 AND step.due_at IS NOT NULL")
_TAKE_LOST = _TAKE_UNSENT.format(
    which="step.queue = %(queue)s"
    " AND step.next_send_at <= coalesce(%(before)s::timestamptz, 'infinity')"
)

# Jumps from one queue to the next in the index, however many steps each has.
_QUEUES = """
WITH RECURSIVE found AS (
    SELECT min(queue) AS queue FROM workflow_step_executions WHERE status = 'ready'
     UNION ALL
    SELECT (SELECT min(queue) FROM workflow_step_executions
             WHERE status = 'ready' AND queue > found.queue)
      FROM found WHERE found.queue IS NOT NULL
)
SELECT queue FROM found WHERE queue IS NOT NULL
"""

# A row that somebody holds is skipped, not waited for: a worker's steps are many, and two that wait
# for each other's would be a deadlock. It has two more chances before its lease runs out.
_RENEW = """
WITH kept AS (
    SELECT step.id
      FROM workflow_step_executions AS step
      JOIN unnest(%s::uuid[], %s::int[]) AS held (id, attempt)
        ON step.id = held.id AND step.attempt = held.attempt
     WHERE step.status = 'running'
       FOR NO KEY UPDATE OF step SKIP LOCKED
)
UPDATE workflow_step_executions AS step
   SET lease_expires_at = statement_timestamp() + make_interval(secs => %s)
  FROM kept
 WHERE step.id = kept.id
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
        queues=[step.queue for step in steps],
        roots=[not step.dependencies for step in steps],
    )


_READ_OUTPUTS = """
SELECT id, step_id, status, output_data::text
  FROM workflow_step_executions
 WHERE execution_id = %(run)s::uuid AND scope = '' AND position = ANY(%(positions)s::int[])
"""


def execute(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """The rows that a prepared statement answers with. Errors are Django's."""
    database = _database()
    database.ensure_connection()
    with database.wrap_database_errors:
        return prepared.run(database.connection, statement, parameters)


def _database() -> BaseDatabaseWrapper:
    """This thread's, which Django takes long to find."""
    try:
        database: BaseDatabaseWrapper = _thread.database
    except AttributeError:
        database = _thread.database = connections[DEFAULT_DB_ALIAS]
    return database


def advance(
    execution_id: UUID,
    changes: Sequence[tuple[int, int, int, str]],
    *,
    resend_after: timedelta,
    untold: int | None = None,
) -> list[int]:
    """Writes (position, arrived, live, status that a pending step takes), and the events of those
    that are ready or skipped now.

    Args:
        untold: the position whose readiness gets no event.

    Returns:
        The positions that are ready now, of those that were to become so.
    """
    if not changes:
        return []
    positions, arrived, live, statuses = (list(column) for column in zip(*changes, strict=True))
    rows = execute(
        _ADVANCE,
        run=execution_id,
        positions=positions,
        arrived=arrived,
        live=live,
        statuses=statuses,
        untold=untold,
        resend=resend_after.total_seconds(),
    )
    return [position for position, status in rows if status == StepStatus.READY]


def cancel_steps(execution_id: UUID, statuses: Sequence[str]) -> None:
    """Cancels the run's steps that are in one of `statuses`, with an event each."""
    with connection.cursor() as cursor:
        cursor.execute(_CANCEL, [execution_id, list(statuses)])


def read_outputs(
    execution_id: UUID, positions: Sequence[int]
) -> list[tuple[UUID, str, str, Sealed | None]]:
    """Id, step id, status and output of the run's steps at these positions."""
    rows = execute(_READ_OUTPUTS, run=execution_id, positions=list(positions))
    return [(pk, name, status, Sealed(text) if text else None) for pk, name, status, text in rows]


# (execution id, position, step id, scope, attempt, sends) of a step to send.
Unsent = tuple[UUID, int, str, str, int, int]


def queues() -> list[str]:
    """The queues that have ready steps."""
    with connection.cursor() as cursor:
        cursor.execute(_QUEUES)
        return [queue for (queue,) in cursor.fetchall()]


def take_due_retries(
    *, limit: int, resend_after: timedelta, at_most: timedelta
) -> tuple[int, list[Unsent]]:
    """Retries that came due and have not been sent, oldest first.

    Returns:
        How many rows were looked at, and those to send, whose next time is pushed away.
    """
    return _take(_TAKE_DUE, limit=limit, resend_after=resend_after, at_most=at_most)


def take_lost_messages(
    *,
    queue: str,
    before: datetime | None,
    limit: int,
    resend_after: timedelta,
    at_most: timedelta,
) -> tuple[int, list[Unsent]]:
    """Ready steps of a queue whose message counts as lost; otherwise like `take_due_retries`.

    Args:
        before: only those whose message counted as lost before this time.
    """
    delays = {"resend_after": resend_after, "at_most": at_most}
    return _take(_TAKE_LOST, limit=limit, **delays, queue=queue, before=before)


def _take(
    statement: str, *, resend_after: timedelta, at_most: timedelta, **parameters: Any
) -> tuple[int, list[Unsent]]:
    delays = {"resend": resend_after.total_seconds(), "at_most": at_most.total_seconds()}
    with connection.cursor() as cursor:
        cursor.execute(statement, {**parameters, **delays})
        rows = cursor.fetchall()
    return len(rows), [row[1:] for row in rows if row[0]]


def renew_leases(held: Sequence[tuple[UUID, int]], *, lease: timedelta) -> None:
    """Prolongs the leases of these (step execution id, attempt), where they are still held."""
    with connection.cursor() as cursor:
        cursor.execute(
            _RENEW, [[pk for pk, _ in held], [n for _, n in held], lease.total_seconds()]
        )
