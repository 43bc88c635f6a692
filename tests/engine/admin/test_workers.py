"""Who works, and what keeps a run: as operators see it."""

from __future__ import annotations

import re
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from core.models import User
from engine.models import StepExecution, WorkflowExecution, WorkflowWorker
from engine.services import WorkflowEngine
from tests.engine.admin.conftest import text, url
from tests.support.workflows import definition, start, step


def test_page_of_workers(admin_client: Client) -> None:
    WorkflowWorker.objects.all().delete()  # the tests' own may be there
    now = timezone.now()
    for name, age, stopping in (("fit", 0, False), ("going", 0, True), ("lost", 90, False)):
        WorkflowWorker.objects.create(
            name=name,
            host="h",
            pid=1,
            queues=["default", "ai"],
            seen_at=now - timedelta(seconds=age),
            stopping=stopping,
        )
    page = text(admin_client.get(url("workflowworker", "changelist")))
    assert re.findall(r'wf-badge wf-\w+">(\w+)<', page) == ["alive", "stopping", "gone"]
    assert "default, ai" in page
    assert admin_client.get(url("workflowworker", "add")).status_code == 403


def test_page_of_a_run_tells_what_keeps_it(
    admin_client: Client, operator: User, waiting_run: WorkflowExecution
) -> None:
    page = url("workflowexecution", "change", waiting_run.pk)
    # Who is asked has the answer's button already.
    assert "Why the run does not move" not in text(admin_client.get(page))
    WorkflowEngine().pause_workflow(waiting_run.id)
    assert "The run is paused; somebody has to resume it." in text(admin_client.get(page))
    failing = start(definition(step("a")), user=operator)
    due = timezone.now() + timedelta(hours=1)
    StepExecution.objects.filter(execution=failing).update(due_at=due, error_code="step_failed")
    page = text(admin_client.get(url("workflowexecution", "change", failing.pk)))
    assert "<strong>Retry delay</strong>" in page
    assert "failed with step_failed and is tried again later" in page
