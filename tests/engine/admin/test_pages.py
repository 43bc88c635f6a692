"""Every page: who may see it, and that what people wrote stays text."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from core.models import User
from engine.models import (
    StepExecution,
    Workflow,
    WorkflowExecution,
    WorkflowSchedule,
    WorkflowVersion,
)
from tests.engine.admin.conftest import SCRIPT, Staff, text, url

OWN_PAGES = ("run", "events", "cancel", "step", "answer", "start", "version", "draft")


@pytest.fixture
def pages(
    workflow: Workflow,
    waiting_run: WorkflowExecution,
    waiting_step: StepExecution,
    failed_run: WorkflowExecution,
    schedule: WorkflowSchedule,
    draft: WorkflowVersion,
) -> dict[str, str]:
    failed = failed_run.steps.get(step_id="bad")
    return {
        "index": "/admin/",
        "app": "/admin/workflow_engine/",
        "workflows": url("workflow", "changelist"),
        "new workflow": url("workflow", "add"),
        "workflow": url("workflow", "change", workflow.pk),
        "delete workflow": url("workflow", "delete", workflow.pk),
        "workflow history": url("workflow", "history", workflow.pk),
        "start": url("workflow", "run", workflow.pk),
        "version": url("workflow", "version", workflow.pk, 1),
        "drafts": url("workflowversion", "changelist"),
        "draft": url("workflowversion", "change", draft.pk),
        "runs": url("workflowexecution", "changelist"),
        "waiting runs": url("workflowexecution", "changelist") + "?waiting=stands",
        "run": url("workflowexecution", "change", waiting_run.pk),
        "failed run": url("workflowexecution", "change", failed_run.pk),
        "events": url("workflowexecution", "events", waiting_run.pk),
        "run history": url("workflowexecution", "history", waiting_run.pk),
        "pause": url("workflowexecution", "pause", waiting_run.pk),
        "resume": url("workflowexecution", "resume", waiting_run.pk),
        "cancel": url("workflowexecution", "cancel", waiting_run.pk),
        "retry": url("workflowexecution", "retry", failed_run.pk),
        "steps": url("stepexecution", "changelist"),
        "step": url("stepexecution", "change", waiting_step.pk),
        "failed step": url("stepexecution", "change", failed.pk),
        "answer": url("stepexecution", "answer", waiting_step.pk),
        "schedules": url("workflowschedule", "changelist"),
        "new schedule": url("workflowschedule", "add"),
        "schedule": url("workflowschedule", "change", schedule.pk),
        "delete schedule": url("workflowschedule", "delete", schedule.pk),
    }


def test_operator_sees_every_page_and_text_stays_text(
    admin_client: Client, pages: dict[str, str]
) -> None:
    shown = {name: text(admin_client.get(page)) for name, page in pages.items()}
    assert {name for name, page in shown.items() if SCRIPT in page} == set()
    escaped = {name for name, page in shown.items() if "&lt;script&gt;alert" in page}
    assert set(pages) - escaped <= {
        "index",
        "app",
        "new workflow",
        "new schedule",
        "retry",
        "run history",
    }


def test_own_pages_have_no_inline_script_or_style(
    admin_client: Client, pages: dict[str, str]
) -> None:
    for name in OWN_PAGES:
        page = text(admin_client.get(pages[name]))
        assert not re.search(r"<script(?![^>]*\bsrc=)", page), name
        assert not re.search(r"<style|\sstyle=|\son\w+=", page), name


@pytest.mark.parametrize("signed_in", [False, True])
def test_nobody_else_gets_in(pages: dict[str, str], signed_in: bool) -> None:
    client = Client()
    if signed_in:
        client.force_login(User.objects.create_user("customer"))
    for page in pages.values():
        response = client.get(page)
        assert response.status_code == 302
        assert response["Location"].startswith("/admin/login/")


def test_staff_without_permission_sees_nothing(staff: Staff, pages: dict[str, str]) -> None:
    client = staff()
    codes = {name: client.get(page).status_code for name, page in pages.items()}
    assert codes.pop("index") == 200
    assert codes.pop("app") == 404
    assert set(codes.values()) == {403}


def test_staff_who_may_look_can_change_nothing(staff: Staff, pages: dict[str, str]) -> None:
    client = staff(
        "view_workflow", "view_workflowexecution", "view_stepexecution", "view_workflowschedule"
    )
    codes = {name: client.get(page).status_code for name, page in pages.items()}
    refused = {name for name, code in codes.items() if code == 403}
    assert refused == {
        "new workflow", "delete workflow", "start", "pause", "resume", "cancel", "retry", "answer",
        "new schedule", "delete schedule",
    }  # fmt: skip
    assert {code for name, code in codes.items() if name not in refused} == {200}


@pytest.mark.parametrize("name", ["run", "failed run", "step", "events"])
def test_rows_of_runs_cannot_be_written(
    admin_client: Client, pages: dict[str, str], waiting_run: WorkflowExecution, name: str
) -> None:
    admin_client.post(pages[name], {"status": "completed"})
    waiting_run.refresh_from_db()
    assert waiting_run.status == "running"


@pytest.mark.parametrize("model", ["workflowexecution", "stepexecution"])
def test_runs_and_steps_are_neither_added_nor_deleted(
    admin_client: Client, waiting_run: WorkflowExecution, waiting_step: StepExecution, model: str
) -> None:
    pk = (waiting_run if model == "workflowexecution" else waiting_step).pk
    for page in (url(model, "add"), url(model, "delete", pk)):
        assert admin_client.get(page).status_code == 403
        assert admin_client.post(page, {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": str(pk), "post": "yes"}
    admin_client.post(url(model, "changelist"), action)
    assert WorkflowExecution.objects.filter(pk=waiting_run.pk).exists()
    assert StepExecution.objects.filter(pk=waiting_step.pk).exists()


def test_payloads_are_for_those_who_may_read_them(
    admin_client: Client, staff: Staff, pages: dict[str, str]
) -> None:
    looks = (
        "view_workflowexecution", "view_stepexecution", "view_workflowschedule",
        "change_workflowschedule",
    )  # fmt: skip
    readers = [admin_client, staff(*looks, "view_payloads")]
    clients = [*((client, True) for client in readers), (staff(*looks), False)]
    secrets = {
        "run": "the-plain-secret",
        "failed run": "no account",
        "failed step": "RuntimeError: no account",
        "schedule": "the-plain-secret",
    }
    for client, reads in clients:
        for name, secret in secrets.items():
            page = text(client.get(pages[name]))
            assert (secret in page) == reads, name
            assert ("(encrypted)" in page) == (not reads), name


def test_unknown_rows_are_not_found(admin_client: Client, workflow: Workflow) -> None:
    pk = workflow.pk  # of another table
    for page in (
        url("workflowexecution", "change", pk),
        url("workflowexecution", "change", "nonsense"),
        url("workflowexecution", "events", pk),
        url("workflowexecution", "cancel", pk),
        url("stepexecution", "change", pk),
        url("stepexecution", "answer", pk),
        url("workflow", "version", pk, 99),
    ):
        assert admin_client.get(page).status_code == 404, page
