"""Runs: a list that stays fast, and a page that tells what happened at any size."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.models import User
from engine.models import (
    ExecutionEvent,
    StepExecution,
    StepStatus,
    Workflow,
    WorkflowExecution,
)
from engine.workflows import create_workflow
from tests.engine.admin.conftest import Staff, text, url
from tests.support.workflows import definition, start, step

LIST = "workflowexecution"


def rows(page: str) -> int:
    return page.count('class="field-progress')


def test_list_needs_as_many_queries_for_many_runs_as_for_one(
    admin_client: Client,
    operator: User,
    workflow: Workflow,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for count in (1, 30):
        for _ in range(count):
            start(workflow, user=operator, data={"amount": 1})
        with django_assert_max_num_queries(8) as done:
            page = text(admin_client.get(url(LIST, "changelist")))
        payloads = [q["sql"] for q in done.captured_queries if '"context"' in q["sql"]]
        assert payloads == []
    assert rows(page) == 31
    assert "0/3" in page


def test_list_counts_no_more_than_it_must(
    admin_client: Client,
    workflow: Workflow,
    waiting_run: WorkflowExecution,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for model in (LIST, "stepexecution"):
        with django_assert_max_num_queries(8) as done:
            text(admin_client.get(url(model, "changelist")))
        counts = [q["sql"] for q in done.captured_queries if "COUNT(*)" in q["sql"]]
        assert len(counts) == 1
        assert "LIMIT 10000" in counts[0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status__exact=running", {"waiting", "moving"}),
        ("status__exact=failed", {"failed"}),
        ("waiting=stands", {"waiting"}),
        ("waiting=some", {"waiting"}),
        ("workflow__id__exact={workflow}", {"waiting", "moving"}),
        ("workflow__id__exact=nonsense", set()),
        ("created_at__gte={tomorrow}", set()),
        ("q={failed}", {"failed"}),
        ("q={start}", {"waiting", "moving", "failed"}),
        ("q=hello", set()),
    ],
)
def test_list_filters_and_finds(
    admin_client: Client,
    operator: User,
    workflow: Workflow,
    waiting_run: WorkflowExecution,
    failed_run: WorkflowExecution,
    query: str,
    found: set[str],
) -> None:
    moving = start(workflow, user=operator, data={"amount": 1})
    runs = {"waiting": waiting_run, "failed": failed_run, "moving": moving}
    tomorrow = f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    filled = query.format(
        workflow=workflow.pk, failed=failed_run.pk, start=str(failed_run.pk)[:6], tomorrow=tomorrow
    )
    page = text(admin_client.get(f"{url(LIST, 'changelist')}?{filled}"))
    assert {name for name, run in runs.items() if f'title="{run.pk}"' in page} == found
    assert rows(page) == len(found)


def test_list_tells_how_far_runs_are(
    admin_client: Client, waiting_run: WorkflowExecution, failed_run: WorkflowExecution
) -> None:
    page = text(admin_client.get(url(LIST, "changelist")))
    assert "1/3" in page
    assert "3/3" in page
    assert 'wf-waiting">waiting' in page
    assert "step_failed" in page


def test_page_of_a_waiting_run(
    admin_client: Client, waiting_run: WorkflowExecution, waiting_step: StepExecution
) -> None:
    page = text(admin_client.get(url(LIST, "change", waiting_run.pk)))
    assert url("stepexecution", "answer", waiting_step.pk) in page
    assert "Waits for a person" in page
    assert "Go on? &lt;script&gt;" in page
    assert '<rect class="wf-bar wf-completed"' in page
    assert '<rect class="wf-bar wf-waiting"' in page
    assert "1 of 3 steps" in page
    assert [name for name in ("pause", "resume", "cancel", "retry") if f"/{name}/" in page] == [
        "pause", "cancel",
    ]  # fmt: skip


def test_page_of_a_failed_run(admin_client: Client, failed_run: WorkflowExecution) -> None:
    page = text(admin_client.get(url(LIST, "change", failed_run.pk)))
    assert '<rect class="wf-bar wf-failed"' in page
    assert "step_failed" in page
    assert "no account &lt;script&gt;" in page
    assert "/retry/" in page
    assert "/pause/" not in page
    assert "refresh" not in page.replace("wf-", "")


def test_page_refreshes_only_when_asked(
    admin_client: Client, waiting_run: WorkflowExecution
) -> None:
    page = url(LIST, "change", waiting_run.pk)
    assert 'http-equiv="refresh"' not in text(admin_client.get(page))
    assert 'http-equiv="refresh"' in text(admin_client.get(page + "?refresh"))


def test_operator_without_permissions_to_steer_has_no_buttons(
    staff: Staff, waiting_run: WorkflowExecution, waiting_step: StepExecution
) -> None:
    client = staff("view_workflowexecution", "pause_workflowexecution")
    page = text(client.get(url(LIST, "change", waiting_run.pk)))
    assert "/pause/" in page
    assert "/cancel/" not in page
    assert url("stepexecution", "answer", waiting_step.pk) not in page
    assert "Go on?" not in page
    listed = text(client.get(url(LIST, "changelist")))
    assert 'value="pause"' in listed
    assert 'value="cancel"' not in listed


@pytest.fixture
def large_run(operator: User) -> WorkflowExecution:
    """A run of 600 steps, some of which failed, with a history."""
    document = definition(step("s"), *(step(f"n{k}", "s") for k in range(599)), name="Large")
    run = start(create_workflow(document=document, owner=operator), user=operator)
    steps = run.steps.filter(position__gt=0)
    now = timezone.now()
    steps.update(status=StepStatus.COMPLETED, attempt=1, started_at=now, completed_at=now)
    steps.filter(position__in=range(300, 450)).update(status=StepStatus.FAILED, error_code="oops")
    ExecutionEvent.objects.bulk_create(
        ExecutionEvent(execution=run, kind=kind, step_id=f"n{k}", attempt=1, data={"owner": "w:1"})
        for k in range(599)
        for kind in ("step.started", "step.completed")
    )
    return run


@pytest.mark.parametrize(
    ("query", "count", "first", "last"),
    [
        ("", 100, "N0", "N98"),
        ("?page=6", 100, "N499", "N598"),
        ("?page=99", 100, "N499", "N598"),
        ("?page=x", 100, "N0", "N98"),
        ("?status=failed", 100, "N299", "N398"),
        ("?status=failed&page=2", 50, "N399", "N448"),
        ("?status=running", 0, "No steps.", "No steps."),
        ("?status=nonsense", 100, "N0", "N98"),
    ],
)
def test_large_run_is_paged_in_few_queries(
    admin_client: Client,
    large_run: WorkflowExecution,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    query: str,
    count: int,
    first: str,
    last: str,
) -> None:
    with django_assert_max_num_queries(18):
        page = text(admin_client.get(url(LIST, "change", large_run.pk) + query))
    drawn = page[page.index('class="wf-timeline"') : page.index('id="payloads-heading"')]
    assert drawn.count('<th scope="row">') == count
    assert first in drawn
    assert last in drawn
    assert "failed 150" in page
    assert len(page) < 250_000


def test_whole_history_is_paged(
    admin_client: Client,
    large_run: WorkflowExecution,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    page = url(LIST, "events", large_run.pk)
    with django_assert_max_num_queries(7):
        first = text(admin_client.get(page))
    assert "execution.started" in first
    assert first.count('class="wf-time"') == 200
    last = text(admin_client.get(page + "?page=99"))
    assert 0 < last.count('class="wf-time"') <= 200
    assert "n598" in last


def test_page_of_a_run_whose_definition_is_not_valid_any_more(
    admin_client: Client, failed_run: WorkflowExecution
) -> None:
    from engine import definitions

    document = failed_run.definition_version.definition
    document["steps"][0]["step_type"] = "GONE"
    failed_run.definition_version.save()
    definitions.load.cache_clear()
    try:
        assert "step_failed" in text(admin_client.get(url(LIST, "change", failed_run.pk)))
        failed = failed_run.steps.get(step_id="bad")
        page = text(admin_client.get(url("stepexecution", "change", failed.pk)))
        assert "cannot be read any more" in page
        workflow_page = url("workflow", "change", failed_run.workflow_id)
        assert "not valid any more" in text(admin_client.get(workflow_page))
    finally:
        definitions.load.cache_clear()
