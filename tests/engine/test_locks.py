"""Who holds rows of steps waits for nobody who holds their run: no two wait for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from core.models import User
from engine import reconcile, statements
from engine.models import ExecutionStatus, StepExecution, WorkflowExecution
from engine.transitions import flow, steps
from tests.support.workflows import definition, start, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_workers")]

HOUR = timedelta(hours=1)


@contextmanager
def beside() -> Iterator[Callable[..., Any]]:
    """Calls something in a thread with a connection of its own; fails where that has to wait."""

    def impatient(function: Callable[[], Any]) -> Any:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '5s'")
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield lambda function: pool.submit(impatient, function).result()


@pytest.fixture
def run(user: User) -> WorkflowExecution:
    """Three steps; `a` and `b` are running."""
    made = start(definition(step("a"), step("b"), step("c")), user=user)
    assert [steps.claim(made.id, n, owner="test", trace={}) is not None for n in (0, 1)]
    return made


def test_renewal_does_not_wait_for_a_cancel_that_is_under_way(run: WorkflowExecution) -> None:
    rows = {row.step_id: row for row in run.steps.filter(status="running")}
    soon = datetime.now(UTC) + HOUR / 2
    with transaction.atomic(), beside() as other:
        flow.lock_run(run.id)
        StepExecution.objects.filter(id=rows["a"].id).update(status="cancelled")  # it got so far
        held = [(rows[name].id, 1) for name in ("b", "a")]
        other(lambda: statements.renew_leases(held, lease=HOUR))
        # And goes on to what was renewed, which nobody holds.
        StepExecution.objects.filter(id=rows["b"].id).update(status="cancelled")
        renewed = run.steps.filter(lease_expires_at__gt=soon)
        assert list(renewed.values_list("step_id", flat=True)) == ["b"]


def test_reconciler_does_not_wait_for_a_run_that_somebody_holds(
    run: WorkflowExecution, user: User
) -> None:
    other_run = start(definition(step("a")), user=user)
    past = datetime.now(UTC) - HOUR
    StepExecution.objects.filter(status="ready").update(next_send_at=past)
    with transaction.atomic(), beside() as other:
        flow.lock_run(run.id)
        other(reconcile.run)
        statements.cancel_steps(run.id, ["ready", "running"])
        WorkflowExecution.objects.filter(id=run.id).update(status=ExecutionStatus.CANCELLED)
    sends = dict(StepExecution.objects.values_list("execution_id", "sends").distinct())
    assert sends == {run.id: 0, other_run.id: 1}
