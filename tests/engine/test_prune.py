"""`manage.py prune`: what is old and finished goes whole, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ai.models import AIStepExecution
from analytics.models import WorkflowExecutionMetric
from core.models import User
from engine import retention
from engine.models import (
    ExecutionEvent,
    ScheduleFire,
    StepExecution,
    WorkflowExecution,
    WorkflowSchedule,
)
from engine.schedules import save_schedule
from tests.support.cast import ASK, work
from tests.support.workflows import definition, start, step


def run_of(user: User, *steps: dict[str, Any]) -> WorkflowExecution:
    return work(start(definition(*steps), user=user))


def prune(*arguments: str) -> str:
    output = StringIO()
    call_command("prune", *arguments, stdout=output)
    return output.getvalue()


def aged(run: WorkflowExecution, days: int) -> WorkflowExecution:
    """The run as if it had been started and ended so many days ago."""
    moment = timezone.now() - timedelta(days=days)
    old = UUID(int=int(moment.timestamp() * 1000) << 80 | run.id.int & (1 << 80) - 1)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in ("step_executions", "execution_events", "execution_metrics"):
            moved = f"UPDATE workflow_{table} SET execution_id = %s WHERE execution_id = %s"  # noqa: S608
            cursor.execute(moved, [old, run.id])
        cursor.execute(
            "UPDATE workflow_executions SET id = %s, created_at = %s,"
            " completed_at = CASE WHEN completed_at IS NULL THEN NULL ELSE %s::timestamptz END"
            " WHERE id = %s",
            [old, moment, moment, run.id],
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return WorkflowExecution.objects.get(id=old)


@pytest.fixture
def finished(user: User) -> WorkflowExecution:
    return run_of(user, step("a"), step("b", "a"))


def left() -> set[UUID]:
    return set(WorkflowExecution.objects.values_list("id", flat=True))


def test_old_finished_runs_go_with_all_that_is_theirs(
    user: User, finished: WorkflowExecution
) -> None:
    old = aged(finished, 91)
    metric = WorkflowExecutionMetric.objects.create(
        execution=old, metric_name="cost", metric_value=1, exact_value=1
    )
    call = AIStepExecution.objects.create(
        step_execution=old.steps.first(), ai_model="m", prompt="p", response="r", provider="x",
        agent_type="y",
    )  # fmt: skip
    schedule = WorkflowSchedule(name="s", workflow=old.workflow, user=user, interval_seconds=60)
    save_schedule(schedule)
    fire = ScheduleFire.objects.create(schedule=schedule, fire_time=timezone.now(), execution=old)
    young = aged(run_of(user, step("a")), 89)

    told = prune("--older-than", "90d")

    assert left() == {young.id}
    assert not StepExecution.objects.filter(execution=old.id).exists()
    assert not ExecutionEvent.objects.filter(execution=old.id).exists()
    assert not WorkflowExecutionMetric.objects.filter(id=metric.id).exists()
    assert not AIStepExecution.objects.filter(id=call.id).exists()
    fire.refresh_from_db()
    assert fire.execution is None
    assert told.startswith("Deleted 1 runs that ended before ")
    assert "2 step executions" in told
    assert "1 AI calls" in told


def test_open_and_lately_ended_runs_stay(user: User, finished: WorkflowExecution) -> None:
    waiting = aged(run_of(user, step("first"), ASK, step("last", "ask")), 400)
    assert waiting.completed_at is None
    long_one = aged(finished, 400)
    WorkflowExecution.objects.filter(id=long_one.id).update(completed_at=timezone.now())
    assert prune("--older-than", "52w").startswith("Deleted 0 runs")
    assert left() == {waiting.id, long_one.id}


def test_dry_run_counts(finished: WorkflowExecution) -> None:
    old = aged(finished, 2)
    assert prune("--older-than", "24h", "--dry-run").startswith("Would delete 1 runs")
    assert left() == {old.id}


def test_batches_are_short_transactions(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_STEPS", 3)
    monkeypatch.setattr(retention, "_RUNS", 3)
    for _ in range(4):
        aged(run_of(user, step("a"), step("b", "a")), 10)
    sizes: list[int] = []
    delete = retention.delete_runs

    def counted(ids: Iterable[UUID]) -> object:
        sizes.append(len(list(ids)))
        return delete(list(ids))

    monkeypatch.setattr(retention, "delete_runs", counted)
    with CaptureQueriesContext(connection) as queries:
        assert prune("--older-than", "1d").startswith("Deleted 4 runs")
    assert sizes == [1, 1, 1, 1]
    assert left() == set()
    # No payload is read.
    sent = "\n".join(query["sql"] for query in queries.captured_queries)
    assert "output_data" not in sent
    assert '"context"' not in sent


def test_run_retried_meanwhile_stays(finished: WorkflowExecution) -> None:
    old = aged(finished, 10)
    [batch] = retention.old_runs(timezone.now() - timedelta(days=1))
    WorkflowExecution.objects.filter(id=old.id).update(status="running", completed_at=None)
    assert retention.delete_runs(batch) == {}
    assert left() == {old.id}


@pytest.mark.parametrize("text", ["90", "0d", "-1d", "d", "1y", "1.5d"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(CommandError):
        prune(f"--older-than={text}")
