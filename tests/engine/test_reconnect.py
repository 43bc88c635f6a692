"""A connection to the database that breaks costs time, never a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection

from core.models import User
from engine import contexts, runner
from engine.models import ExecutionEvent, StepExecution
from engine.transitions import checkpoint, steps
from tests.support.workflows import calls, definition, run_inline, step

pytestmark = pytest.mark.django_db(transaction=True)


def cut() -> None:
    """The server ends this session, as it does when it stops."""
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def cutting(call: Callable[..., Any], *, before: bool, times: int) -> Callable[..., Any]:
    """The same call, whose connection breaks before or behind it the first so many times."""
    left = [times]

    def called(*args: Any, **kwargs: Any) -> Any:
        breaks = left[0] > 0
        left[0] -= 1
        if breaks and before:
            cut()
        result = call(*args, **kwargs)
        if breaks and not before:
            cut()
            connection.cursor()
        return result

    return called


@pytest.mark.parametrize(
    ("module", "name"),
    [(checkpoint, "claim"), (contexts, "step_context"), (checkpoint, "complete")],
    ids=["claim", "context", "settle"],
)
def test_a_broken_connection_is_replaced(
    user: User, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    monkeypatch.setattr(module, name, cutting(getattr(module, name), before=True, times=1))
    run = run_inline(definition(step("a"), step("b", "a")), user=user)
    assert run.status == "completed"
    assert list(run.steps.values_list("attempt", flat=True)) == [1, 1]


def test_inputs_that_cannot_be_read_delay_the_step(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_RECONNECT", (0.01,))
    monkeypatch.setattr(
        contexts, "step_context", cutting(contexts.step_context, before=True, times=3)
    )
    reads = calls("tests.echo", value="${steps.a.output.value}")  # from another message's step
    document = definition(step("a", **calls("tests.slow")), step("b", "a", **reads))
    run = run_inline(document, user=user)
    row = StepExecution.objects.get(execution=run, step_id="b")
    assert (run.status, row.status, row.error_code) == ("running", "ready", "database_unavailable")
    assert row.due_at is not None


def test_a_settle_whose_answer_was_lost_counts_once(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "skip", cutting(steps.skip, before=False, times=1))
    run = run_inline(definition(step("a", when="1 > 2")), user=user)
    assert run.status == "completed"
    assert ExecutionEvent.objects.filter(execution=run, kind="step.skipped").count() == 1
