"""Steps: looked at over all runs, answered where they wait."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from core.models import User
from engine.models import StepExecution, WorkflowExecution
from tests.engine.admin.conftest import ASKS, Staff, text, url
from tests.support.cast import work
from tests.support.workflows import calls, definition, start, step

FORM = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.fixture
def form_step(operator: User) -> StepExecution:
    ask = {
        "step_type": "DATA_COLLECTION",
        "config": {"source": "form", "title": "Who?", "form": FORM, "details": {"plan": "B"}},
    }
    run = work(start(definition(step("ask", **ask), step("last", "ask")), user=operator))
    return run.steps.get(step_id="ask")


def status(row: StepExecution) -> str:
    row.refresh_from_db()
    return row.status


def test_list_shows_steps_of_all_runs(
    admin_client: Client,
    operator: User,
    waiting_step: StepExecution,
    failed_run: WorkflowExecution,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(5):
        start(ASKS, user=operator, data={"amount": 1})
    listed = url("stepexecution", "changelist")
    for query, count in (
        ("", 21),
        ("?status__exact=waiting", 1),
        ("?step_type=DECISION", 6),
        (f"?q={failed_run.pk}", 3),
        ("?q=hello", 0),
    ):
        with django_assert_max_num_queries(8):
            page = text(admin_client.get(listed + query))
        assert page.count('class="field-step_type"') == count, query


def test_page_shows_configuration_and_history(
    admin_client: Client, failed_run: WorkflowExecution
) -> None:
    bad = failed_run.steps.get(step_id="bad")
    page = text(admin_client.get(url("stepexecution", "change", bad.pk)))
    for part in ("tests.fail", "step.started", "step.failed", "no account &lt;script&gt;"):
        assert part in page


def test_choice_is_answered_by_buttons(admin_client: Client, waiting_step: StepExecution) -> None:
    page = url("stepexecution", "answer", waiting_step.pk)
    shown = text(admin_client.get(page))
    assert '<button type="submit" class="wf-button" name="choice" value="yes">' in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    for wrong in ({}, {"comment": "only"}, {"choice": "maybe"}):
        text(admin_client.post(page, wrong))
        assert status(waiting_step) == "waiting"
    answered = admin_client.post(page, {"choice": "yes", "comment": "fine"}, follow=True)
    assert "has its answer" in text(answered)
    assert status(waiting_step) == "completed"
    assert waiting_step.output_data == {"choice": "yes", "comment": "fine", "chosen": ["last"]}
    late = admin_client.post(page, {"choice": "no"}, follow=True)
    assert "does not wait any more" in text(late)
    assert waiting_step.execution.events.filter(kind="step.completed", step_id="ask").count() == 1


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("", "required"),
        ("{", "JSON"),
        ("[]", "JSON object"),
        ('{"name": ""}', "name"),
        ('{"name": "Ada", "age": "old"}', "age"),
    ],
)
def test_faults_of_an_answer_are_shown(
    admin_client: Client, form_step: StepExecution, answer: str, fault: str
) -> None:
    page = admin_client.post(url("stepexecution", "answer", form_step.pk), {"answer": answer})
    found = page.context["refused"] + page.context["form"].errors.get("answer", [])
    assert fault in " ".join(found)
    assert found[0] in text(page).replace("&#x27;", "'").replace("&quot;", '"')
    assert status(form_step) == "waiting"


def test_form_is_answered_by_json(
    admin_client: Client, operator: User, form_step: StepExecution
) -> None:
    page = url("stepexecution", "answer", form_step.pk)
    asked = admin_client.get(page)
    assert '"name": ""' in asked.context["form"]["answer"].value()
    for part in ("Who?", "plan", "minLength"):
        assert part in text(asked)
    response = admin_client.post(page, {"answer": '{"name": "Ada", "age": 36}'})
    assert response["Location"] == url("workflowexecution", "change", form_step.execution_id)
    assert status(form_step) == "completed"
    assert form_step.output_data == {"name": "Ada", "age": 36}
    event = form_step.execution.events.get(kind="step.completed")
    assert event.data["answered_by"] == str(operator.pk)


@pytest.mark.parametrize(
    ("permissions", "code"),
    [
        (("view_stepexecution", "view_workflowexecution", "view_payloads"), 403),
        (("answer_stepexecution",), 403),
        (("view_stepexecution", "answer_stepexecution"), 302),
    ],
)
def test_answering_needs_its_permission(
    staff: Staff, waiting_step: StepExecution, permissions: Any, code: int
) -> None:
    page = url("stepexecution", "answer", waiting_step.pk)
    assert staff(*permissions).post(page, {"choice": "no"}).status_code == code
    assert status(waiting_step) == ("completed" if code == 302 else "waiting")


def test_page_shows_an_input_that_follows_from_others(
    admin_client: Client, operator: User, staff: Staff
) -> None:
    last = step("last", "ask", **calls("tests.compute", value="for ${inputs.name}"))
    run = work(start(definition(step("ask"), last), user=operator, data={"name": "Zoë & co"}))
    row = run.steps.get(step_id="last")
    assert row.input_data is None
    page = url("stepexecution", "change", row.pk)
    assert text(admin_client.get(page)).count("for Zoë &amp; co") == 2  # and in the output
    assert "Zoë" not in text(staff("view_workflowexecution", "view_stepexecution").get(page))
