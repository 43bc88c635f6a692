"""What counts as a failure of the step's own."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from core.errors import KeyUnavailable
from core.models import User
from engine import registry
from engine.context import WorkflowContext
from engine.errors import DatabaseUnavailable
from engine.models import StepExecution
from engine.transitions import runs, steps
from tests.engine.test_lost_workers import lose, take
from tests.support.cast import work
from tests.support.workers import Worker, finish
from tests.support.workflows import calls, definition, run_inline, start, step
from workflow_platform.logs import LineFormatter

TWICE = {"max_attempts": 2, "delay": 0}


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
def test_lost_workers_keys_and_databases_use_up_no_attempt(user: User, tmp_path: Path) -> None:
    flaky = calls("tests.fail_until", path=str(tmp_path / "count"), times=1)
    run = start(definition(step("a", **flaky, retry=TWICE)), user=user)
    for _ in range(2):
        lose(run)
    for error in (KeyUnavailable(), DatabaseUnavailable()):
        steps.retry_later(take(run), error, delay_seconds=0, received=None)
    row = StepExecution.objects.get(execution=run)
    assert (row.attempt, row.failures) == (4, 0)
    work(run)
    row.refresh_from_db()
    assert (row.status, row.attempt, row.failures) == ("completed", 6, 1)


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
def test_an_operators_retry_counts_anew(user: User) -> None:
    run = run_inline(definition(step("a", **calls("tests.fail"), retry=TWICE)), user=user)
    row = StepExecution.objects.get(execution=run)
    assert (run.status, row.attempt, row.failures) == ("running", 1, 1)
    work(run)
    row.refresh_from_db()
    assert (row.status, row.attempt, row.failures) == ("failed", 2, 2)
    assert runs.retry(run.id) is not None
    row.refresh_from_db()
    assert (row.status, row.failures) == ("ready", 0)
    work(run)
    row.refresh_from_db()
    assert (row.status, row.attempt, row.failures) == ("failed", 4, 2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("how", "message"),
    [("exit", "SystemExit: enough"), ("cancelled", "CancelledError: ")],
)
def test_whatever_a_function_raises_fails_its_step(user: User, how: str, message: str) -> None:
    run = run_inline(definition(step("a", **calls("tests.leave", how=how))), user=user)
    row = StepExecution.objects.get(execution=run)
    assert (run.status, row.error_code, row.error_message) == ("failed", "step_failed", message)


@pytest.mark.django_db(transaction=True)
def test_whoever_sits_before_a_run_in_this_process_may_interrupt_it(user: User) -> None:
    # What runs in the background of a shell ignores the signal, and these tests may do so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_inline(definition(step("a", **calls("tests.leave", how="interrupted"))), user=user)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("sql", ["", "BEGIN"])
def test_a_transaction_that_a_function_left_open_takes_nothing_with_it(
    user: User, worker: Worker, sql: str
) -> None:
    left = definition(step("a", **calls("tests.leave_open", sql=sql)), step("b", "a"))
    run = finish(start(left, user=user).id)
    assert run.status == "completed"
    assert list(run.steps.values_list("attempt", flat=True)) == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_an_endless_message_is_kept_in_part(user: User, caplog: pytest.LogCaptureFixture) -> None:
    endless = calls("tests.fail", message="x" * 1_000_000)
    run = run_inline(definition(step("a", **endless)), user=user)
    kept = StepExecution.objects.get(execution=run).error_message
    assert kept is not None
    assert kept[:16] + kept[10_000:] == "RuntimeError: xx ... (990,014 characters more)"
    assert run.error_message is not None
    assert len(run.error_message) < 11_000
    formatted = [LineFormatter().format(record) for record in caplog.records]
    assert max(map(len, formatted)) < 31_000


@pytest.mark.parametrize("how", ["exit", "interrupted"])
def test_function_that_ends_its_process_costs_no_worker(
    user: User, worker: Worker, how: str
) -> None:
    before = {child.pid for child in worker.children()}
    run = finish(start(definition(step("a", **calls("tests.leave", how=how))), user=user).id)
    assert (run.status, run.error_code) == ("failed", "step_failed")
    assert StepExecution.objects.get(execution=run).attempt == 1
    assert {child.pid for child in worker.children()} == before


@pytest.mark.parametrize(
    ("function", "argument", "kind", "place"),
    [
        ("tests.fail", "message", "RuntimeError", "fail"),
        ("tests.number", "text", "ValueError", "number"),
    ],
)
def test_what_a_function_raises_is_logged_without_its_words(
    user: User, worker: Worker, function: str, argument: str, kind: str, place: str
) -> None:
    canary = f"canary-in-the-words-of-{place}"
    run = finish(
        start(definition(step("a", **calls(function, **{argument: canary}))), user=user).id
    )
    assert canary in (run.steps.get().error_message or ""), "the encrypted row keeps it"
    log = worker.log.read_text()
    assert canary not in log
    assert f"run {run.id}: step 'a' raised builtins.{kind}" in log
    assert re.search(rf'workflow_functions.py", line \d+, in {place}\n', log)


@pytest.mark.django_db(transaction=True)
def test_what_an_executor_raises_is_logged_without_its_words(
    user: User, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def execute(self: object, step: object, context: WorkflowContext) -> None:
        raise LookupError(f"no {context.data}")

    made = definition(step("a", step_type="TRANSFORM", config={"output": {"b": "inputs.n"}}))
    monkeypatch.setattr(type(registry.executors()["TRANSFORM"]), "execute", execute)
    run = run_inline(made, user=user, data={"n": "canary"})
    assert "canary" in (run.steps.get().error_message or "")
    logged = "\n".join(LineFormatter().format(record) for record in caplog.records)
    assert "canary" not in logged
    assert f"run {run.id}: step 'a' raised builtins.LookupError" in logged
    assert f'File "{__file__}", line ' in logged
