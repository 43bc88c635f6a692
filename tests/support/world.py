"""Two organisations with real objects, and somebody of every role: what `docs/access.md` tells of.

Made once for a module, in a transaction round those of its tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from ai.budgets.limits import create_budget
from core.credentials import create_credential
from core.invitations import invite
from core.models import Organisation, Role, Scope, User
from core.organisations import add_member, create_organisation
from core.tokens import issue_token
from engine.drafts import draft_version
from engine.models import WorkflowExecution, WorkflowSchedule
from engine.schedules import save_schedule
from engine.services import WorkflowEngine
from engine.workflows import create_workflow
from templates.models import WorkflowTemplate
from templates.services import load_catalogue
from tests.support.cast import SAMPLE, member, work
from tests.support.workflows import start

ROLES = ("anonymous", "outsider", "viewer", "runner", "editor", "admin", "other admin")
PASSWORD = "correct horse battery staple"  # pragma: allowlist secret - made up
Names = dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """A client for every role, and the ids of one organisation's objects and of the other's."""

    clients: dict[str, APIClient]
    ours: Names
    theirs: Names

    def ask(self, role: str, method: str, path: str, body: Any = None) -> Any:
        """The answer to a request of this role."""
        sent = "" if body is None else json.dumps(body)
        return self.clients[role].generic(method, path, sent, content_type="application/json")

    def token(self, role: str) -> str:
        """What signs requests of this role in: the header `Authorization`."""
        header: str = self.clients[role]._credentials["HTTP_AUTHORIZATION"]  # type: ignore[attr-defined]
        return header

    def another_token(self, role: str) -> str:
        """A second token of the same account, as a header."""
        user = User.objects.get(username=role.replace(" ", "_"))
        _, text = issue_token(user=user, scope=Scope.ADMIN)
        return f"Token {text}"


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


def make_world() -> World:
    """Makes everything, in the database as it is."""
    clients = {"anonymous": APIClient()}
    users: dict[str, User] = {}
    for role in ROLES[1:]:
        found = member(role.replace(" ", "_"))
        clients[role], users[role] = found.api, found.user
    users["viewer"].set_password(PASSWORD)
    users["viewer"].save()
    ours = create_organisation(name="Ours", founder=users["admin"])
    for small in ("viewer", "runner", "editor"):
        add_member(organisation=ours, user=users[small], role=Role(small))
    theirs = create_organisation(name="Theirs", founder=users["other admin"])
    load_catalogue()
    return World(
        clients=clients,
        ours=_objects(ours, users["admin"], invited=users["outsider"]),
        theirs=_objects(theirs, users["other admin"], invited=users["outsider"]),
    )


def _objects(organisation: Organisation, owner: User, *, invited: User) -> Names:
    """Name of a parameter or field -> an id that it may have, all of this organisation."""
    extra = User.objects.create_user(f"extra_{organisation.name}")
    User.objects.create_user(f"new_{organisation.name}")
    add_member(organisation=organisation, user=extra, role=Role.VIEWER)
    made = [
        create_workflow(document=SAMPLE, owner=owner, organisation=organisation, is_shared=True)
        for _ in range(2)
    ]
    waiting, ended = (work(start(made[0], user=owner, data={"amount": 5})) for _ in range(2))
    WorkflowEngine().cancel_workflow(ended.id)
    schedule = WorkflowSchedule(
        name="Hourly", workflow=made[0], user=owner, context={"amount": 1}, interval_seconds=3600
    )
    save_schedule(schedule)
    draft = draft_version(workflow=made[0], document=SAMPLE, user=owner)
    credential = create_credential(
        organisation=organisation, name="crm", value="0123456789", hosts=["crm.example"]
    )
    budget = create_budget(organisation=organisation, scope="run", hard_limit_usd=Decimal(5))
    invitation = invite(
        organisation=organisation, account=invited.username, role=Role.ADMIN, by=owner
    )
    ids: dict[str, UUID | str | int] = {
        "budget_id": budget.id,
        "invitation_id": invitation.id,
        "organisation_id": organisation.id,
        "organisation": organisation.id,
        "credential_id": credential.id,
        "user_id": extra.id,
        "user": extra.id,
        "account": f"new_{organisation.name}",
        "workflow_id": made[0].id,
        "workflow": made[0].id,
        "unused_workflow": made[1].id,
        "number": 1,
        "draft_number": draft.number,
        "execution_id": waiting.id,
        "ended_execution": WorkflowExecution.objects.get(id=ended.id).id,
        "step_id": "ask",
        "schedule_id": schedule.id,
        "token_id": owner.tokens.get().id,
        "template_id": WorkflowTemplate.objects.get(key="invoice-approval").id,
    }
    return {name: str(value) for name, value in ids.items()}
