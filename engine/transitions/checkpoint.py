"""The fast path: one SQL statement a step where nothing but the common case can happen.

Each statement does what the functions of the same name in `steps` do in several, and does nothing
where anything else could follow (the run is paused or failing, the claim does not hold, a branch is
closed, one of several dependents waits for others too): the caller then takes the general path,
which is the reference. The run row is held FOR KEY SHARE, which the general path's FOR UPDATE
excludes; whoever waited sees the row as it is then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from psycopg.types.json import Jsonb

from core.encryption import Sealed
from core.fields import encrypted_field, seal
from engine import contexts, definitions, failpoints, statements
from engine.context import JsonObject
from engine.models import ExecutionStatus, StepExecution, WorkflowExecution
from engine.step import StepResult
from engine.transitions.flow import Advance, tell_finished
from engine.transitions.steps import Claim, measured

INPUT = encrypted_field(StepExecution, "input_data")
OUTPUT = encrypted_field(StepExecution, "output_data")

# The run, where it is running: nobody pauses, cancels or fails it before this statement's end.
_HOLD = """\
WITH run AS (
    SELECT id FROM workflow_executions
     WHERE id = %(run)s::uuid AND status = 'running' AND NOT failing
       FOR KEY SHARE
)"""

# The step of a claim that still holds is completed.
_SETTLE = """\
settled AS (
    UPDATE workflow_step_executions AS step
       SET status = 'completed', completed_at = statement_timestamp(),
           input_data = %(input)s::jsonb, output_data = %(output)s::jsonb,
           measurements = %(measurements)s::jsonb, execution_time_ms = %(elapsed)s::int,
           error_code = '', error_message = NULL,
           lease_owner = '', lease_expires_at = NULL, next_send_at = NULL
      FROM run
     WHERE step.id = %(step)s::uuid AND step.attempt = %(attempt)s::int AND step.status = 'running'
 RETURNING run.id
)"""

# A ready and due step starts under this worker's lease.
_TAKE = """\
claimed AS (
    UPDATE workflow_step_executions AS step
       SET status = 'running', attempt = step.attempt + 1, started_at = statement_timestamp(),
           lease_owner = %(owner)s::text,
           lease_expires_at = statement_timestamp() + make_interval(secs => %(lease)s::float8),
           due_at = NULL, next_send_at = NULL, sends = 0
      FROM {source}
     WHERE step.execution_id = {source}.id AND step.position = %(following)s::int
       AND step.scope = '' AND step.status = 'ready'
       AND (step.due_at IS NULL OR step.due_at <= statement_timestamp())
 RETURNING step.id, step.step_id, step.attempt
)"""

_TELL = """\
INSERT INTO workflow_execution_events (execution_id, kind, step_id, scope, attempt, data)"""
_TELL_COMPLETED = """\
    SELECT id, 'step.completed', %(step_id)s::text, '', %(attempt)s::int, '{}'::jsonb
      FROM settled"""
_TELL_STARTED = """\
    SELECT %(run)s::uuid, 'step.started', step_id, '', attempt, %(trace)s::jsonb
      FROM claimed"""

_CLAIM = f"""
WITH run AS (
    SELECT id, definition_version_id, workflow_id, user_id, started_at,
           CASE WHEN %(fetch)s::boolean THEN context END AS context
      FROM workflow_executions
     WHERE id = %(run)s::uuid AND status = 'running' AND NOT failing
       FOR KEY SHARE
), {_TAKE.format(source="run")}, told AS (
    {_TELL}
{_TELL_STARTED})
SELECT claimed.id, claimed.attempt,
       run.definition_version_id, run.workflow_id, run.user_id, run.started_at, run.context
  FROM run, claimed
"""

# The only dependent waits for nothing else and follows in this message: it starts at once.
_NEXT = f"""
{_HOLD}, {_SETTLE}, claimed AS (
    UPDATE workflow_step_executions AS step
       SET status = 'running', arrived = step.arrived + 1, live = step.live + 1,
           attempt = step.attempt + 1, started_at = statement_timestamp(),
           lease_owner = %(owner)s::text,
           lease_expires_at = statement_timestamp() + make_interval(secs => %(lease)s::float8)
      FROM settled
     WHERE step.execution_id = settled.id AND step.position = %(following)s::int
       AND step.scope = '' AND step.status = 'pending'
 RETURNING step.id, step.step_id, step.attempt
), told AS (
    {_TELL}
{_TELL_COMPLETED}
     UNION ALL
{_TELL_STARTED})
SELECT FALSE, claimed.id, claimed.attempt
  FROM settled LEFT JOIN claimed ON TRUE
"""

# The only dependent counts this step, and is ready when this was the last that it waited for.
_COUNT = """\
joined AS (
    UPDATE workflow_step_executions AS step
       SET arrived = step.arrived + 1, live = step.live + 1,
           status = CASE WHEN step.arrived + 1 < %(needed)s::int THEN step.status
                         ELSE 'ready' END,
           next_send_at =
               CASE WHEN step.arrived + 1 = %(needed)s::int
                    THEN statement_timestamp() + make_interval(secs => %(resend)s::float8) END
      FROM settled
     WHERE step.execution_id = settled.id AND step.position = %(joined)s::int
       AND step.scope = '' AND step.status = 'pending'
 RETURNING step.step_id, step.status = 'ready' AS ready
)"""
_TELL_READY = """\
    SELECT %(run)s::uuid, 'step.ready', step_id, '', 0, '{}'::jsonb
      FROM joined WHERE ready"""

_JOIN = f"""
{_HOLD}, {_SETTLE}, {_COUNT}, told AS (
    {_TELL}
{_TELL_COMPLETED}
     UNION ALL
{_TELL_READY})
SELECT coalesce(joined.ready, FALSE), NULL::uuid, 0
  FROM settled LEFT JOIN joined ON TRUE
"""

# The same, and a step that follows in this message without depending on this one starts.
_JOIN_AND_TAKE = f"""
{_HOLD}, {_SETTLE}, {_COUNT}, {_TAKE.format(source="settled")}, told AS (
    {_TELL}
{_TELL_COMPLETED}
     UNION ALL
{_TELL_READY}
     UNION ALL
{_TELL_STARTED})
SELECT coalesce(joined.ready, FALSE), claimed.id, claimed.attempt
  FROM settled LEFT JOIN joined ON TRUE LEFT JOIN claimed ON TRUE
"""

# Several dependents, each of which waits for nothing else: all are ready.
_SPREAD = f"""
{_HOLD}, {_SETTLE}, opened AS (
    UPDATE workflow_step_executions AS step
       SET arrived = step.arrived + 1, live = step.live + 1, status = 'ready',
           next_send_at = statement_timestamp() + make_interval(secs => %(resend)s::float8)
      FROM settled
     WHERE step.execution_id = settled.id AND step.position = ANY(%(opened)s::int[])
       AND step.scope = '' AND step.status = 'pending'
 RETURNING step.position, step.step_id
), told AS (
    {_TELL}
{_TELL_COMPLETED}
     UNION ALL
    (SELECT %(run)s::uuid, 'step.ready', step_id, '', 0, '{{}}'::jsonb
       FROM opened ORDER BY position)
)
SELECT opened.position FROM settled LEFT JOIN opened ON TRUE ORDER BY opened.position
"""

# One of several exits settles, and others are left.
_LEAVE = f"""\
WITH run AS (
    SELECT id FROM workflow_executions
     WHERE id = %(run)s::uuid AND status = 'running' AND NOT failing AND exits_left > 1
       FOR NO KEY UPDATE
), {_SETTLE}, counted AS (
    UPDATE workflow_executions AS run
       SET exits_left = run.exits_left - 1
      FROM settled
     WHERE run.id = settled.id
)"""

_EXIT = f"""
{_LEAVE}, told AS (
    {_TELL}
{_TELL_COMPLETED})
SELECT FALSE, NULL::uuid, 0 FROM settled
"""

# The same, and a step that follows in this message starts.
_EXIT_AND_TAKE = f"""
{_LEAVE}, {_TAKE.format(source="settled")}, told AS (
    {_TELL}
{_TELL_COMPLETED}
     UNION ALL
{_TELL_STARTED})
SELECT FALSE, claimed.id, claimed.attempt
  FROM settled LEFT JOIN claimed ON TRUE
"""

# The run's only exit settles: the run is completed with its output as the result.
_FINISH = f"""
WITH run AS (
    SELECT id FROM workflow_executions
     WHERE id = %(run)s::uuid AND status = 'running' AND NOT failing AND exits_left = 1
       FOR UPDATE
), {_SETTLE}, ended AS (
    UPDATE workflow_executions AS run
       SET status = 'completed', completed_at = statement_timestamp(), exits_left = 0,
           results = %(results)s::jsonb
      FROM settled
     WHERE run.id = settled.id
 RETURNING run.id
), told AS (
    {_TELL}
{_TELL_COMPLETED}
     UNION ALL
    SELECT id, 'execution.completed', '', '', 0, '{{}}'::jsonb FROM ended
)
SELECT id FROM ended
"""


def claim(execution_id: UUID, position: int, *, owner: str, trace: JsonObject) -> Claim | None:
    """`steps.claim` in one statement. None is final: the general path would say the same."""
    rows = statements.execute(
        _CLAIM,
        run=execution_id,
        following=position,
        owner=owner,
        lease=settings.ENGINE_LEASE_SECONDS,
        fetch=not contexts.is_kept(execution_id),
        trace=_told(owner, **trace),
    )
    if not rows:
        return None
    [(step_execution_id, attempt, version_id, workflow_id, user_id, started_at, context)] = rows
    definition = definitions.load(version_id)
    return Claim(
        id=step_execution_id,
        execution_id=execution_id,
        attempt=attempt,
        step=definition.steps[position],
        definition=definition,
        run=WorkflowExecution(
            id=execution_id,
            workflow_id=workflow_id,
            user_id=user_id,
            started_at=started_at,
            status=ExecutionStatus.RUNNING,
            definition_version_id=version_id,
            context=Sealed(context) if context else None,
        ),
        owner=owner,
        trace=trace,
    )


def complete(
    claim: Claim,
    result: StepResult,
    *,
    output: bytes,
    received: JsonObject | None,
    elapsed_ms: int,
    following: int | None = None,
) -> tuple[Advance, Claim | None] | None:
    """`steps.complete` in one statement. None: this is not the common case, take the general
    path.

    Args:
        output: the result's, encoded.
    """
    graph = claim.definition.graph
    dependents = graph.dependents[claim.step.position]
    spreads = len(dependents) > 1
    if result.closed or (spreads and following is not None):
        return None
    if spreads and any(len(graph.dependencies[n]) > 1 for n in dependents):
        return None
    failpoints.reach("before_commit")
    payload = {
        "run": claim.execution_id,
        "step": claim.id,
        "step_id": claim.step.id,
        "attempt": claim.attempt,
        "input": None if received is None else INPUT.seal(claim.id, received).text,
        "output": OUTPUT.seal_encoded(claim.id, output).text,
        "measurements": Jsonb(figures) if (figures := measured(result.measurements)) else None,
        "elapsed": elapsed_ms,
    }
    if not dependents and len(claim.definition.exit_points) == 1:
        return _finish(claim, result, payload)
    if spreads:
        return _spread(dependents, payload)
    joined = dependents[0] if dependents else None
    needed = 0 if joined is None else len(graph.dependencies[joined])
    if joined is None:
        statement = _EXIT if following is None else _EXIT_AND_TAKE
    elif following == joined:
        if needed > 1:
            return None
        statement = _NEXT
    else:
        statement = _JOIN if following is None else _JOIN_AND_TAKE
    rows = statements.execute(
        statement,
        **payload,
        needed=needed,
        joined=joined,
        following=following,
        owner=claim.owner,
        lease=settings.ENGINE_LEASE_SECONDS,
        resend=settings.ENGINE_RESEND_SECONDS,
        trace=_told(claim.owner, **claim.trace),
    )
    if not rows:
        return None
    [(ready, pk, attempt)] = rows
    taken = None
    if pk is not None and following is not None:
        taken = Claim(
            id=pk,
            execution_id=claim.execution_id,
            attempt=attempt,
            step=claim.definition.steps[following],
            definition=claim.definition,
            run=claim.run,
            owner=claim.owner,
            trace=claim.trace,
        )
    return Advance(ready=(joined,) if ready and joined is not None else ()), taken


def _spread(dependents: Sequence[int], payload: dict[str, Any]) -> tuple[Advance, None] | None:
    rows = statements.execute(
        _SPREAD, **payload, opened=list(dependents), resend=settings.ENGINE_RESEND_SECONDS
    )
    if not rows:
        return None
    return Advance(ready=tuple(position for (position,) in rows if position is not None)), None


def _finish(
    claim: Claim, result: StepResult, payload: dict[str, Any]
) -> tuple[Advance, None] | None:
    definition = claim.definition
    if definition.outputs is not None:
        return None
    results = seal(WorkflowExecution, claim.execution_id, "results", {claim.step.id: result.output})
    if not statements.execute(_FINISH, **payload, results=results.text if results else None):
        return None
    tell_finished(claim.execution_id)
    return Advance(), None


@lru_cache(maxsize=64)
def _told(owner: str, **trace: str | None) -> str:
    """What the events of a message's steps say of it; one text for all of them."""
    return json.dumps({"owner": owner, **trace})
