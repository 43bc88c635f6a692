"""The fast path writes what the general path, the reference, writes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from model_bakery import baker
from pytest_django import Settings

from core.models import User
from engine import history, runner
from engine.models import ExecutionEvent, StepExecution, WorkflowExecution
from engine.transitions import steps
from engine.transitions.steps import Claim
from tests.support.workflows import calls, definition, run_inline, step

KINDS = ("echo", "echo", "echo", "slow", "fail", "fail_on", "when_not", "decide", "ask")


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Definitions of every shape, whose steps complete, fail, skip, choose or wait."""
    size = draw(st.integers(1, 12))
    before = [
        sorted(draw(st.sets(st.integers(0, n - 1), max_size=3))) if n else [] for n in range(size)
    ]
    steps = []
    for n in range(size):
        dependents = [f"s{m}" for m in range(size) if n in before[m]]
        fields: dict[str, Any] = {}
        match draw(st.sampled_from(KINDS)):
            case "slow":
                fields = calls("tests.slow", value=n)
            case "fail":
                fields = calls("tests.fail")
            case "fail_on":
                fields = {**calls("tests.fail"), "on_error": "continue"}
            case "when_not":
                fields = {"when": "inputs.no"}
            case "decide":
                open_ones = draw(st.sets(st.sampled_from(dependents))) if dependents else set()
                rules = [
                    {"when": "!inputs.no", "then": sorted(open_ones)},
                    {"when": "inputs.no", "then": dependents},
                ]
                fields = {"step_type": "DECISION", "config": {"rules": rules}}
            case "ask":
                ask = {"source": "form", "title": "?", "form": {"type": "object"}}
                fields = {"step_type": "DATA_COLLECTION", "config": ask}
        steps.append(step(f"s{n}", *(f"s{m}" for m in before[n]), **fields))
    return definition(*steps)


def written(run: WorkflowExecution) -> tuple[Any, ...]:
    """Everything that a path decides; ids, times and process numbers left out."""
    rows = [
        (
            row.step_id,
            row.status,
            row.attempt,
            row.arrived,
            row.live,
            row.error_code,
            row.error_message,
            row.input_data,
            {k: v for k, v in (row.output_data or {}).items() if k != "pid"},
            row.waiting_for,
            row.lease_owner,
            row.lease_expires_at is None,
            row.next_send_at is None,
            row.due_at,
            row.completed_at is None,
            row.started_at is None,
        )
        for row in StepExecution.objects.filter(execution=run)
    ]
    events = [
        (event.kind, event.step_id, event.attempt, sorted(event.data))
        for event in ExecutionEvent.objects.filter(execution=run)
    ]
    return (
        (run.status, run.failing, run.exits_left, run.error_code, run.completed_at is None),
        list(run.results or {}),
        rows,
        events,
    )


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
@hypothesis_settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(document=documents())
def test_both_paths_write_the_same(
    document: dict[str, Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a message holds back for the next one depends on time, and the order of events on that.
    monkeypatch.setattr(runner, "_FLUSH_SECONDS", 3600)
    monkeypatch.setattr(runner, "_MESSAGE_SECONDS", 3600)
    user = User.objects.filter(username="owner").first() or baker.make(User, username="owner")
    found = []
    for fast in (False, True):
        settings.ENGINE_FAST_PATH = fast
        run = run_inline(document, user=user, data={"no": False})
        found.append(written(run))
        status, states = history.replay(list(ExecutionEvent.objects.filter(execution=run)))
        assert status == run.status
        stored = dict(run.steps.values_list("step_id", "status"))
        recorded = {step_id: state for (step_id, _), state in states.items()}
        assert {**dict.fromkeys(stored, "pending"), **recorded} == stored
    assert found[0] == found[1]


@pytest.fixture
def on_the_general_path(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that complete there."""
    taken = []

    def complete(claim: Claim, *args: Any, **kwargs: Any) -> Any:
        taken.append(claim.step.id)
        return general(claim, *args, **kwargs)

    general = steps.complete
    monkeypatch.setattr(steps, "complete", complete)
    return taken


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("document", "general"),
    [
        (definition(*(step(f"s{n}") for n in range(4))), ["s3"]),  # the last of several exits
        (definition(step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c")), []),
        # One dependent of two waits for another step, too.
        (
            definition(step("a"), step("b", "a"), step("c", "a", "b"), step("d", "b", "c")),
            ["a", "b"],
        ),
    ],
    ids=["exits", "diamond", "crossed"],
)
def test_the_general_path_is_for_few(
    document: dict[str, Any], general: list[str], on_the_general_path: list[str]
) -> None:
    run = run_inline(document, user=baker.make(User), data={})
    exits = {s["id"] for s in document["steps"]} - {
        before for s in document["steps"] for before in s["dependencies"]
    }
    assert (run.status, run.exits_left, set(run.results)) == ("completed", 0, exits)
    assert on_the_general_path == general
