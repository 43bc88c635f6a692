"""Pause, resume, cancel and retry: only after a yes, only with the permission, told run by run."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from core.models import User
from engine.admin import controls
from engine.models import Workflow, WorkflowExecution
from engine.services import WorkflowEngine
from tests.engine.admin.conftest import Staff, text, url
from tests.support.workflows import start

LIST = "workflowexecution"
CASES = [
    # action, permission, status before, status after
    ("pause", "pause_workflowexecution", "running", "paused"),
    ("resume", "pause_workflowexecution", "paused", "running"),
    ("cancel", "cancel_workflowexecution", "running", "cancelled"),
    ("cancel", "cancel_workflowexecution", "paused", "cancelled"),
    ("retry", "retry_workflowexecution", "failed", "running"),
]
ACTION = pytest.mark.parametrize(("name", "permission", "before", "after"), CASES)


@pytest.fixture
def runs(
    waiting_run: WorkflowExecution, failed_run: WorkflowExecution
) -> dict[str, WorkflowExecution]:
    return {"running": waiting_run, "failed": failed_run}


def run_in(runs: dict[str, WorkflowExecution], status: str) -> WorkflowExecution:
    run = runs["failed" if status == "failed" else "running"]
    if status == "paused":
        WorkflowEngine().pause_workflow(run.id)
    return run


def status(run: WorkflowExecution) -> str:
    run.refresh_from_db()
    return run.status


def selected(name: str, *runs: WorkflowExecution, **fields: str) -> dict[str, Any]:
    return {"action": name, "_selected_action": [str(run.pk) for run in runs], **fields}


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


@ACTION
def test_from_the_page(
    staff: Staff,
    runs: dict[str, WorkflowExecution],
    name: str,
    permission: str,
    before: str,
    after: str,
) -> None:
    run = run_in(runs, before)
    client = staff("view_workflowexecution", permission)
    page = url(LIST, name, run.pk)
    assert "will" in text(client.get(page))
    assert "Yes, " in text(client.post(page))
    assert status(run) == before
    response = client.post(page, {"confirmed": "yes"}, follow=True)
    assert status(run) == after
    assert told(response)[0].endswith(f": {controls.CONTROLS[name].done}")
    assert LogEntry.objects.get().object_id == str(run.pk)


@ACTION
def test_from_the_list(
    staff: Staff,
    runs: dict[str, WorkflowExecution],
    name: str,
    permission: str,
    before: str,
    after: str,
) -> None:
    run = run_in(runs, before)
    other = runs["running" if before == "failed" else "failed"]
    untouched = other.status
    client = staff("view_workflowexecution", permission)
    listed = url(LIST, "changelist")
    asked = text(client.post(listed, selected(name, run, other)))
    assert f"Yes, {name} 1 run" in asked
    assert f"nothing: the run is {untouched}" in asked
    assert status(run) == before
    response = client.post(listed, selected(name, run, other, confirmed="yes"), follow=True)
    assert (status(run), status(other)) == (after, untouched)
    assert sorted(message.partition(": ")[2] for message in told(response)) == sorted(
        [controls.CONTROLS[name].done, f"nothing: the run is {untouched}"]
    )


@ACTION
def test_needs_its_permission(
    staff: Staff,
    runs: dict[str, WorkflowExecution],
    name: str,
    permission: str,
    before: str,
    after: str,
) -> None:
    run = run_in(runs, before)
    others = {case[1] for case in CASES} - {permission}
    client = staff("view_workflowexecution", *others)
    page = url(LIST, name, run.pk)
    assert client.get(page).status_code == 403
    assert client.post(page, {"confirmed": "yes"}).status_code == 403
    client.post(url(LIST, "changelist"), selected(name, run, confirmed="yes"))
    assert status(run) == before


def test_confirmation_tells_what_will_happen(
    admin_client: Client, waiting_run: WorkflowExecution, failed_run: WorkflowExecution
) -> None:
    cancel = text(admin_client.get(url(LIST, "cancel", waiting_run.pk)))
    assert "2 steps will be cancelled, 0 of them running" in cancel
    pause = text(admin_client.get(url(LIST, "pause", waiting_run.pk)))
    assert "0 running steps will finish, 1 step will not start" in pause
    retry = text(admin_client.get(url(LIST, "retry", failed_run.pk)))
    assert "1 failed step and 1 cancelled step will be opened again" in retry
    nothing = text(admin_client.get(url(LIST, "resume", failed_run.pk)))
    assert "nothing: the run is failed" in nothing
    assert "Yes, " not in nothing


def test_many_runs_are_confirmed_in_few_queries_and_told_in_few_messages(
    admin_client: Client,
    operator: User,
    workflow: Workflow,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    runs = [start(workflow, user=operator, data={"amount": 1}) for _ in range(30)]
    listed = url(LIST, "changelist")
    with django_assert_max_num_queries(10):
        text(admin_client.post(listed, selected("cancel", *runs)))
    response = admin_client.post(listed, selected("cancel", *runs, confirmed="yes"), follow=True)
    assert {status(run) for run in runs} == {"cancelled"}
    assert len(told(response)) == controls.MAX_MESSAGES + 1
    assert told(response)[-1] == "30 of 30 runs cancelled in all."


def test_too_many_runs_at_once_are_refused(
    admin_client: Client, waiting_run: WorkflowExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controls, "MAX_RUNS", 0)
    response = admin_client.post(
        url(LIST, "changelist"), selected("cancel", waiting_run, confirmed="yes"), follow=True
    )
    assert told(response) == ["At most 0 runs at a time: narrow the list down."]
    assert status(waiting_run) == "running"
