"""Figures of runs: once each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from analytics import recording
from analytics.models import WorkflowExecutionMetric
from analytics.recording import Figure
from core.models import User
from engine import metrics
from engine.models import Workflow, WorkflowExecution
from engine.services import WorkflowEngine
from engine.signals import reconciled
from engine.workflows import create_workflow
from tests.analytics.runs import ended
from tests.support.cast import work
from tests.support.workflows import definition, start, step

STEPS: list[dict[str, Any]] = [
    {"measurements": [["ai_calls", 1, "calls"], ["ai_cost_usd", 0.00001, "USD"]]},
    {"measurements": [["ai_calls", 2, "calls"], ["ai_cost_usd", 0.00002, "USD"]]},
    {"status": "failed"},
    {"status": "skipped", "measurements": None},
]


@pytest.fixture
def workflow(user: User) -> Workflow:
    return create_workflow(document=definition(step("a")), owner=user)


def figures(run: WorkflowExecution) -> dict[str, tuple[float, str]]:
    rows = WorkflowExecutionMetric.objects.filter(execution=run)
    return {row.metric_name: (float(row.exact_value), row.metric_unit) for row in rows}


def counted(status: str = "completed") -> float:
    found: float = metrics.executions_finished.labels(status)._value.get()
    return found


def test_the_documented_metrics(user: User, workflow: Workflow) -> None:
    run = ended(workflow, user, seconds=12.5, steps=STEPS)
    assert recording.record(run.id)
    found = figures(run)
    rate, unit = found.pop("success_rate")
    assert (round(rate, 9), unit) == (0.666666667, "ratio")
    assert found == {
        "execution_duration": (12.5, "seconds"),
        "step_count": (4, "steps"),
        "ai_usage": (3, "calls"),
        "ai_cost_usd": (0.00003, "USD"),
    }
    cost = WorkflowExecutionMetric.objects.get(execution=run, metric_name="ai_cost_usd")
    assert cost.metric_value == Decimal("0.0000"), "the documented column has four decimals"
    run.refresh_from_db()
    assert run.metrics_recorded_at is not None


def test_a_run_without_settled_steps_has_no_success_rate(user: User, workflow: Workflow) -> None:
    run = ended(workflow, user, status="cancelled", steps=[{"status": "cancelled"}])
    recording.record(run.id)
    assert set(figures(run)) == {"execution_duration", "step_count", "ai_usage"}


@pytest.mark.parametrize(
    ("measurements", "expected"),
    [
        ([["success_rate", 7, "x"], ["user_satisfaction", 9, "x"]], {}),  # not a step's to say
        ([["x" * 200, 1, "u" * 200]], {"x" * 100: (1, "u" * 50)}),
        ([["rows", 1e12, "rows"], ["ok", 2, "rows"]], {"ok": (2, "rows")}),  # too large a figure
        ([["rows", "many", "rows"], ["none", None, None]], {}),
        ([["unitless", 1, None]], {"unitless": (1, "")}),
        ({"rows": 1}, {}),
        ([], {}),
    ],
)
def test_odd_measurements(
    user: User, workflow: Workflow, measurements: Any, expected: dict[str, Any]
) -> None:
    run = ended(workflow, user, steps=[{"measurements": measurements}])
    assert recording.record(run.id)
    found = figures(run)
    assert found.pop("success_rate") == (1, "ratio")
    assert found.keys() - expected.keys() == {"execution_duration", "step_count", "ai_usage"}
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("status", ["pending", "running", "paused"])
def test_a_run_that_goes_on_has_no_figures(user: User, workflow: Workflow, status: str) -> None:
    run = ended(workflow, user, status=status)
    assert not recording.record(run.id)
    assert figures(run) == {}


def test_recording_again_counts_once(
    user: User, workflow: Workflow, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    run, before = ended(workflow, user, steps=STEPS), counted()
    with django_capture_on_commit_callbacks(execute=True):
        assert [recording.record(run.id) for _ in range(3)] == [1, 0, 0]
    assert counted() == before + 1
    assert WorkflowExecutionMetric.objects.filter(execution=run).count() == 5


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
def test_recorders_at_the_same_time_count_once(user: User, workflow: Workflow) -> None:
    run, before = ended(workflow, user, created=timezone.now(), steps=STEPS), counted()
    together = threading.Barrier(8)
    results = []

    def receive() -> None:
        together.wait()
        try:
            results.append(recording.record(run.id))
        finally:
            connection.close()

    threads = [threading.Thread(target=receive) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0] * 7 + [1]
    assert counted() == before + 1
    assert WorkflowExecutionMetric.objects.filter(execution=run).count() == 5


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_does_not_count(user: User, workflow: Workflow) -> None:
    run, before = ended(workflow, user, created=timezone.now()), counted()

    def fail() -> None:
        with transaction.atomic():
            recording.record(run.id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (counted(), figures(run)) == (before, {})
    assert recording.record(run.id)
    assert counted() == before + 1


def test_the_reconciler_has_the_figures_written(
    user: User, workflow: Workflow, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    before = counted("failed")
    lost = [ended(workflow, user, status="failed", steps=STEPS) for _ in range(3)]
    open_run = ended(workflow, user, status="running")
    recorded = ended(workflow, user)
    recording.record(recorded.id)
    with django_capture_on_commit_callbacks(execute=True):
        reconciled.send(sender=WorkflowExecution)
    assert all(figures(run) for run in lost)
    assert figures(open_run) == {}
    assert counted("failed") == before + 3
    assert recording.sweep() == 0


def test_runs_that_cannot_be_recorded_stand_in_nobodys_way(
    user: User, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_BATCH", 2)
    bad = [ended(workflow, user, ago=timedelta(days=2), steps=STEPS) for _ in range(5)]
    good = ended(workflow, user)
    write = recording.write

    def refuse(execution_id: Any, *args: Any) -> None:
        if execution_id in {run.id for run in bad}:
            raise ValueError("no")
        write(execution_id, *args)

    monkeypatch.setattr(recording, "write", refuse)
    assert recording.sweep() == 1
    assert figures(good)


def test_a_retried_run_is_measured_again(
    user: User, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    run = start(definition(step("a"), step("b", "a")), user=user)
    with django_capture_on_commit_callbacks(execute=True):
        assert WorkflowEngine().cancel_workflow(run.id)
        assert recording.sweep() == 1
    assert figures(run)["step_count"] == (2, "steps")
    # As the engine's retry does.
    WorkflowExecution.objects.filter(id=run.id).update(status="completed", metrics_recorded_at=None)
    run.steps.update(status="completed", measurements=[["ai_calls", 4, "calls"]])
    assert recording.record(run.id)
    assert figures(run)["ai_usage"] == (8, "calls")
    assert figures(run)["success_rate"] == (1, "ratio")


def test_a_run_of_the_engine_is_swept(user: User) -> None:
    run = start(definition(step("a"), step("b", "a")), user=user)
    work(run)
    assert run.status == "completed"
    assert recording.sweep() == 1
    assert figures(run)["step_count"] == (2, "steps")


def test_writing_replaces(user: User, workflow: Workflow) -> None:
    run = ended(workflow, user)
    for value in (3, 4):
        recording.write(run.id, [Figure(name="x", value=Decimal(value), unit="y")])
    assert figures(run) == {"x": (4, "y")}


def test_the_sweep_has_an_index(user: User, workflow: Workflow) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM workflow_executions WHERE completed_at < now()"
            " AND metrics_recorded_at IS NULL ORDER BY completed_at, id LIMIT 200"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "execution_unmeasured" in plan
