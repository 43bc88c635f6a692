"""Every operation of the API that changes something leaves a row, and so does every reading of
somebody else's payload.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from model_bakery import baker

from ai.budgets.limits import create_budget
from core.audit.models import AuditEntry, Outcome, Via
from core.credentials import create_credential
from core.invitations import invite
from core.models import Organisation, Role, Scope, User
from core.organisations import create_organisation, personal_organisation
from core.tokens import issue_token
from engine.drafts import draft_version
from engine.models import WorkflowExecution, WorkflowSchedule
from engine.schedules import save_schedule
from engine.services import WorkflowEngine
from engine.workflows import create_workflow
from templates.models import WorkflowTemplate
from tests.support.cast import SAMPLE, Cast, work
from tests.support.workflows import calls, definition, start, step

DOCUMENT = json.loads((Path(__file__).resolve().parents[3] / "docs/openapi.json").read_text())
# They answer, and keep nothing of what they are sent.
PURE = {"POST /workflows/validate", "POST /workflows/plan"}

PASSWORD = "correct horse"  # pragma: allowlist secret - made up
Response = Any  # of the test's client
Call = Callable[["World"], Response]


class World:
    """The cast and what its owner has; `path` fills in the ids of an address."""

    def __init__(self, cast: Cast) -> None:
        self.cast, self.api, self.owner = cast, cast.owner.api, cast.owner.user

    def run(self, state: str = "running") -> WorkflowExecution:
        """A run of the owner's in this state."""
        if state == "failed":
            document: Any = definition(step("bad", **calls("tests.fail", message="no")))
            return work(start(document, user=self.owner))
        if state == "completed":
            return work(start(definition(step("only")), user=self.owner))
        run = start(self.cast.shared, user=self.owner, data={"amount": 5})
        if state == "waiting":
            return work(run)
        if state == "paused":
            assert WorkflowEngine().pause_workflow(run.id)
        return run

    def schedule(self) -> WorkflowSchedule:
        schedule = WorkflowSchedule(
            name="Nightly", workflow=self.cast.shared, user=self.owner, cron="0 3 * * *", context={}
        )
        save_schedule(schedule)
        return schedule

    def template(self) -> WorkflowTemplate:
        return baker.make(
            WorkflowTemplate, name="Sample", category="samples", template=SAMPLE, is_active=True
        )

    def send(self, method: str, path: str, body: Any = None) -> Response:
        return self.api.generic(
            method, f"/api/v1{path}", json.dumps(body or {}), content_type="application/json"
        )


def _mate(world: World) -> str:
    return f"/organisations/{world.cast.team.id}/members/{world.cast.team_mate.user.id}"


def _invitation(
    world: World, user: User, organisation: Organisation | None = None, by: User | None = None
) -> str:
    organisation = organisation or world.cast.team
    by = by or world.owner
    made = invite(organisation=organisation, account=user.username, role=Role.RUNNER, by=by)
    return f"/organisations/{organisation.id}/invitations/{made.id}"


def _own_invitation(world: World) -> str:
    other = create_organisation(name="Other", founder=world.cast.outsider.user)
    made = _invitation(world, world.owner, other, world.cast.outsider.user)
    return "/invitations/" + made.rpartition("/")[2]


def _workflow(world: World, method: str, body: Any = None) -> Response:
    return world.send(method, f"/workflows/{world.cast.private.id}", body)


def _steer(verb: str, state: str = "running") -> Call:
    return lambda w: w.send("POST", f"/executions/{w.run(state).id}/{verb}")


def _steer_by_workflow(verb: str, state: str = "running") -> Call:
    def call(world: World) -> Response:
        body = {"execution_id": str(world.run(state).id)}
        return world.send("POST", f"/workflows/{world.cast.shared.id}/{verb}", body)

    return call


def _sign_in(world: World, path: str = "/auth/token") -> Response:
    world.owner.set_password(PASSWORD)
    world.owner.save()
    world.api.credentials()
    body = {"username": world.owner.username, "password": PASSWORD}
    return world.send("POST", path, body)


def _sign_out(world: World) -> Response:
    world.api.credentials()
    world.api.force_login(world.owner)
    return world.send("DELETE", "/auth/session")


def _revoke(world: World) -> Response:
    token, _ = issue_token(user=world.owner, scope=Scope.READ)
    return world.send("DELETE", f"/auth/tokens/{token.id}")


def _rate(world: World) -> Response:
    run = world.run("completed")
    body = {"execution_id": str(run.id), "rating": 5, "comment": "good"}
    return world.send("POST", f"/workflows/{run.workflow_id}/feedback", body)


def _credential(world: World) -> str:
    made = create_credential(
        organisation=personal_organisation(world.owner),
        name="crm",
        value=NEW_CREDENTIAL["value"],
        hosts=NEW_CREDENTIAL["hosts"],
    )
    return f"/credentials/{made.id}"


def _optimize(world: World) -> Response:
    config = {"config": {"output": {"x": "1"}}, "retry": {"max_attempts": 2}}
    document = definition(step("a", step_type="TRANSFORM", **config))
    workflow = create_workflow(document=document, owner=world.owner)
    body = {"workflow_id": str(workflow.id), "apply": ["useless_retry:a"]}
    return world.send("POST", "/ai/workflows/optimize", body)


def _draft(world: World) -> str:
    workflow = world.cast.shared
    draft = draft_version(workflow=workflow, document=SAMPLE, user=world.owner)
    return f"/workflows/{workflow.id}/versions/{draft.number}"


def _budget(world: World) -> str:
    made = create_budget(
        organisation=personal_organisation(world.owner), scope="user", hard_limit_usd=Decimal(5)
    )
    return f"/ai/budgets/{made.id}"


WANTED = {"requirements": "Read the amount of an invoice; above 1000 euros a manager approves it."}
NEW_CREDENTIAL: dict[str, Any] = {
    "name": "crm",
    "value": "12345678",  # pragma: allowlist secret - made up
    "hosts": ["crm.example"],
}
NEW_SCHEDULE = {"name": "Nightly", "cron": "0 3 * * *"}
CALLS: dict[str, tuple[str, Call]] = {
    "POST /auth/session": ("session.open", lambda w: _sign_in(w, "/auth/session")),
    "DELETE /auth/session": ("session.close", _sign_out),
    "POST /auth/tokens": ("token.create", lambda w: w.send("POST", "/auth/tokens")),
    "DELETE /auth/tokens/{token_id}": ("token.revoke", _revoke),
    "POST /credentials": (
        "credential.create",
        lambda w: w.send("POST", "/credentials", NEW_CREDENTIAL),
    ),
    "PATCH /credentials/{credential_id}": (
        "credential.update",
        lambda w: w.send("PATCH", _credential(w), {"description": "New"}),
    ),
    "DELETE /credentials/{credential_id}": (
        "credential.delete",
        lambda w: w.send("DELETE", _credential(w)),
    ),
    "POST /ai/budgets": (
        "ai_budget.create",
        lambda w: w.send("POST", "/ai/budgets", {"scope": "run", "hard_limit_usd": "5"}),
    ),
    "PATCH /ai/budgets/{budget_id}": (
        "ai_budget.update",
        lambda w: w.send("PATCH", _budget(w), {"hard_limit_usd": "6"}),
    ),
    "DELETE /ai/budgets/{budget_id}": (
        "ai_budget.delete",
        lambda w: w.send("DELETE", _budget(w)),
    ),
    "POST /organisations": (
        "organisation.create",
        lambda w: w.send("POST", "/organisations", {"name": "New"}),
    ),
    "PATCH /organisations/{organisation_id}": (
        "organisation.rename",
        lambda w: w.send("PATCH", f"/organisations/{w.cast.team.id}", {"name": "New"}),
    ),
    "POST /organisations/{organisation_id}/invitations": (
        "invitation.create",
        lambda w: w.send(
            "POST", f"/organisations/{w.cast.team.id}/invitations", {"account": "outsider"}
        ),
    ),
    "DELETE /organisations/{organisation_id}/invitations/{invitation_id}": (
        "invitation.withdraw",
        lambda w: w.send("DELETE", _invitation(w, w.cast.outsider.user)),
    ),
    "POST /invitations/{invitation_id}/accept": (
        "invitation.accept",
        lambda w: w.send("POST", f"{_own_invitation(w)}/accept"),
    ),
    "POST /invitations/{invitation_id}/decline": (
        "invitation.decline",
        lambda w: w.send("POST", f"{_own_invitation(w)}/decline"),
    ),
    "PATCH /organisations/{organisation_id}/members/{user_id}": (
        "member.change",
        lambda w: w.send("PATCH", _mate(w), {"role": "viewer"}),
    ),
    "DELETE /organisations/{organisation_id}/members/{user_id}": (
        "member.remove",
        lambda w: w.send("DELETE", _mate(w)),
    ),
    "POST /auth/token": ("token.create", _sign_in),
    "DELETE /auth/token": ("token.revoke", lambda w: w.send("DELETE", "/auth/token")),
    "POST /executions/{execution_id}/pause": ("execution.pause", _steer("pause")),
    "POST /executions/{execution_id}/resume": ("execution.resume", _steer("resume", "paused")),
    "POST /executions/{execution_id}/cancel": ("execution.cancel", _steer("cancel")),
    "POST /executions/{execution_id}/retry": ("execution.retry", _steer("retry", "failed")),
    "POST /executions/{execution_id}/steps/{step_id}/answer": (
        "step.answer",
        lambda w: w.send(
            "POST",
            f"/executions/{w.run('waiting').id}/steps/ask/answer",
            {"answer": {"choice": "yes"}},
        ),
    ),
    "POST /schedules": (
        "schedule.create",
        lambda w: w.send("POST", "/schedules", NEW_SCHEDULE | {"workflow": str(w.cast.shared.id)}),
    ),
    "PATCH /schedules/{schedule_id}": (
        "schedule.update",
        lambda w: w.send("PATCH", f"/schedules/{w.schedule().id}", {"enabled": False}),
    ),
    "DELETE /schedules/{schedule_id}": (
        "schedule.delete",
        lambda w: w.send("DELETE", f"/schedules/{w.schedule().id}"),
    ),
    "POST /workflows": (
        "workflow.create",
        lambda w: w.send("POST", "/workflows", {"definition": SAMPLE}),
    ),
    "PUT /workflows/{workflow_id}": (
        "workflow.update",
        lambda w: _workflow(w, "PUT", {"definition": SAMPLE | {"name": "New"}}),
    ),
    "PATCH /workflows/{workflow_id}": (
        "workflow.update",
        lambda w: _workflow(w, "PATCH", {"is_shared": True}),
    ),
    "DELETE /workflows/{workflow_id}": ("workflow.delete", lambda w: _workflow(w, "DELETE")),
    "POST /workflows/{workflow_id}/execute": (
        "execution.start",
        lambda w: w.send("POST", f"/workflows/{w.cast.shared.id}/execute"),
    ),
    "POST /workflows/{workflow_id}/pause": ("execution.pause", _steer_by_workflow("pause")),
    "POST /workflows/{workflow_id}/resume": (
        "execution.resume",
        _steer_by_workflow("resume", "paused"),
    ),
    "POST /workflows/{workflow_id}/cancel": ("execution.cancel", _steer_by_workflow("cancel")),
    "POST /workflows/{workflow_id}/feedback": ("feedback.submit", _rate),
    "POST /workflows/templates/{template_id}/instantiate": (
        "template.instantiate",
        lambda w: w.send("POST", f"/workflows/templates/{w.template().id}/instantiate"),
    ),
    "POST /workflows/generate": (
        "workflow.generate",
        lambda w: w.send("POST", "/workflows/generate", WANTED),
    ),
    "POST /ai/workflows/generate": (
        "workflow.generate",
        lambda w: w.send("POST", "/ai/workflows/generate", WANTED),
    ),
    "POST /workflows/{workflow_id}/versions/{number}/publish": (
        "workflow.publish_draft",
        lambda w: w.send("POST", f"{_draft(w)}/publish", {"against": 1}),
    ),
    "POST /workflows/{workflow_id}/versions/{number}/dismiss": (
        "workflow.dismiss_draft",
        lambda w: w.send("POST", f"{_draft(w)}/dismiss"),
    ),
    "POST /ai/workflows/optimize": ("workflow.optimize", _optimize),
    "POST /ai/steps/execute": (
        "ai_step.try",
        lambda w: w.send("POST", "/ai/steps/execute", {"prompt": "Hello."}),
    ),
}


def unsafe_operations() -> list[str]:
    return [
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method in ("post", "put", "patch", "delete")
    ]


@pytest.fixture
def world(cast: Cast, fresh_counts: None) -> World:
    return World(cast)


@pytest.mark.parametrize("operation", unsafe_operations())
def test_every_change_is_told(operation: str, world: World) -> None:
    if operation in PURE:
        return
    assert operation in CALLS, "say here how it is called, and under which name it is told"
    action, call = CALLS[operation]
    response = call(world)
    assert response.status_code < 300, response.content
    rows = list(AuditEntry.objects.order_by("-id"))
    # A session may have had to be opened before.
    assert [row.action for row in rows if row.action != "session.open"] == (
        [] if action == "session.open" else [action]
    )
    row = rows[0]
    assert row.outcome == Outcome.DONE
    assert row.user_id == world.owner.id
    assert row.username == world.owner.username
    assert row.object_kind
    assert row.object_id
    assert row.address == "127.0.0.1"
    assert row.request_id == response["X-Request-ID"]


def test_the_table_holds_no_operation_that_is_gone() -> None:
    assert (set(CALLS) | PURE) - set(unsafe_operations()) == set()


@pytest.mark.django_db
def test_details_hold_no_payload(world: World) -> None:
    secret = "s3cr3t-canary"  # pragma: allowlist secret - made up
    body = {"context": {"data": {"text": secret}, "metadata": {"text": secret}}}
    assert world.send("POST", f"/workflows/{world.cast.shared.id}/execute", body).status_code == 202
    answer = {"answer": {"choice": "yes", "comment": secret}}
    run = world.run("waiting")
    assert world.send("POST", f"/executions/{run.id}/steps/ask/answer", answer).status_code == 200
    assert secret not in "".join(str(vars(row)) for row in AuditEntry.objects.all())


@pytest.mark.parametrize("verb", ["resume", "retry"])
def test_what_the_state_forbids_is_told_as_refused(verb: str, world: World) -> None:
    assert _steer(verb)(world).json() == {"success": False}
    row = AuditEntry.objects.get()
    assert (row.action, row.outcome) == (f"execution.{verb}", Outcome.REFUSED)


def test_a_conflict_is_told_as_refused(world: World) -> None:
    world.run()
    response = world.send("DELETE", f"/workflows/{world.cast.shared.id}")
    assert response.status_code == 409
    row = AuditEntry.objects.get()
    assert (row.action, row.outcome) == ("workflow.delete", Outcome.REFUSED)
    assert row.details == {"error": "definition_in_use"}


@pytest.mark.parametrize("body", [{}, {"definition": {}}, {"definition": SAMPLE, "more": 1}])
def test_wrong_input_leaves_no_row(body: Any, world: World) -> None:
    assert world.send("POST", "/workflows", body).status_code == 400
    assert not AuditEntry.objects.exists()


READINGS = {
    "/executions/{}": "context",
    "/executions/{}/steps": "input_data",
    "/executions/{}/steps/ask": "waiting_data",
}


@pytest.mark.parametrize("path", READINGS)
def test_reading_somebody_elses_payload_is_told(path: str, world: World) -> None:
    run = work(start(world.cast.shared, user=world.cast.team_mate.user, data={"amount": 5}))
    address = f"/api/v1{path.format(run.id)}"
    assert world.cast.team_mate.api.get(address).status_code == 200
    assert not AuditEntry.objects.exists(), "their own"
    assert world.cast.outsider.api.get(address).status_code == 404
    assert not AuditEntry.objects.exists(), "nothing was read"
    assert world.api.get(address).status_code == 200
    row = AuditEntry.objects.get()
    assert (row.action, row.user_id, row.via) == ("payload.read", world.owner.id, Via.TOKEN)
    assert READINGS[path] in row.details["fields"]


def test_no_payload_is_read_by_looking_at_lists(world: World) -> None:
    run = work(start(world.cast.shared, user=world.cast.team_mate.user, data={"amount": 5}))
    for path in ("/executions", f"/executions/{run.id}/events", f"/executions/{run.id}/waiting"):
        assert world.api.get(f"/api/v1{path}").status_code == 200
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_signing_in_and_out_is_told() -> None:
    user = User.objects.create_user("ann", password=PASSWORD)
    browser = Client()
    assert browser.login(username="ann", password=PASSWORD)
    browser.logout()
    assert not browser.login(username="ann", password="wrong")  # pragma: allowlist secret - made up
    assert not browser.login(username=PASSWORD, password=user.username)
    rows = list(AuditEntry.objects.order_by("id"))
    assert [(row.action, row.outcome) for row in rows] == [
        ("session.open", Outcome.DONE),
        ("session.close", Outcome.DONE),
        ("session.open", Outcome.REFUSED),
        ("session.open", Outcome.REFUSED),
    ]
    assert [row.object_id for row in rows] == [str(user.id)] * 3 + [""]
    assert rows[3].details == {"account": "unknown"}
    assert "horse" not in "".join(str(vars(row)) for row in rows)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "kept"), [("trace-1.a_B", True), ("x" * 65, False), ("a b", False), ("ä", False)]
)
def test_a_proxys_request_id_is_kept_where_it_is_one(given: str, kept: bool) -> None:
    response = Client().get("/health/live", headers={"X-Request-ID": given})
    assert (response["X-Request-ID"] == given) is kept
    assert response["X-Request-ID"]
