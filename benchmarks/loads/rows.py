"""W1 again, with a million rows of finished steps in the table."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from benchmarks import workers
from benchmarks.figures import Bar, Outcome, Series, Table
from benchmarks.options import Options
from benchmarks.platform import Platform
from benchmarks.shapes import Shape
from engine import selectors
from engine.models import Workflow

ROWS = 1_000_000
_BY_RUN = 10
_RUNS = 300
_POLL = 0.005
_SHAPE = Shape(kind="chain", size=_BY_RUN)

# Finished runs of the last 90 days. Payloads are stand-ins of 200 bytes: nobody opens them.
_FILL_RUNS = """
INSERT INTO workflow_executions
       (id, workflow_id, definition_version_id, user_id, session_id, status, context, results,
        started_at, completed_at, created_at, metrics_recorded_at,
        error_code, failing, exits_left, request_hash)
SELECT gen_random_uuid(), %(workflow)s, %(version)s, %(user)s, 'old', 'completed',
       %(payload)s, %(payload)s, at, at + interval '1 second', at, at, '', false, 0, ''
  FROM generate_series(1, %(runs)s) AS n,
       LATERAL (SELECT now() - interval '90 days' * n / %(runs)s AS at) AS moment
"""
_FILL_STEPS = """
INSERT INTO workflow_step_executions
       (id, execution_id, step_id, step_type, status, input_data, output_data, execution_time_ms,
        started_at, completed_at, position, scope, arrived, live, attempt,
        error_code, waiting_for, lease_owner, sends)
SELECT gen_random_uuid(), id, 's' || position, 'FUNCTION', 'completed', %(payload)s, %(payload)s,
       1, started_at, completed_at, position, '', 1, 1, 1, '', '', '', 0
  FROM workflow_executions, generate_series(0, %(by_run)s - 1) AS position
 WHERE session_id = 'old'
"""
_FILL_EVENTS = """
INSERT INTO workflow_execution_events
       (execution_id, kind, step_id, scope, attempt, data, created_at)
SELECT id, kind, 's' || position, '', 1, '{}', started_at
  FROM workflow_executions, generate_series(0, %(by_run)s - 1) AS position,
       unnest(ARRAY['step.started', 'step.completed']) AS kind
 WHERE session_id = 'old'
"""
_TABLES = ("workflow_executions", "workflow_step_executions", "workflow_execution_events")


def million_rows(options: Options) -> Outcome:
    """W1's speed in the empty table, in the full one, and in the empty one again."""
    platform = Platform()
    rows = options.scaled(ROWS)
    with workers.worker(workers.PLATFORM, pool="prefork", concurrency=2):
        platform.seconds(_SHAPE, runs=10, poll=_POLL)
        before = speeds(platform, options)
        fill(platform.workflow(_SHAPE), platform.user.id, rows=rows)
        full = speeds(platform, options)
        empty()
        after = speeds(platform, options)
    nothing = Series.of((*before.values, *after.values))
    share = full.median / nothing.median
    table = Table(
        title=f"W1 with {rows:,} finished steps in the table",
        headings=("table", "steps/s", "share"),
        rows=[
            ("empty, before", before.text(), ""),
            (f"{rows:,} steps, {2 * rows:,} events", full.text(), f"{share:.2f}"),
            ("empty, after", after.text(), ""),
        ],
        note="The share is of the median of both series with empty tables.",
    )
    bar = Bar(
        load="W1M",
        name="share of the empty table's speed",
        value=share,
        floor=0.8,
        goal=0.9,
        higher=True,
    )
    return Outcome(tables=[table], bars=[bar])


def speeds(platform: Platform, options: Options) -> Series:
    """Steps a second of W1, by round."""
    runs = options.scaled(_RUNS)
    return Series.of(
        runs * _SHAPE.steps / platform.seconds(_SHAPE, runs=runs, poll=_POLL)
        for _ in range(options.rounds)
    )


def fill(workflow: Workflow, user: UUID, *, rows: int) -> None:
    """Writes finished runs with so many steps, and leaves the tables as autovacuum would."""
    payload = f'{{"enc": 1, "kid": "00000000", "ct": "{"A" * 200}"}}'
    values: dict[str, UUID | str | int] = {
        "workflow": workflow.id,
        "version": selectors.newest_version_id(workflow),
        "user": user,
        "payload": payload,
        "runs": max(1, rows // _BY_RUN),
        "by_run": _BY_RUN,
    }
    with connection.cursor() as cursor:
        for statement in (_FILL_RUNS, _FILL_STEPS, _FILL_EVENTS):
            cursor.execute(statement, values)
        for table in _TABLES:
            cursor.execute(f"VACUUM (ANALYZE) {table}")


def empty() -> None:
    """Removes every run."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE workflow_executions CASCADE")
