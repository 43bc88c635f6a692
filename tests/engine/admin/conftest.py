"""The operators of the admin's tests, and runs in the states that they look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from core.models import User
from engine.drafts import draft_version
from engine.models import (
    StepExecution,
    Workflow,
    WorkflowExecution,
    WorkflowSchedule,
    WorkflowVersion,
)
from engine.schedules import save_schedule
from engine.workflows import create_workflow
from tests.support.cast import ASK, work
from tests.support.workflows import calls, definition, start, step

SCRIPT = "<script>alert(1)</script>"
PLAIN = "the-plain-secret"
INPUTS = {
    "type": "object",
    "properties": {"amount": {"type": "number", "default": 5}, "secret": {"type": "string"}},
    "required": ["amount"],
}
ASKS = definition(
    step("first"),
    {**ASK, "config": {**ASK["config"], "title": f"Go on? {SCRIPT}", "details": {SCRIPT: SCRIPT}}},
    step("last", "ask"),
    name=f"Asks {SCRIPT}",
    description=SCRIPT,
    inputs=INPUTS,
)
"""Runs `first`, then waits for a person at `ask`."""
FAILS = definition(
    step("good", name=SCRIPT, **calls("tests.echo", value=SCRIPT)),
    step("bad", "good", **calls("tests.fail", message=f"no account {SCRIPT}")),
    step("rest", "bad"),
    name="Fails",
)

Staff = Callable[..., Client]


def url(model: str, page: str, *args: Any) -> str:
    """The address of a page of the engine's admin."""
    return reverse(f"admin:workflow_engine_{model}_{page}", args=args)


def text(response: Any) -> str:
    """The page."""
    assert response.status_code == 200, response.status_code
    content: str = response.content.decode()
    return content


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("operator")


@pytest.fixture
def admin_client(operator: User) -> Client:
    """A browser in which the operator has signed in."""
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def staff(db: None) -> Staff:
    """Makes a browser of a member of staff with these permissions and no other."""

    def make(*codenames: str) -> Client:
        member = User.objects.create_user(f"staff{User.objects.count()}", is_staff=True)
        found = Permission.objects.filter(
            content_type__app_label="workflow_engine", codename__in=codenames
        )
        assert len(found) == len(codenames)
        member.user_permissions.set(found)
        client = Client()
        client.force_login(member)
        return client

    return make


@pytest.fixture
def workflow(operator: User) -> Workflow:
    return create_workflow(document=ASKS, owner=operator)


@pytest.fixture
def waiting_run(workflow: Workflow, operator: User) -> WorkflowExecution:
    data = {"amount": 5, "secret": PLAIN}
    return work(start(workflow, user=operator, data=data))


@pytest.fixture
def waiting_step(waiting_run: WorkflowExecution) -> StepExecution:
    return waiting_run.steps.get(step_id="ask")


@pytest.fixture
def failed_run(operator: User) -> WorkflowExecution:
    return work(start(FAILS, user=operator))


@pytest.fixture
def schedule(workflow: Workflow, operator: User) -> WorkflowSchedule:
    made = WorkflowSchedule(
        name=f"Morning {SCRIPT}",
        workflow=workflow,
        user=operator,
        cron="30 6 * * 1-5",
        timezone="Europe/Berlin",
        context={"amount": 1, "secret": PLAIN},
    )
    save_schedule(made)
    return made


@pytest.fixture
def draft(workflow: Workflow, operator: User) -> WorkflowVersion:
    steps = [{**step, "name": SCRIPT} for step in ASKS["steps"]]
    return draft_version(
        workflow=workflow,
        document={**ASKS, "steps": steps},
        user=operator,
        explanation=[{"title": SCRIPT, "evidence": ["Nobody waits."], "caveats": ["Once."]}],
    )
