"""A run is driven through whatever can happen to it, and stays what a small model says."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, assume
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from model_bakery import baker
from pytest_django import Settings

from core.models import User
from engine import canvas, history, plan, reconcile, runner
from engine.definition import WorkflowDefinition
from engine.errors import NotWaiting
from engine.models import ExecutionEvent, StepExecution, WorkflowExecution
from engine.plan import Chain, Task
from engine.services import WorkflowEngine
from engine.step import StepResult
from engine.transitions import checkpoint, steps
from engine.transitions.steps import Claim
from engine.workflows import create_workflow
from tests.engine.life import LOSSES, TRIES, Kind, Life, Step
from tests.faults import oracle
from tests.support.workflows import calls, definition, step

KINDS: tuple[Kind, ...] = (
    *("echo", "echo", "echo", "echo", "flaky", "fails", "fails_on", "when_not", "decides", "asks"),
)
_PAST = timedelta(seconds=1)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Runs of every shape."""
    size = draw(st.integers(1, 7))
    before = [
        sorted(draw(st.sets(st.integers(0, n - 1), max_size=2))) if n else [] for n in range(size)
    ]
    made = {}
    for n in range(size):
        after = [f"s{m}" for m in range(size) if n in before[m]]
        chosen = draw(st.frozensets(st.sampled_from(after))) if after else frozenset()
        made[f"s{n}"] = Step(
            kind=draw(st.sampled_from(KINDS)), before=[f"s{m}" for m in before[n]], chosen=chosen
        )
    return Life(steps=made)


def document(life: Life, folder: Path) -> dict[str, Any]:
    """The definition of which the model is a run."""
    written = []
    for name, modelled in life.steps.items():
        fields: dict[str, Any] = {}
        match modelled.kind:
            case "flaky":
                counted = calls("tests.fail_until", path=str(folder / name), times=1)
                fields = counted | {"retry": {"max_attempts": TRIES, "delay": 0}}
            case "fails":
                fields = calls("tests.fail")
            case "fails_on":
                fields = calls("tests.fail") | {"on_error": "continue"}
            case "when_not":
                fields = {"when": "1 > 2"}
            case "decides":
                rules = [{"when": "1 < 2", "then": sorted(modelled.chosen)}]
                after = [n for n, other in life.steps.items() if name in other.before]
                rules.append({"when": "1 > 2", "then": after})
                fields = {"step_type": "DECISION", "config": {"rules": rules}}
            case "asks":
                ask = {"source": "form", "title": "?", "form": {"type": "object"}}
                fields = {"step_type": "DATA_COLLECTION", "config": ask}
        written.append(step(name, *modelled.before, **fields))
    return definition(*written, name="Life")


class Lives(RuleBasedStateMachine):
    """The engine and the model, side by side. Messages lie in a bag and come in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.bag: list[tuple[Task, int | None]] = []
        self.lost: list[Claim] = []
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(canvas, "send", self.send)

    def send(
        self, execution_id: UUID, definition: WorkflowDefinition, ready: Collection[int]
    ) -> None:
        if execution_id != self.run.id:
            return
        for segment in plan.next_segments(definition, ready):
            if isinstance(segment, Chain):
                tasks = [*segment.tasks]
                self.bag += [
                    (task, after.positions[0] if after else None)
                    for task, after in zip(tasks, [*tasks[1:], None], strict=True)
                ]
            else:
                join = segment.body.positions[0]
                self.bag += [*((task, join) for task in segment.header), (segment.body, None)]

    @initialize(life=lives(), fast=st.booleans())
    def start(self, life: Life, fast: bool) -> None:
        self.patch.setattr("django.conf.settings.ENGINE_FAST_PATH", fast)
        self.claim = checkpoint.claim if fast else steps.claim
        self.life = life
        self.folder = tempfile.TemporaryDirectory()
        self.user = User.objects.first() or baker.make(User, is_active=True)
        self.engine = WorkflowEngine(self.send)
        workflow = create_workflow(document=document(life, Path(self.folder.name)), owner=self.user)
        context = self.engine.context_manager.create_context(str(self.user.id), "life")
        # What `send` compares with is known before the first message only so.
        self.run = WorkflowExecution()
        self.run = self.engine.execute_workflow(workflow, context)
        self.rows = StepExecution.objects.filter(execution=self.run)
        self.names = list(life.steps)
        self.resend()

    @precondition(lambda self: self.bag)
    @rule(data=st.data(), copies=st.integers(0, 2))
    def deliver(self, data: st.DataObject, copies: int) -> None:
        """A message comes: any of them, once or again later."""
        message = data.draw(st.sampled_from(self.bag))
        if not copies:
            self.bag.remove(message)
        task, then = message
        runner.run_steps(self.run.id, list(task.positions), then, trace={}, send=self.send)
        for position in task.positions:
            name = self.names[position]
            if self.life.claim(name):
                self.life.execute(name)

    @precondition(lambda self: self.bag)
    @rule()
    def lose_messages(self) -> None:
        """The broker is emptied."""
        self.bag.clear()

    @rule()
    def resend(self) -> None:
        """Time passes: messages of ready steps count as lost."""
        self.rows.filter(status="ready").update(next_send_at=datetime.now(UTC) - _PAST)
        reconcile.run()

    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """A worker takes a step, and is not heard of for a while."""
        ready = [n for n, s in self.life.steps.items() if s.status == "ready"]
        name = data.draw(st.sampled_from(ready or self.names))
        claim = self.claim(self.run.id, self.names.index(name), owner="lost", trace={})
        assert (claim is not None) == self.life.claim(name)
        if claim is not None:
            self.lost.append(claim)

    @precondition(lambda self: self.lost)
    @rule(data=st.data())
    def come_back_late(self, data: st.DataObject) -> None:
        """It comes back and settles: in time, or when its attempt counts no more."""
        claim = data.draw(st.sampled_from(self.lost))
        modelled = self.life.steps[claim.step.id]
        assume(modelled.kind == "echo")
        holds = modelled.status == "running" and modelled.attempt == claim.attempt
        settled = runner._complete(
            claim,
            StepResult(output={"late": True}),
            output=b'{"late":true}',
            received={},
            elapsed_ms=0,
            following=None,
        )
        assert (settled is not None) == holds
        if settled is not None:
            self.life.settle(claim.step.id, "completed")
            if settled[0].ready:
                self.send(self.run.id, claim.definition, settled[0].ready)

    @rule()
    def leases_run_out(self) -> None:
        """The reconciler takes back what lost workers held."""
        held = list(self.rows.filter(status="running").values_list("step_id", flat=True))
        for name in held:
            self.rows.filter(step_id=name).update(lease_expires_at=datetime.now(UTC) - _PAST)
            reconcile.run()
            self.life.lose(name)

    @rule(data=st.data(), times=st.integers(1, 4))
    def crash_again(self, data: st.DataObject, times: int) -> None:
        """Workers die one after the other, often of the same step."""
        for _ in range(times):
            self.crash(data)
            self.leases_run_out()

    @rule()
    def pause(self) -> None:
        assert self.engine.pause_workflow(self.run.id) == self.life.pause()

    @rule()
    def resume(self) -> None:
        assert self.engine.resume_workflow(self.run.id) == self.life.resume()

    @precondition(lambda self: self.life.status == "failed")
    @rule()
    def retry(self) -> None:
        assert self.engine.retry_workflow(self.run.id) == self.life.retry()

    @rule(sure=st.integers(0, 5))
    def cancel(self, sure: int) -> None:
        assume(sure == 5)  # else few lives would be long
        assert self.engine.cancel_workflow(self.run.id) == self.life.cancel()

    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.names))
        modelled = self.life.steps[name]
        if modelled.status == "waiting":
            self.engine.answer_step(self.run.id, name, {}, user=self.user)
            self.life.settle(name, "completed")
        else:
            with pytest.raises(NotWaiting):
                self.engine.answer_step(self.run.id, name, {}, user=self.user)

    @invariant()
    def alike(self) -> None:
        """Rows, history and model agree."""
        self.run.refresh_from_db(fields=["status", "failing"])
        assert self.run.status == self.life.status
        stored = {n: (s, a) for n, s, a in self.rows.values_list("step_id", "status", "attempt")}
        assert stored == {n: (s.status, s.attempt) for n, s in self.life.steps.items()}
        status, told = history.replay(list(ExecutionEvent.objects.filter(execution=self.run)))
        assert status == self.run.status
        assert {n: told.get((n, ""), "pending") for n in stored} == {
            n: status for n, (status, _) in stored.items()
        }

    def teardown(self) -> None:
        """Whatever was lost, the run comes to rest, and nothing was done twice."""
        try:
            if hasattr(self, "rows"):
                self.come_to_rest()
        finally:
            self.patch.undo()

    def come_to_rest(self) -> None:
        self.resume()
        for _ in range(LOSSES * len(self.names) + len(self.names)):
            self.leases_run_out()
            self.bag.clear()
            self.resend()
            for task, then in list(self.bag):
                runner.run_steps(self.run.id, list(task.positions), then, trace={}, send=self.send)
                for position in task.positions:
                    if self.life.claim(self.names[position]):
                        self.life.execute(self.names[position])
            self.alike()
        found = oracle.problems(
            [self.run.id], effects=Path(self.folder.name), expected=(self.life.status,)
        )
        assert list(found) == []
        self.engine.cancel_workflow(self.run.id)
        self.folder.cleanup()


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_every_life_is_what_the_model_says(settings: Settings) -> None:
    settings.ENGINE_LEASE_SECONDS = 86_400  # nothing to renew: no thread with a connection
    run_state_machine_as_test(
        Lives,
        settings=hypothesis_settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
