"""Decisions, waits, retries, failures and steering, on real servers and a real worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from core.errors import InvalidInput
from core.models import User
from engine.errors import NotWaiting
from engine.models import StepExecution, WorkflowExecution
from engine.services import WorkflowEngine
from tests.support.workers import finish, wait_until
from tests.support.workflows import calls, definition, start, statuses, step

pytestmark = pytest.mark.usefixtures("worker")


def decision(step_id: str, *after: str, **config: Any) -> dict[str, Any]:
    return step(step_id, *after, step_type="DECISION", config=config)


def wait_for(execution_id: UUID, step_id: str, status: str) -> None:
    wait_until(
        lambda: statuses(execution_id)[step_id] == status,
        what=f"step {step_id} to be {status}",
    )


def test_decision_opens_one_branch_and_skips_the_other(user: User) -> None:
    document = definition(
        decision("choose", rules=[{"when": "inputs.n > 3", "then": ["big"]}], default=["small"]),
        step("big", "choose"),
        step("small", "choose"),
        step("after_small", "small"),
        step("end", "big", "after_small"),
    )
    run = finish(start(document, user=user, data={"n": 5}).id)
    assert run.status == "completed"
    assert statuses(run.id) == {
        "choose": "completed",
        "big": "completed",
        "small": "skipped",
        "after_small": "skipped",
        "end": "completed",
    }


def test_when_skips_a_step_and_what_hangs_on_it(user: User) -> None:
    document = definition(step("a", when="inputs.go"), step("b", "a"), step("c"))
    run = finish(start(document, user=user, data={"go": False}).id)
    assert run.status == "completed"
    assert statuses(run.id) == {"a": "skipped", "b": "skipped", "c": "completed"}
    assert run.results == {"c": {"value": "c"}}


def test_outputs_are_what_the_definition_says(user: User) -> None:
    add = {"step_type": "TRANSFORM", "config": {"output": {"sum": "inputs.a + inputs.b"}}}
    document = definition(step("add", **add), outputs={"total": "steps.add.output.sum"})
    run = finish(start(document, user=user, data={"a": 2, "b": 3}).id)
    assert run.results == {"total": 5}


def test_form_waits_for_a_person(user: User) -> None:
    form = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    ask = {
        "step_type": "DATA_COLLECTION",
        "config": {"source": "form", "title": "Who?", "form": form},
    }
    greet = {
        "step_type": "TRANSFORM",
        "config": {"output": {"text": "'Hello ' + steps.ask.output.name"}},
    }
    run = start(definition(step("ask", **ask), step("greet", "ask", **greet)), user=user)
    wait_for(run.id, "ask", "waiting")
    engine = WorkflowEngine()
    with pytest.raises(InvalidInput) as refused:
        engine.answer_step(run.id, "ask", {"name": 5}, user=user)
    assert refused.value.problems[0].path == "answer.name"
    engine.answer_step(run.id, "ask", {"name": "Ada"}, user=user)
    assert finish(run.id).results == {"greet": {"text": "Hello Ada"}}
    with pytest.raises(NotWaiting):
        engine.answer_step(run.id, "ask", {"name": "Eve"}, user=user)


def test_person_chooses_the_branch(user: User) -> None:
    choices = [
        {"value": "approve", "label": "Approve", "then": ["yes"]},
        {"value": "reject", "label": "Reject", "then": ["no"]},
    ]
    document = definition(
        decision("ask", title="Approve?", choices=choices), step("yes", "ask"), step("no", "ask")
    )
    run = start(document, user=user)
    wait_for(run.id, "ask", "waiting")
    WorkflowEngine().answer_step(run.id, "ask", {"choice": "reject", "comment": "no"}, user=user)
    finish(run.id)
    assert statuses(run.id) == {"ask": "completed", "yes": "skipped", "no": "completed"}


def test_retry_until_it_works(user: User, tmp_path: Path) -> None:
    flaky = calls("tests.fail_until", path=str(tmp_path / "tries"), times=2)
    retry = {"max_attempts": 3, "delay": 0.1, "backoff": 1, "jitter": 0}
    run = finish(start(definition(step("a", **flaky, retry=retry), step("b", "a")), user=user).id)
    assert run.status == "completed"
    assert StepExecution.objects.get(execution=run, step_id="a").attempt == 3


def test_failure_lets_running_steps_finish_and_cancels_the_rest(user: User) -> None:
    document = definition(
        step("slow", **calls("tests.slow", seconds=0.8)),
        step("after_slow", "slow"),
        step("bad", **calls("tests.fail", message="no such luck")),
        step("after_bad", "bad"),
    )
    run = finish(start(document, user=user).id)
    assert (run.status, run.error_code) == ("failed", "step_failed")
    assert run.error_message == "step 'bad': RuntimeError: no such luck"
    assert statuses(run.id) == {
        "slow": "completed",
        "after_slow": "cancelled",
        "bad": "failed",
        "after_bad": "cancelled",
    }


def test_on_error_continue_goes_on_with_the_error_as_output(user: User) -> None:
    tell = {"step_type": "TRANSFORM", "config": {"output": {"code": "steps.bad.output.error.code"}}}
    document = definition(
        step("bad", **calls("tests.fail"), on_error="continue"), step("tell", "bad", **tell)
    )
    run = finish(start(document, user=user).id)
    assert run.results == {"tell": {"code": "step_failed"}}


def test_failed_run_is_retried_from_where_it_failed(user: User, tmp_path: Path) -> None:
    document = definition(
        step("ok", **calls("tests.write", path=str(tmp_path / "log"), text="ok")),
        step("flaky", "ok", **calls("tests.fail_until", path=str(tmp_path / "n"), times=1)),
        step("other"),
        step("end", "flaky", "other"),
    )
    run = finish(start(document, user=user).id)
    assert run.status == "failed"
    assert WorkflowEngine().retry_workflow(run.id)
    run = finish(run.id)
    assert (run.status, run.error_message) == ("completed", None)
    assert (tmp_path / "log").read_text() == "ok\n"


def test_pause_holds_and_resume_lets_go(user: User) -> None:
    document = definition(step("a", **calls("tests.slow", seconds=0.5)), step("b", "a"))
    run = start(document, user=user)
    wait_for(run.id, "a", "running")
    engine = WorkflowEngine()
    assert engine.pause_workflow(str(run.id))
    assert not engine.pause_workflow(str(run.id))
    wait_for(run.id, "a", "completed")
    assert statuses(run.id)["b"] == "ready"
    assert WorkflowExecution.objects.get(id=run.id).status == "paused"
    assert engine.resume_workflow(str(run.id))
    assert finish(run.id).status == "completed"
    assert not engine.resume_workflow(str(run.id))


def test_cancel_ends_at_once_and_late_results_change_nothing(user: User, tmp_path: Path) -> None:
    effect = calls("tests.write", path=str(tmp_path / "log"), text="late", seconds=0.5)
    run = start(definition(step("a", **effect), step("b", "a")), user=user)
    wait_until(lambda: (tmp_path / "log").exists(), what="the step to start")
    assert WorkflowEngine().cancel_workflow(str(run.id))
    assert not WorkflowEngine().cancel_workflow(str(run.id))
    assert finish(run.id).status == "cancelled"
    again = finish(start(definition(step("x")), user=user).id)
    assert again.status == "completed"
    assert statuses(run.id) == {"a": "cancelled", "b": "cancelled"}


def test_timeout_fails_the_step(user: User) -> None:
    slow = step("a", **calls("tests.slow", seconds=20), timeout=0.3)
    run = finish(start(definition(slow), user=user).id, seconds=10)
    assert (run.status, run.error_code) == ("failed", "step_timeout")


def test_unserialisable_and_invalid_outputs_fail_clearly(user: User) -> None:
    checked = step("a", validation_rules={"schema": {"required": ["total"]}})
    run = finish(start(definition(checked), user=user).id)
    assert (run.status, run.error_code) == ("failed", "step_refused")
    assert "total" in StepExecution.objects.get(execution=run).error_message
