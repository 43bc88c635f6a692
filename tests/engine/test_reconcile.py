"""What the reconciler sends again, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from core.models import User
from engine import broker, canvas, history, reconcile
from engine.definition import WorkflowDefinition
from engine.functions import _functions, workflow_function
from engine.models import ExecutionEvent, StepExecution, WorkflowExecution
from engine.services import WorkflowEngine
from engine.step import StepFailed
from engine.transitions import steps
from tests.support.workflows import calls, definition, start, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_workers")]

Sent = list[tuple[UUID, tuple[int, ...]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What the reconciler sends: (run, positions)."""
    found: Sent = []

    def send(run_id: UUID, definition: WorkflowDefinition, ready: Collection[int]) -> None:
        found.append((run_id, tuple(ready)))

    monkeypatch.setattr(canvas, "send", send)
    return found


@pytest.fixture(autouse=True)
def empty_broker() -> Iterator[None]:
    broker._client().flushdb()
    yield
    broker._client().flushdb()


@pytest.fixture
def far_away() -> Iterator[str]:
    """A function whose steps run on the queue `far`."""
    name = "tests.far_away"
    workflow_function(name, queue="far")(lambda: None)
    yield name
    del _functions[name]


def fill(queue: str, *, seconds_ago: float = 0, now: datetime | None = None) -> None:
    """A queue whose oldest message was sent so long ago."""
    sent_at = (now or datetime.now(UTC)) - timedelta(seconds=seconds_ago)
    message = json.dumps({"headers": {broker.SENT_AT: sent_at.isoformat()}})
    broker._client().delete(queue)
    broker._client().lpush(queue, message, "{}")


def overdue(run: WorkflowExecution) -> None:
    """Time passes: the messages of the run's ready steps count as lost."""
    run.steps.filter(status="ready").update(next_send_at=datetime.now(UTC) - timedelta(seconds=1))


def fail(run: WorkflowExecution) -> None:
    """The run's step fails, and is due again by now."""
    claim = steps.claim(run.id, 0, owner="test", trace={})
    assert claim is not None
    steps.retry_later(claim, StepFailed(), delay_seconds=-1, received=None)


def test_long_queue_holds_back_its_own_steps_alone(user: User, sent: Sent, far_away: str) -> None:
    near = start(definition(step("a")), user=user)
    far = start(definition(step("a", **calls(far_away))), user=user)
    fill("far", seconds_ago=60)
    overdue(near)
    overdue(far)
    sent.clear()
    reconcile.run()
    assert sent == [(near.id, (0,))]
    broker._client().flushdb()
    reconcile.run()
    assert sent == [(near.id, (0,)), (far.id, (0,))]


def test_what_was_sent_before_the_oldest_message_of_a_long_queue_is_lost(
    user: User, sent: Sent
) -> None:
    run = start(definition(*(step(f"s{n}") for n in range(60))), user=user)
    now = datetime.now(UTC)
    for n in range(60):
        run.steps.filter(position=n).update(next_send_at=now - timedelta(seconds=60 - n))
    fill("default", seconds_ago=40.5, now=now)
    sent.clear()
    reconcile.run()
    [(_, first)] = sent
    assert sorted(first) == list(range(20))
    reconcile.run()
    assert len(sent) == 1


def test_every_message_tells_when_it_was_sent(user: User) -> None:
    before = datetime.now(UTC)
    start(definition(step("a")), user=user)
    oldest = broker.oldest_messages(["default", "ai"])
    assert oldest is not None
    assert oldest["default"] is not None
    assert before <= oldest["default"] <= datetime.now(UTC)
    assert oldest["ai"] is None


def test_due_retry_is_sent_once_into_a_long_queue(user: User, sent: Sent) -> None:
    run = start(definition(step("a", retry={"max_attempts": 5})), user=user)
    fill("default", seconds_ago=60)
    fail(run)
    sent.clear()
    for _ in range(3):
        reconcile.run()
        overdue(run)
    assert sent == [(run.id, (0,))]
    assert not ExecutionEvent.objects.filter(kind=history.STEP_RESENT).exists()


@pytest.mark.parametrize("retries", [False, True])
def test_steps_of_a_paused_run_are_put_aside_until_it_is_resumed(
    user: User, sent: Sent, *, retries: bool
) -> None:
    run = start(definition(step("a", retry={"max_attempts": 5})), user=user)
    engine = WorkflowEngine(canvas.send)
    if retries:
        fail(run)
    else:
        overdue(run)
    sent.clear()
    assert engine.pause_workflow(run.id)
    reconcile.run()
    row = StepExecution.objects.get(execution=run)
    assert (row.next_send_at, row.sends) == (None, 0)
    assert sent == []
    assert engine.resume_workflow(run.id)
    reconcile.run()
    assert sent == [(run.id, (0,))]
