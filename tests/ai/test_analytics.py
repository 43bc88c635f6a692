"""Figures of AI calls: what is not known is never 0, and nobody sees others' calls."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from model_bakery import baker

from ai.models import AIStepExecution
from core.models import User
from core.organisations import personal_organisation
from engine.models import Workflow
from tests.support.cast import Cast

pytestmark = pytest.mark.usefixtures("fresh_counts")


def call(
    workflow: Workflow | None, user: User, *, cost: str | None = "0.01", **fields: Any
) -> AIStepExecution:
    organisation = workflow.organisation if workflow else personal_organisation(user)
    values = {
        "ai_model": "gpt-4o-mini",
        "provider": "openai",
        "agent_type": "step",
        "prompt": "p",
        "response": "r",
        "tokens_used": 15,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "execution_time_ms": 1000,
        **fields,
    }
    exact = None if cost is None else Decimal(cost)
    made: AIStepExecution = baker.make(
        AIStepExecution,
        step_execution=None,
        workflow=workflow,
        organisation=organisation,
        user=user,
        exact_cost_usd=exact,
        cost_usd=exact,
        **values,
    )
    return made


def figures(client: Any, **query: Any) -> Any:
    response = client.get("/api/v1/ai/analytics", query)
    assert response.status_code == 200, response.content
    return response.json()


def test_figures(cast: Cast) -> None:
    owner, mate = cast.owner.user, cast.team_mate.user
    unanswered = {"tokens_used": None, "prompt_tokens": None, "completion_tokens": None}
    call(cast.shared, mate)
    call(cast.shared, owner, cost="0.0000000001", execution_time_ms=3000, ai_model="gpt-5")
    call(cast.shared, mate, cost=None, error_code="ai_timeout", **unanswered)
    call(cast.shared, mate, cost=None, error_code="ai_rate_limited", **unanswered)
    call(cast.shared, mate, cost=None, ai_model="local", agent_type="step_try", **unanswered)
    call(cast.shared, mate, cost="0", cached=True, execution_time_ms=1)
    call(cast.private, owner, cost="5")
    call(None, owner, cost="7")
    old = call(cast.shared, owner, cost="9")
    AIStepExecution.objects.filter(id=old.id).update(created_at=timezone.now() - timedelta(days=31))
    with CaptureQueriesContext(connection) as queries:
        found = figures(cast.team_mate.api)
    assert sum("ai_step_executions" in q["sql"] for q in queries) == 1
    assert found["calls"] == 6
    assert (found["failed"], found["cached"]) == (2, 1)
    assert Decimal(found["total_cost"]) == Decimal("0.0100000001")
    assert found["unknown_costs"] == 2, "the timeout and the model without a price"
    assert found["success_rate"] == pytest.approx(4 / 6)
    assert found["average_response_time"] == pytest.approx((1 + 3 + 1) / 3)
    assert found["token_usage"] == {"total": 45, "prompt": 30, "completion": 15, "unknown": 1}
    by_model = {each["model"]: each for each in found["by_model"]}
    assert {name: each["calls"] for name, each in by_model.items()} == {
        "gpt-4o-mini": 4,
        "gpt-5": 1,
        "local": 1,
    }
    assert by_model["local"]["total_cost"] is None
    assert by_model["local"]["unknown_costs"] == 1
    assert [(e["agent_type"], e["calls"]) for e in found["by_agent_type"]] == [
        ("step", 5),
        ("step_try", 1),
    ]
    assert [(e["workflow_id"], e["name"], e["calls"]) for e in found["by_workflow"]] == [
        (str(cast.shared.id), "Sample", 6)
    ]
    assert sum(each["calls"] for each in found["by_period"]) == 6


def test_everybody_sees_their_own(cast: Cast) -> None:
    owner, mate = cast.owner.user, cast.team_mate.user
    call(cast.shared, mate, cost="1")
    call(cast.private, owner, cost="2")
    call(None, owner, cost="4")
    call(None, cast.outsider.user, cost="8")
    total = {
        name: Decimal(figures(cast.client(name))["total_cost"])
        for name in ("owner", "team_mate", "outsider", "operator")
    }
    assert total == {"owner": 7, "team_mate": 1, "outsider": 8, "operator": 0}
    assert Decimal(figures(cast.owner.api, workflow=cast.private.id)["total_cost"]) == 2
    refused = cast.team_mate.api.get("/api/v1/ai/analytics", {"workflow": str(cast.private.id)})
    assert refused.status_code == 404


def test_nothing_is_no_rate(cast: Cast) -> None:
    found = figures(cast.outsider.api, time_period="12h")
    assert (found["calls"], found["success_rate"], found["average_response_time"]) == (
        0,
        None,
        None,
    )
    assert Decimal(found["total_cost"]) == found["unknown_costs"] == 0
    assert (found["interval"], found["by_model"], found["by_period"]) == ("hour", [], [])


def test_the_admin_shows_all(cast: Cast, admin_client: Any) -> None:
    call(cast.private, cast.owner.user, cost="2", ai_model="local-model")
    call(None, cast.outsider.user, cost=None)
    page = admin_client.get("/admin/workflow_ai/aistepexecution/figures/", {"time_period": "7d"})
    assert page.status_code == 200
    text = page.content.decode()
    assert "local-model" in text
    assert "1 unknown" in text
    assert "$2.00" in text
    wrong = admin_client.get("/admin/workflow_ai/aistepexecution/figures/", {"time_period": "x"})
    assert wrong.status_code == 200
    assert "must be a number of" in wrong.content.decode()
    assert "figures/" in admin_client.get("/admin/workflow_ai/aistepexecution/").content.decode()


@pytest.mark.django_db
def test_the_admins_figures_ask_for_the_permission(client: Any) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    assert client.get("/admin/workflow_ai/aistepexecution/figures/").status_code == 403
