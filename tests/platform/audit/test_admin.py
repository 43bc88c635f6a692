"""Every page of the admin that changes something leaves a row, whoever wrote the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Group, Permission
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from django_celery_results.models import GroupResult, TaskResult
from model_bakery import baker

from ai.budgets.models import AIBudget, AIBudgetReservation
from ai.models import AIStepExecution
from analytics.models import WorkflowLearningData
from core.audit.models import AuditEntry, Outcome, Via
from core.credentials import create_credential
from core.invitations import invite
from core.models import AccessToken, Credential, Invitation, Organisation, Role, Scope, User
from core.organisations import create_organisation, personal_organisation
from core.tokens import issue_token
from engine.drafts import draft_version
from engine.models import (
    StepExecution,
    Workflow,
    WorkflowExecution,
    WorkflowSchedule,
    WorkflowVersion,
)
from engine.schedules import save_schedule
from engine.services import WorkflowEngine
from engine.workflows import create_workflow
from templates.models import WorkflowCategory, WorkflowTemplate
from tests.ai.budgets.payers import limit, payer, reserve
from tests.platform.audit.pages import filled
from tests.support.cast import SAMPLE, work
from tests.support.workflows import calls, definition, start, step

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse 1"  # pragma: allowlist secret - made up
USABLE = "usable_password"
Make = Callable[[User], Model]


def _schedule(user: User, **fields: Any) -> WorkflowSchedule:
    schedule = WorkflowSchedule(
        name="Nightly", workflow=_workflow(user), user=user, cron="0 3 * * *", context={}, **fields
    )
    save_schedule(schedule)
    return schedule


def _workflow(user: User) -> Workflow:
    return create_workflow(document=SAMPLE, owner=user)


def _run(user: User, state: str = "running") -> WorkflowExecution:
    if state == "failed":
        return work(start(definition(step("bad", **calls("tests.fail", message="no"))), user=user))
    run = start(_workflow(user), user=user)
    if state == "paused":
        assert WorkflowEngine().pause_workflow(run.id)
    return run


def _waiting_step(user: User) -> StepExecution:
    return StepExecution.objects.get(execution=work(_run(user)), step_id="ask")


def _template(user: User) -> WorkflowTemplate:
    baker.make(WorkflowCategory, name="samples")
    return baker.make(
        WorkflowTemplate, name="Sample", category="samples", template=SAMPLE, is_active=True
    )


def _task(user: User, **fields: Any) -> PeriodicTask:
    every = IntervalSchedule.objects.create(every=30, period="seconds")
    return PeriodicTask.objects.create(
        name=str(uuid4()), task="engine.expire_results", interval=every, **fields
    )


def _switched_off(user: User) -> PeriodicTask:
    return _task(user, enabled=False)


ENCODED = {"content_type": "application/json", "content_encoding": "utf-8"}


# How a row is made of each model that some page changes.
def _unconfirmed(user: User) -> AIBudgetReservation:
    reservation = reserve("0.01", payer(personal_organisation(user)))
    reservation.doubt()
    return AIBudgetReservation.objects.get(id=reservation.id)


ROWS: dict[type[Model], Make] = {
    Group: lambda user: Group.objects.create(name="Auditors"),
    User: lambda user: User.objects.create_user("ann"),
    Organisation: lambda user: Organisation.objects.get(personal_of=user),
    AccessToken: lambda user: issue_token(user=user, scope=Scope.READ)[0],
    Invitation: lambda user: invite(
        organisation=create_organisation(name="Team", founder=user),
        account=User.objects.create_user("bob").username,
        role=Role.VIEWER,
        by=user,
    ),
    Credential: lambda user: create_credential(
        organisation=personal_organisation(user), name="crm", value=PASSWORD, hosts=["a.example"]
    ),
    AccessAttempt: lambda user: AccessAttempt.objects.create(
        username="ann", user_agent="x", failures_since_start=1
    ),
    ClockedSchedule: lambda user: baker.make(ClockedSchedule),
    CrontabSchedule: lambda user: CrontabSchedule.objects.create(minute="1"),
    SolarSchedule: lambda user: SolarSchedule.objects.create(
        event="sunrise", latitude=1, longitude=2
    ),
    IntervalSchedule: lambda user: IntervalSchedule.objects.create(every=9, period="days"),
    PeriodicTask: _task,
    TaskResult: lambda user: TaskResult.objects.create(task_id="t", **ENCODED),
    GroupResult: lambda user: GroupResult.objects.create(group_id="g", **ENCODED),
    Workflow: _workflow,
    WorkflowSchedule: _schedule,
    WorkflowTemplate: _template,
    WorkflowCategory: lambda user: baker.make(WorkflowCategory, name="Reports"),
    WorkflowExecution: _run,
    StepExecution: _waiting_step,
    WorkflowVersion: lambda user: draft_version(
        workflow=_workflow(user), document=SAMPLE | {"description": "Better."}, user=user
    ),
    AIBudget: lambda user: limit("5", organisation=personal_organisation(user), by_operator=True),
}
# What is filled in where a row is added.
ADDED: dict[type[Model], Callable[[User], dict[str, Any]]] = {
    Group: lambda user: {"name": "New"},
    User: lambda user: {
        "username": "new", "password1": PASSWORD, "password2": PASSWORD,
    },
    Organisation: lambda user: {
        "name": "Team", "memberships-TOTAL_FORMS": "1", "memberships-0-user": str(user.pk),
        "memberships-0-role": "admin",
    },
    Credential: lambda user: {
        "organisation": str(personal_organisation(user).pk), "name": "crm", "secret": PASSWORD,
        "hosts": "a.example",
    },
    ClockedSchedule: lambda user: {"clocked_time_0": "2030-01-01", "clocked_time_1": "00:00:00"},
    CrontabSchedule: lambda user: {"minute": "2"},
    SolarSchedule: lambda user: {"event": "sunset", "latitude": "1", "longitude": "2"},
    IntervalSchedule: lambda user: {"every": "3", "period": "days"},
    TaskResult: lambda user: {"task_id": "new", **ENCODED},
    GroupResult: lambda user: {"group_id": "new", **ENCODED},
    PeriodicTask: lambda user: {
        "name": "new", "regtask": "engine.expire_results",
        "interval": str(IntervalSchedule.objects.create(every=3, period="days").pk),
    },
    Workflow: lambda user: {"definition": json.dumps(SAMPLE)},
    WorkflowSchedule: lambda user: {
        "name": "New", "workflow": str(_workflow(user).pk), "cron": "0 4 * * *", "context": "{}",
        "timezone": "UTC",
    },
    WorkflowTemplate: lambda user: {
        "name": "New", "category": baker.make(WorkflowCategory, name="new").name,
        "template": json.dumps(SAMPLE), "sample_input": "{}", "expected": "{}",
    },
    WorkflowCategory: lambda user: {"name": "New"},
    AIBudget: lambda user: {"scope": "run", "hard_limit_usd": "5"},
}  # fmt: skip
# Actions of lists: the state in which a run is fit for one, and the name under which it is told.
ACTIONS: dict[tuple[type[Model], str], tuple[Make | None, str]] = {
    (PeriodicTask, "enable_tasks"): (
        lambda u: _task(u, enabled=False),
        "periodictask.enable_tasks",
    ),
    (PeriodicTask, "disable_tasks"): (None, "periodictask.disable_tasks"),
    (PeriodicTask, "toggle_tasks"): (None, "periodictask.toggle_tasks"),
    (PeriodicTask, "run_tasks"): (None, "periodictask.run_tasks"),
    (WorkflowExecution, "pause"): (None, "execution.pause"),
    (WorkflowExecution, "resume"): (lambda user: _run(user, "paused"), "execution.resume"),
    (WorkflowExecution, "cancel"): (None, "execution.cancel"),
    (WorkflowExecution, "retry"): (lambda user: _run(user, "failed"), "execution.retry"),
    (WorkflowSchedule, "enable"): (lambda u: _schedule(u, enabled=False), "schedule.update"),
    (WorkflowSchedule, "disable"): (None, "schedule.update"),
    (WorkflowTemplate, "instantiate"): (None, "template.instantiate"),
    (AIBudgetReservation, "release"): (_unconfirmed, "ai_budget_reservation.released"),
    (AIBudgetReservation, "confirm"): (_unconfirmed, "ai_budget_reservation.settled"),
}
CONFIRMED = {"post": "yes", "confirmed": "yes"}
# Pages besides Django's own: what is posted to them, or None where they only show.
OTHER_PAGES: dict[str, tuple[dict[str, Any], str] | None] = {
    "auth_user_password_change": (
        {"password1": PASSWORD, "password2": PASSWORD, USABLE: "true"},
        "user.update",
    ),
    "workflow_engine_workflow_run": ({"context": "{}", "token": str(uuid4())}, "execution.start"),
    "workflow_engine_workflow_version": None,
    "workflow_engine_workflowexecution_events": None,
    "workflow_engine_workflowversion_publish": ({"against": "1"}, "workflow.publish_draft"),
    "workflow_engine_workflowversion_dismiss": ({}, "workflow.dismiss_draft"),
    "workflow_engine_workflowexecution_pause": (CONFIRMED, "execution.pause"),
    "workflow_engine_workflowexecution_resume": (CONFIRMED, "execution.resume"),
    "workflow_engine_workflowexecution_cancel": (CONFIRMED, "execution.cancel"),
    "workflow_engine_workflowexecution_retry": (CONFIRMED, "execution.retry"),
    "workflow_ai_aistepexecution_figures": None,
    "workflow_engine_stepexecution_answer": ({"choice": "yes"}, "step.answer"),
}
STATES = {
    "workflow_engine_workflowexecution_resume": "paused",
    "workflow_engine_workflowexecution_retry": "failed",
}


@pytest.fixture
def user() -> User:
    return User.objects.create_superuser("operator")


@pytest.fixture
def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def pages() -> list[ModelAdmin[Any]]:
    return list(admin.site._registry.values())


def request_of(user: User) -> Any:
    request = RequestFactory().get("/")
    request.user = user
    return request


def address(page: ModelAdmin[Any], name: str, *args: Any) -> str:
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_{name}", args=args)


def rows() -> list[AuditEntry]:
    """What was told, besides signing in."""
    return list(AuditEntry.objects.exclude(action__in=("session.open", "payload.read")))


def check(told: list[AuditEntry], action: str, user: User) -> None:
    assert [row.action for row in told] == [action]
    assert (told[0].user_id, told[0].via) == (user.id, Via.SESSION)
    assert told[0].outcome == Outcome.DONE


@pytest.mark.parametrize("page", pages(), ids=str)
def test_what_a_page_adds_is_told(page: ModelAdmin[Any], user: User, browser: Client) -> None:
    if not page.has_add_permission(request_of(user)):
        return
    assert page.model in ADDED, "say in ADDED what its form is filled in with"
    response = browser.get(address(page, "add"))
    values = filled(response, **ADDED[page.model](user))
    before = page.model._default_manager.count()
    response = browser.post(address(page, "add"), values)
    assert response.status_code == 302, response.context["errors"]
    assert page.model._default_manager.count() == before + 1
    check(rows(), f"{noun(page)}.create", user)


def noun(page: ModelAdmin[Any]) -> str:
    name = page.opts.model_name or ""
    return {"workflow": "workflow", "accesstoken": "token"}.get(name, name.removeprefix("workflow"))


@pytest.mark.parametrize("page", pages(), ids=str)
def test_what_a_page_changes_is_told(page: ModelAdmin[Any], user: User, browser: Client) -> None:
    if not page.has_change_permission(request_of(user)):
        return
    assert page.model in ROWS, "say in ROWS how one is made"
    row = ROWS[page.model](user)
    where = address(page, "change", row.pk)
    response = browser.post(where, filled(browser.get(where)))
    assert response.status_code == 302, response.context["errors"]
    check(rows(), f"{noun(page)}.update", user)
    assert rows()[0].object_id == str(row.pk)


@pytest.mark.parametrize("page", pages(), ids=str)
@pytest.mark.parametrize("way", ["page", "list"])
def test_what_a_page_deletes_is_told(
    page: ModelAdmin[Any], way: str, user: User, browser: Client
) -> None:
    if not page.has_delete_permission(request_of(user)):
        return
    assert page.model in ROWS, "say in ROWS how one is made"
    row = ROWS[page.model](user)
    if not page.has_delete_permission(request_of(user), row):
        row = baker.make(Organisation)
    if way == "page":
        response = browser.post(address(page, "delete", row.pk), {"post": "yes"})
    else:
        values = {"action": "delete_selected", ACTION_CHECKBOX_NAME: [str(row.pk)], "post": "yes"}
        response = browser.post(address(page, "changelist"), values)
    assert response.status_code == 302
    assert not page.model._default_manager.filter(pk=row.pk).exists()
    check(rows(), f"{noun(page)}.delete", user)


@pytest.mark.parametrize("page", pages(), ids=str)
def test_actions_of_lists_are_told(page: ModelAdmin[Any], user: User, browser: Client) -> None:
    for name in set(page.get_actions(request_of(user))) - {"delete_selected"}:
        assert (page.model, name) in ACTIONS, "say in ACTIONS under which name it is told"
        make, action = ACTIONS[page.model, name]
        row = (make or ROWS[page.model])(user)
        known = {entry.pk for entry in AuditEntry.objects.all()}
        values = {"action": name, ACTION_CHECKBOX_NAME: [str(row.pk)], **CONFIRMED}
        assert browser.post(address(page, "changelist"), values).status_code == 302
        check([entry for entry in rows() if entry.pk not in known], action, user)


def other_pages() -> list[tuple[ModelAdmin[Any], str]]:
    usual = ("add", "autocomplete", "changelist", "change", "delete", "history")
    return [
        (page, url.name)
        for page in pages()
        for url in page.get_urls()
        if url.name
        and url.name not in {f"{page.opts.app_label}_{page.opts.model_name}_{n}" for n in usual}
    ]


@pytest.mark.parametrize(("page", "name"), other_pages(), ids=str)
def test_other_pages_are_told(
    page: ModelAdmin[Any], name: str, user: User, browser: Client
) -> None:
    assert name in OTHER_PAGES, "say in OTHER_PAGES what it changes, if anything"
    found = OTHER_PAGES[name]
    if found is None:
        return
    values, action = found
    row = _run(user, STATES[name]) if name in STATES else ROWS[page.model](user)
    assert browser.post(reverse(f"admin:{name}", args=[row.pk]), values).status_code == 302
    check(rows(), action, user)


def test_a_question_is_not_told(user: User, browser: Client) -> None:
    page = admin.site._registry[WorkflowExecution]
    values = {"action": "cancel", ACTION_CHECKBOX_NAME: [str(_run(user).pk)]}
    assert browser.post(address(page, "changelist"), values).status_code == 200
    assert rows() == []


def test_what_changed_is_told_without_what_it_holds(user: User, browser: Client) -> None:
    ann = User.objects.create_user("ann")
    where = reverse("admin:workflow_core_user_change", args=[ann.pk])
    permission = Permission.objects.order_by("pk")[0]
    changes = {"email": "ann@example.org", "user_permissions": [str(permission.pk)]}
    assert browser.post(where, filled(browser.get(where), **changes)).status_code == 302
    [row] = rows()
    assert row.details == {
        "changes": [{"what": "changed", "fields": ["Email address", "User permissions"]}]
    }


def reading(browser: Client, row: Model) -> list[str]:
    """Opens a row's page; what the log tells of it."""
    opts = row._meta
    where = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])
    assert browser.get(where).status_code == 200
    told = AuditEntry.objects.filter(action="payload.read", object_id=str(row.pk))
    return [name for entry in told for name in entry.details["fields"]]


def test_what_operators_read_is_told(user: User, browser: Client) -> None:
    run = work(_run(user))
    asked = StepExecution.objects.get(execution=run, step_id="ask")
    assert set(reading(browser, run)) >= {"context", "results"}
    assert set(reading(browser, asked)) >= {"input_data", "output_data"}
    assert reading(browser, _schedule(user)) == ["context"]
    feedback = baker.make(WorkflowLearningData, execution=run, user=user, user_feedback={"x": 1})
    assert "user_feedback" in reading(browser, feedback)
    call = AIStepExecution.objects.create(
        step_execution=asked, ai_model="m", prompt="p", response="r", provider="offline"
    )
    assert set(reading(browser, call)) >= {"prompt", "response"}


def test_who_may_not_read_reads_nothing(user: User) -> None:
    run = work(_run(user))
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(
        Permission.objects.filter(codename__in=["view_workflowexecution", "view_stepexecution"])
    )
    browser = Client()
    browser.force_login(clerk)
    assert reading(browser, run) == []
    assert reading(browser, StepExecution.objects.get(execution=run, step_id="ask")) == []
