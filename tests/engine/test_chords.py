"""The task that makes a join ready sends the body of its chord; no other does."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from celery import chord, states
from celery.app.task import Context
from kombu.exceptions import OperationalError

from core.models import User
from engine import broker, canvas, definitions, plan
from engine.chords import RowsBackend
from engine.models import StepExecution
from engine.runner import run_steps
from tests.support.workflows import definition, start, step
from workflow_platform.celery import app

pytestmark = [pytest.mark.usefixtures("no_workers"), pytest.mark.django_db(transaction=True)]


def waiting() -> int:
    lengths = broker.queue_lengths()
    assert lengths is not None
    return lengths["default"]


@pytest.mark.parametrize(
    ("state", "result", "sent"),
    [
        (states.SUCCESS, True, 1),
        (states.SUCCESS, False, 0),
        (states.SUCCESS, None, 0),
        (states.FAILURE, RuntimeError("lost"), 0),
        (states.RETRY, True, 0),
    ],
)
def test_the_body_goes_out_when_the_join_is_ready(state: str, result: Any, sent: int) -> None:
    body = app.signature("engine.run_steps", args=("run", [1], None), immutable=True)
    before = waiting()
    RowsBackend(app=app).on_chord_part_return(Context(chord=dict(body)), state, result)
    assert waiting() - before == sent


def test_only_the_last_branch_says_so(user: User) -> None:
    branches = [step(f"b{n}") for n in range(3)]
    run = start(definition(*branches, step("join", "b0", "b1", "b2")), user=user)
    said = [run_steps(run.id, [n], 3, trace={}) for n in (1, 0, 1, 2, 2)]
    assert said == [False, False, False, True, False]
    assert StepExecution.objects.get(execution=run, step_id="join").status == "ready"


def test_a_fan_out_of_slow_steps_is_such_a_chord(user: User) -> None:
    slow = {"config": {"function": "tests.slow", "arguments": {"value": 1}}}
    document = definition(
        *(step(f"b{n}", **slow) for n in range(3)), step("join", "b0", "b1", "b2")
    )
    parsed = definitions.parse(document)
    [segment] = plan.next_segments(parsed, [0, 1, 2])
    built = canvas.build(start(document, user=user).id, parsed, segment)
    assert isinstance(built, chord)
    assert isinstance(app.backend, RowsBackend)


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens where messages would go."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("Connection refused.")

    monkeypatch.setattr(app.amqp, "send_task_message", refuse)


@pytest.mark.usefixtures("no_broker")
def test_a_body_or_link_that_is_lost_fails_no_task() -> None:
    run_id = str(uuid4())
    body = app.signature("engine.run_steps", args=(run_id, [1], None), immutable=True)
    RowsBackend(app=app).on_chord_part_return(Context(chord=dict(body)), states.SUCCESS, True)
    # As Celery sends the next link of a chain.
    link = app.signature(dict(body))
    assert link.apply_async((True,), chain=[], parent_id="task", root_id="task") is None
    with pytest.raises(OperationalError):
        link.apply_async()
