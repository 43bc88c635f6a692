"""A worker that is lost costs its step an attempt; one that is lost too often is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.models import User
from engine import reconcile
from engine.models import StepExecution, WorkflowExecution
from engine.step import StepFailed
from engine.transitions import runs, steps
from engine.transitions.steps import Claim
from tests.support.workflows import definition, start, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_workers")]


def take(run: WorkflowExecution) -> Claim:
    claim = steps.claim(run.id, 0, owner="test", trace={})
    assert claim is not None
    return claim


def lose(run: WorkflowExecution) -> StepExecution:
    """A worker takes the step and is never heard of again."""
    row = StepExecution.objects.filter(id=take(run).id)
    row.update(lease_expires_at=datetime.now(UTC) - timedelta(seconds=1))
    reconcile.run()
    return row.get()


def test_ordinary_retries_are_no_lost_workers(user: User) -> None:
    run = start(definition(step("a", retry={"max_attempts": 9, "delay": 0})), user=user)
    for _ in range(4):
        steps.retry_later(take(run), StepFailed(), delay_seconds=0, received=None)
    assert lose(run).status == "ready"
    assert lose(run).status == "ready"
    given_up = lose(run)
    assert (given_up.status, given_up.error_code) == ("failed", "worker_lost")


def test_an_operators_retry_counts_anew(user: User) -> None:
    run = start(definition(step("a")), user=user)
    assert [lose(run).status for _ in range(3)] == ["ready", "ready", "failed"]
    assert runs.retry(run.id) is not None
    assert [lose(run).status for _ in range(3)] == ["ready", "ready", "failed"]
