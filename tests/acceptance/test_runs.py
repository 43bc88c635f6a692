"""Runs on real servers and a real worker: what a user relies on."""

from __future__ import annotations

from typing import Any

import pytest

from core.models import User
from engine import history
from engine.models import ExecutionEvent, WorkflowExecution
from tests.support.workers import finish
from tests.support.workflows import calls, definition, start, statuses, step

pytestmark = pytest.mark.usefixtures("worker")


def started(run: WorkflowExecution) -> dict[str, dict[str, Any]]:
    """Step id -> what its last start says of its message."""
    events = ExecutionEvent.objects.filter(execution=run, kind=history.STEP_STARTED)
    return {event.step_id: event.data for event in events}


def test_one_step(user: User) -> None:
    run = finish(start(definition(step("a")), user=user).id)
    assert (run.status, run.results) == ("completed", {"a": {"value": "a"}})


def test_slow_stretch_is_one_chain_of_as_many_tasks(user: User) -> None:
    ids = ["a", "b", "c", "d"]
    steps = [
        step(n, *ids[k - 1 : k] if k else (), **calls("tests.slow")) for k, n in enumerate(ids)
    ]
    run = finish(start(definition(*steps), user=user).id)
    assert run.status == "completed"
    seen = started(run)
    assert len({seen[n]["task"] for n in ids}) == 4
    assert len({seen[n]["root"] for n in ids}) == 1


def test_cheap_neighbours_share_a_message(user: User) -> None:
    run = finish(start(definition(step("a"), step("b", "a"), step("c", "b")), user=user).id)
    assert run.status == "completed"
    assert len({data["task"] for data in started(run).values()}) == 1


def test_fan_out_is_a_chord_with_its_body(user: User) -> None:
    branches = [step(f"b{n}", "a", **calls("tests.slow")) for n in range(5)]
    steps = [step("a"), *branches, step("join", *(b["id"] for b in branches))]
    run = finish(start(definition(*steps), user=user).id)
    assert run.status == "completed"
    seen = started(run)
    groups = {seen[b["id"]]["group"] for b in branches}
    assert len(groups) == 1
    assert None not in groups
    assert len({seen[b["id"]]["task"] for b in branches}) == 5
    assert seen["join"]["root"] == seen["b0"]["root"]
    assert seen["join"]["task"] not in {seen[b["id"]]["task"] for b in branches}


def test_history_replays_to_the_stored_state(user: User) -> None:
    steps = [step("a"), step("b", "a", **calls("tests.fail")), step("c", "b"), step("d", "a")]
    run = finish(start(definition(*steps), user=user).id)
    assert run.status == "failed"
    events = list(ExecutionEvent.objects.filter(execution=run))
    status, states = history.replay(events)
    assert status == run.status
    recorded = {step_id: state for (step_id, _), state in states.items()}
    assert {**dict.fromkeys(statuses(run.id), "pending"), **recorded} == statuses(run.id)
