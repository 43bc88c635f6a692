"""`${secrets.name}` in steps: whose they are, when they are refused, where they go."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import override_settings

from core.credentials import create_credential
from core.errors import KeyUnavailable
from core.models import Credential, Organisation, User
from core.organisations import create_organisation, personal_organisation
from engine.definition import InvalidDefinition
from engine.models import StepExecution, Workflow, WorkflowExecution
from engine.runner import run_steps
from engine.workflows import create_workflow, move_workflow, update_workflow
from tests.support.cast import work
from tests.support.web import Web, echo
from tests.support.workflows import definition, start, step

pytestmark = pytest.mark.usefixtures("calls_inside")

VALUE = "t0ken-canary-value"
BEARER = {"Authorization": "Bearer ${secrets.crm}"}


@pytest.fixture
def organisation(user: User) -> Organisation:
    return personal_organisation(user)


def keep(organisation: Organisation, name: str = "crm", host: str = "http://127.0.0.1:*") -> None:
    create_credential(organisation=organisation, name=name, value=VALUE, hosts=[host])


def http(web: Web, **config: Any) -> dict[str, Any]:
    return definition(
        step("call", step_type="HTTP", config={"url": web.url(), "headers": BEARER, **config})
    )


def only(run: WorkflowExecution) -> StepExecution:
    return StepExecution.objects.get(execution=run)


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({}, "headers.Authorization"),
        ({"headers": {}, "url": "https://a.example/?k=${secrets.crm}"}, "url"),
        ({"headers": {}, "query": {"k": ["x", "${secrets.crm}"]}}, "query.k[1]"),
        ({"headers": {}, "method": "POST", "json": {"a": ["${ secrets.crm }"]}}, "json.a[0]"),
        ({"headers": {}, "method": "POST", "text": "k=${secrets.crm}"}, "text"),
    ],
)
def test_unknown_when_saved(
    user: User, organisation: Organisation, web: Web, config: dict[str, Any], path: str
) -> None:
    document = http(web, **config)
    with pytest.raises(InvalidDefinition) as raised:
        create_workflow(document=document, owner=user)
    [problem] = raised.value.problems
    assert problem.path == f"steps[0].config.{path}"
    assert problem.message == "step 'call': the organisation has no secret 'crm'"
    keep(organisation)
    workflow = create_workflow(document=document, owner=user)
    other = json.loads(json.dumps(document).replace("secrets.crm", "secrets.other"))
    with pytest.raises(InvalidDefinition):
        update_workflow(workflow=workflow, document=other, user=user)
    assert Workflow.objects.get(id=workflow.id).latest == 1


def test_sent_and_named_ever_after(user: User, organisation: Organisation, web: Web) -> None:
    web.pages["/"] = echo
    keep(organisation)
    row = only(work(start(http(web), user=user)))
    assert web.received[0].headers["authorization"] == f"Bearer {VALUE}"
    assert row.status == "completed"
    assert row.output_data["body"]["headers"]["authorization"] == "Bearer [secret]"
    assert row.input_data["config"]["headers"] == BEARER
    assert Credential.objects.get().used_at is not None


def test_a_source_takes_secrets_too(user: User, organisation: Organisation, web: Web) -> None:
    web.pages["/"] = echo
    keep(organisation)
    config = {"source": "url", "url": web.url(), "format": "text", "headers": BEARER}
    row = only(
        work(start(definition(step("a", step_type="DATA_COLLECTION", config=config)), user=user))
    )
    assert web.received[0].headers["authorization"] == f"Bearer {VALUE}"
    assert VALUE not in row.output_data["text"]


def test_deleted_when_it_runs(user: User, organisation: Organisation, web: Web) -> None:
    keep(organisation)
    run = start(http(web), user=user)
    Credential.objects.all().delete()
    row = only(work(run))
    assert (row.status, row.error_code) == ("failed", "unknown_secret")
    assert row.error_message == "There is no secret 'crm' in the workflow's organisation."
    assert web.connections == 0


def test_replaced_while_it_waits_to_run(user: User, organisation: Organisation, web: Web) -> None:
    web.pages["/"] = echo
    keep(organisation)
    run = start(http(web), user=user)
    Credential.objects.all().delete()
    create_credential(
        organisation=organisation, name="crm", value="newer-value", hosts=["http://127.0.0.1:*"]
    )
    assert only(work(run)).status == "completed"
    assert web.received[0].headers["authorization"] == "Bearer newer-value"


def test_to_its_hosts_only(user: User, organisation: Organisation, web: Web) -> None:
    keep(organisation, host="api.example")
    row = only(work(start(http(web), user=user)))
    assert (row.status, row.error_code) == ("failed", "secret_refused")
    assert VALUE not in row.error_message
    assert web.connections == 0


def test_the_workflow_s_organisation_counts(user: User, web: Web) -> None:
    """Neither the caller's own secrets nor those of where the workflow was before."""
    web.pages["/"] = echo
    keep(personal_organisation(user))
    workflow = create_workflow(document=http(web), owner=user)
    team = create_organisation(name="Team", founder=user)
    moved = move_workflow(workflow=workflow, organisation=team, user=user)
    row = only(work(start(moved, user=user)))
    assert row.error_code == "unknown_secret"
    create_credential(
        organisation=team, name="crm", value="value-of-the-team", hosts=["http://127.0.0.1:*"]
    )
    assert only(work(start(moved, user=user))).status == "completed"
    assert web.received[0].headers["authorization"] == "Bearer value-of-the-team"


def test_inputs_name_no_secrets(user: User, organisation: Organisation, web: Web) -> None:
    web.pages["/"] = echo
    keep(organisation)
    document = http(web, headers={"X-A": "${inputs.text}", "X-B": "b ${inputs.text}"})
    row = only(work(start(document, user=user, data={"text": "${secrets.crm}"})))
    assert row.status == "completed"
    assert web.received[0].headers["x-a"] == "${secrets.crm}"
    assert web.received[0].headers["x-b"] == "b ${secrets.crm}"
    assert VALUE.encode() not in web.received[0].raw


@pytest.mark.parametrize("error", [KeyUnavailable(), OperationalError("gone")])
def test_a_key_or_database_that_is_away_only_delays(
    user: User,
    organisation: Organisation,
    web: Web,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    keep(organisation)

    def away(*_: Any) -> Any:
        raise error

    monkeypatch.setattr("core.credentials.find", away)
    monkeypatch.setattr("engine.credentials.connection.close", lambda: None)  # that of the test
    run = start(http(web), user=user)
    with override_settings(ENGINE_LEASE_SECONDS=86_400):
        run_steps(run.id, [0], None, trace={})
    row = only(run)
    assert (row.status, row.attempt) == ("ready", 1)
    assert row.due_at is not None
    assert web.connections == 0
