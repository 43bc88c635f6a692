"""Without its key a run waits: nothing is done outside, nothing fails, nothing is overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from pytest_django import Settings

from core.errors import KeyDestroyed, KeyUnavailable
from core.keys.ring import data_keys
from core.models import User
from engine import contexts, runner
from engine.diagnosis import reasons
from engine.models import StepExecution, WorkflowExecution
from engine.transitions import flow
from tests.support.cast import Cast
from tests.support.keys import LockKeys
from tests.support.workflows import calls, definition, start, step

pytestmark = [pytest.mark.usefixtures("own_keys"), pytest.mark.django_db(transaction=True)]

SEALED = ("input_data", "output_data", "waiting_data")


@pytest.fixture(autouse=True)
def patient(settings: Settings) -> None:
    settings.ENGINE_KEY_SECONDS = 60


@pytest.fixture(params=[True, False], ids=["fast path", "general path"])
def path(request: pytest.FixtureRequest, settings: Settings) -> None:
    settings.ENGINE_FAST_PATH = request.param


@pytest.fixture(autouse=True)
def cold() -> Iterator[None]:
    contexts._starts.clear()
    yield
    contexts._starts.clear()


def stored(run: WorkflowExecution) -> list[Any]:
    """The ciphertexts of the run and its steps."""
    runs = WorkflowExecution.objects.filter(id=run.id).values_list("context", "results")
    return [*runs, *run.steps.order_by("position").values_list(*SEALED)]


def work(run: WorkflowExecution) -> WorkflowExecution:
    """Does what workers would do, until nothing is due any more."""
    due = run.steps.filter(status="ready", due_at=None).order_by("position")
    with override_settings(ENGINE_LEASE_SECONDS=86_400):
        while positions := list(due.values_list("position", flat=True)):
            runner.run_steps(run.id, positions, None, trace={})
    return WorkflowExecution.objects.get(id=run.id)


def due_now(run: WorkflowExecution) -> None:
    run.steps.filter(status="ready").update(due_at=None)


def waits_for_its_key(run: WorkflowExecution, step_id: str) -> StepExecution:
    row = run.steps.get(step_id=step_id)
    assert (row.status, row.error_code, row.failures) == ("ready", "key_unavailable", 0)
    assert row.due_at is not None
    [reason] = reasons(run)
    assert (reason.cause, reason.step_id) == ("key_unavailable", step_id)
    return row


@pytest.mark.usefixtures("path")
def test_a_step_waits_and_has_no_effect(user: User, lock_keys: LockKeys, tmp_path: Path) -> None:
    effect = tmp_path / "effect"
    document = definition(
        step("a"), step("b", "a", **calls("tests.write", path=str(effect), text="${inputs.x}"))
    )
    run = start(document, user=user, data={"x": "done"})
    unlock = lock_keys()
    before = stored(run)
    for _ in range(2):
        work(run)
        waits_for_its_key(run, "a")
        due_now(run)
    assert stored(run) == before
    unlock()
    assert work(run).status == "completed"
    assert effect.read_text() == "done\n"
    assert run.steps.get(step_id="a").error_message is None


@pytest.mark.usefixtures("path")
def test_a_context_in_memory_makes_no_difference(
    user: User, lock_keys: LockKeys, tmp_path: Path
) -> None:
    effect = tmp_path / "effect"
    writing = step("a", **calls("tests.write", path=str(effect), text="x"))
    run = start(definition(writing), user=user)
    contexts.start_context(run)
    lock_keys()
    work(run)
    waits_for_its_key(run, "a")
    assert not effect.exists(), "what came of it could not have been stored"


@pytest.mark.usefixtures("path")
def test_the_key_goes_while_the_step_runs(
    user: User, lock_keys: LockKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(definition(step("a"), step("b", "a")), user=user)
    unlocks = []
    checked = runner._checked

    def and_lock(*given: Any) -> bytes:
        output = checked(*given)
        unlocks.append(lock_keys())
        return output

    monkeypatch.setattr(runner, "_checked", and_lock)
    work(run)
    row = waits_for_its_key(run, "a")
    assert (row.attempt, row.output_data) == (1, None)
    monkeypatch.setattr(runner, "_checked", checked)
    unlocks[0]()
    due_now(run)
    assert work(run).status == "completed"


@pytest.mark.usefixtures("path")
def test_a_failure_whose_text_cannot_be_stored_waits_too(
    user: User, lock_keys: LockKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(definition(step("a", **calls("tests.fail", message="why"))), user=user)
    unlocks = []
    failed = runner._failed

    def lock_and_fail(*given: Any, **named: Any) -> Any:
        unlocks.append(lock_keys())
        return failed(*given, **named)

    monkeypatch.setattr(runner, "_failed", lock_and_fail)
    work(run)
    waits_for_its_key(run, "a")
    monkeypatch.setattr(runner, "_failed", failed)
    unlocks[0]()
    due_now(run)
    assert work(run).status == "failed"
    assert "why" in (run.steps.get(step_id="a").error_message or "")


@pytest.mark.usefixtures("path")
def test_results_that_cannot_be_put_together_do_not_fail_the_run(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(definition(step("a"), outputs={"x": "steps.a.output.value"}), user=user)

    def no_key(*_: Any) -> Any:
        raise KeyUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(flow, "_results", no_key)
        work(run)
    waits_for_its_key(run, "a")
    due_now(run)
    assert work(run).results == {"x": "a"}


def test_a_destroyed_key_fails_the_run_and_says_so(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(definition(step("a"), step("b", "a")), user=user)

    def destroyed(*_: Any, **__: Any) -> Any:
        raise KeyDestroyed

    with monkeypatch.context() as patch:
        patch.setattr(data_keys, "seal", destroyed)
        patch.setattr(data_keys, "active_kid", destroyed)
        work(run)
    row = run.steps.get(step_id="a")
    assert (row.status, row.error_code, row.error_message) == ("failed", "key_destroyed", None)
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "key_destroyed")


URLS = [
    ("get", "/api/v1/executions/{run}", 503),
    ("get", "/api/v1/executions/{run}/steps", 503),
    ("get", "/api/v1/executions/{run}/steps/first", 503),
    ("get", "/api/v1/executions/{run}/events", 200),
    ("get", "/api/v1/executions/{run}/waiting", 200),
    ("get", "/api/v1/executions", 200),
    ("get", "/api/v1/workflows", 200),
    ("post", "/api/v1/workflows/{workflow}/execute", 503),
    ("post", "/api/v1/executions/{run}/steps/ask/answer", 503),
]


def test_the_api_says_503_and_nothing_is_stored(cast: Cast, lock_keys: LockKeys) -> None:
    run = work(start(cast.shared, user=cast.owner.user, data={"amount": 5}))
    unlock = lock_keys()
    before, runs = stored(run), WorkflowExecution.objects.count()
    for method, url, status in URLS:
        path = url.format(run=run.id, workflow=cast.shared.id)
        body = {"answer": {"choice": "yes"}} if "answer" in url else None
        response = getattr(cast.owner.api, method)(path, body, format="json")
        assert response.status_code == status, (url, response.content)
        if status == 503:
            assert response.json()["code"] == "key_unavailable"
            assert response.headers["Retry-After"]
    assert (stored(run), WorkflowExecution.objects.count()) == (before, runs)
    assert run.steps.get(step_id="ask").status == "waiting"
    unlock()
    answered = cast.owner.api.post(
        f"/api/v1/executions/{run.id}/steps/ask/answer",
        {"answer": {"choice": "yes"}},
        format="json",
    )
    assert answered.status_code == 200, answered.content
    assert work(run).status == "completed"
