"""The fixed cast of the API's tests: who asks, and whose workflows these are.

`owner` is the admin of an organisation, the team, and owns a shared and a private workflow there;
`team_mate`, an editor, has run the shared one. `outsider` and `operator`, who is staff, are in no
organisation but their own, `anonymous` has not signed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from core.models import Organisation, Role, Scope, User
from core.organisations import add_member, create_organisation
from core.tokens import issue_token
from engine.models import StepExecution, StepStatus, Workflow, WorkflowExecution
from engine.runner import run_steps
from engine.workflows import create_workflow
from tests.support.workflows import definition, start, step

ASK: dict[str, Any] = {
    "id": "ask",
    "name": "Ask",
    "step_type": "DECISION",
    "dependencies": ["first"],
    "config": {
        "title": "Go on?",
        "choices": [{"value": "yes", "then": ["last"]}, {"value": "no", "then": []}],
    },
}
SAMPLE = definition(
    step("first"),
    ASK,
    step("last", "ask"),
    name="Sample",
    category="samples",
    inputs={"type": "object", "properties": {"amount": {"type": "number"}}},
)
"""Runs `first`, waits for a person at `ask`, then runs `last`. Takes a number `amount`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One of the cast, and a client that is signed in by a token of theirs."""

    user: User
    api: APIClient


@dataclass(frozen=True, kw_only=True, slots=True)
class Cast:
    """Everybody, their organisation, and the owner's two workflows there."""

    owner: Member
    team_mate: Member
    outsider: Member
    operator: Member
    anonymous: APIClient
    team: Organisation
    shared: Workflow
    private: Workflow

    def client(self, name: str) -> APIClient:
        """The client of a role by its name."""
        who: Member | APIClient = getattr(self, name)
        return who.api if isinstance(who, Member) else who


def member(username: str, **fields: Any) -> Member:
    """A new user, signed in."""
    user = User.objects.create_user(username, **fields)
    _, token = issue_token(user=user, scope=Scope.ADMIN)
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return Member(user=user, api=api)


@pytest.fixture
def cast(db: None) -> Cast:
    owner, team_mate = member("owner"), member("team_mate")
    team = create_organisation(name="Team", founder=owner.user)
    add_member(organisation=team, user=team_mate.user, role=Role.EDITOR)
    private = SAMPLE | {"name": "Private"}
    return Cast(
        owner=owner,
        team_mate=team_mate,
        outsider=member("outsider"),
        operator=member("operator", is_staff=True),
        anonymous=APIClient(),
        team=team,
        shared=create_workflow(
            document=SAMPLE, owner=owner.user, organisation=team, is_shared=True
        ),
        private=create_workflow(document=private, owner=owner.user, organisation=team),
    )


@pytest.fixture
def team_run(cast: Cast) -> WorkflowExecution:
    """The team mate's run of the shared workflow; nothing of it has been worked on."""
    return start(cast.shared, user=cast.team_mate.user, data={"amount": 5})


def work(run: WorkflowExecution) -> WorkflowExecution:
    """Does in this process what workers would do, until nothing is ready any more."""
    ready = StepExecution.objects.filter(execution=run, status=StepStatus.READY)
    # Nothing to renew: the lease keeper's thread would open a connection and never close it.
    with override_settings(ENGINE_LEASE_SECONDS=86_400):
        while positions := list(ready.order_by("position").values_list("position", flat=True)):
            run_steps(run.id, positions, None, trace={})
    run.refresh_from_db()
    return run
