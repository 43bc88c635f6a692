"""Budgets by API and in the admin; who may do what is in docs/access.md."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from ai.budgets.models import AIBudget, AIBudgetReservation
from core.audit.models import AuditEntry
from core.models import User
from tests.ai.budgets.payers import figures, limit, payer, reserve
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

URL = "/api/v1/ai/budgets"


def post(cast: Cast, **body: Any) -> Any:
    given = {"organisation": str(cast.team.id), "scope": "user", "hard_limit_usd": "10", **body}
    return cast.owner.api.post(URL, given, format="json")


def test_a_limit_s_life(cast: Cast) -> None:
    made = post(cast, user=str(cast.team_mate.user.id), soft_limit_usd="8.5")
    assert made.status_code == 201, made.content
    found = made.json()
    assert (found["hard_limit_usd"], found["soft_limit_usd"]) == ("10.0000", "8.5000")
    assert cast.owner.api.get(URL).json()["results"] == [found]
    assert cast.team_mate.api.get(URL).json()["results"] == []
    changed = cast.owner.api.patch(f"{URL}/{found['id']}", {"hard_limit_usd": None}, format="json")
    assert (changed.status_code, changed.json()["hard_limit_usd"]) == (200, None)
    assert cast.owner.api.delete(f"{URL}/{found['id']}").status_code == 204
    told = AuditEntry.objects.filter(action__startswith="ai_budget.").order_by("id")
    assert [(e.action, e.organisation_id) for e in told] == [
        (f"ai_budget.{verb}", cast.team.id) for verb in ("create", "update", "delete")
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"scope": "platform"}, 400, "invalid_input"),
        ({"hard_limit_usd": None}, 400, "invalid_input"),
        ({"hard_limit_usd": "-1"}, 400, "invalid_input"),
        ({"soft_limit_usd": "10.0001"}, 400, "invalid_input"),
        ({"hard_limit_usd": "\u0661"}, 400, "invalid_input"),
        ({"hard_limit_usd": "1_0"}, 400, "invalid_input"),
        ({"hard_limit_usd": " 5 "}, 400, "invalid_input"),
        ({"hard_limit_usd": "1e5"}, 400, "invalid_input"),
        ({"scope": "organisation", "user": "{mate}"}, 400, "invalid_input"),
        ({"scope": "user", "workflow": "{workflow}"}, 400, "invalid_input"),
        ({"period": "run"}, 400, "invalid_input"),
        ({"period": "year"}, 400, "invalid_input"),
        ({"scope": "run", "period": "month"}, 400, "invalid_input"),
        ({"user": "{outsider}"}, 404, "not_found"),
        ({}, 409, "ai_budget_exists"),
    ],
)
def test_what_is_refused(cast: Cast, body: dict[str, Any], status: int, code: str) -> None:
    ids = {
        "{mate}": cast.team_mate.user.id,
        "{outsider}": cast.outsider.user.id,
        "{workflow}": cast.shared.id,
    }
    assert post(cast).status_code == 201
    answer = post(cast, **{k: str(ids.get(v, v)) if v else v for k, v in body.items()})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content


def test_operators_limits_are_seen_and_kept(cast: Cast) -> None:
    budget = limit("5", organisation=cast.team, by_operator=True)
    assert cast.owner.api.get(f"{URL}/{budget.id}").json()["by_operator"] is True
    for answer in (
        cast.owner.api.patch(f"{URL}/{budget.id}", {"hard_limit_usd": "9"}, format="json"),
        cast.owner.api.delete(f"{URL}/{budget.id}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "operators_budget")
    # A month beside the day.
    month = post(cast, period="month")
    assert (month.status_code, month.json()["period"]) == (201, "month")
    assert post(cast, scope="run").json()["period"] == "run"
    # A limit of their own beside it lowers, never raises.
    assert post(cast, scope="organisation", hard_limit_usd="50").status_code == 201


def test_usage(cast: Cast) -> None:
    caller = payer(cast.team)
    reserve("0.5", caller).settle(Decimal("0.2"))
    reserve("0.5", caller).doubt()
    found = cast.owner.api.get(f"{URL}/usage?organisation={cast.team.id}&scope=run").json()
    [run] = found["results"]
    assert (run["spent_usd"], run["unconfirmed_usd"], run["calls"], run["day"]) == (
        "0.2000000000", "0.5000000000", 1, None,
    )  # fmt: skip
    months = cast.owner.api.get(f"{URL}/usage?period=month").json()["results"]
    assert {row["scope"] for row in months} == {"organisation", "workflow", "user"}
    assert {row["spent_usd"] for row in months} == {"0.2000000000"}
    whole = cast.owner.api.get(f"{URL}/usage").json()["results"]
    assert {row["scope"] for row in whole} == {"organisation", "workflow", "user", "run"}
    assert cast.team_mate.api.get(f"{URL}/usage").json()["results"] == []


def test_usage_shows_the_limit_that_holds(cast: Cast) -> None:
    caller = replace(payer(cast.team, user_id=cast.owner.user.id), run_limit_usd=Decimal("0.75"))
    reserve("0.5", caller).settle(Decimal("0.2"))
    limit("9", organisation=cast.team)
    limit("7", by_operator=True)
    limit("1", scope="user", user=cast.outsider.user, organisation=cast.team)
    limit("2", scope="user", period="month", user=cast.owner.user, organisation=cast.team)
    limit("3", scope="run")
    AIBudget.objects.create(scope="workflow", organisation=cast.team, soft_limit_usd=1)
    found = cast.owner.api.get(f"{URL}/usage").json()["results"]
    limits = {(row["period"], row["scope"]): row["limit_usd"] for row in found}
    assert limits == {
        ("day", "organisation"): "7.0000",
        ("day", "workflow"): None,
        ("day", "user"): None,
        ("month", "organisation"): None,
        ("month", "workflow"): None,
        ("month", "user"): "2.0000",
        ("run", "run"): "0.7500",
    }


def test_the_admin(cast: Cast) -> None:
    user: User = cast.operator.user
    user.is_superuser = True
    user.save()
    client = Client()
    client.force_login(user)
    base = "/admin/workflow_ai"
    form = {"scope": "platform", "hard_limit_usd": "100", "soft_limit_usd": "80"}
    assert client.post(f"{base}/aibudget/add/", form).status_code == 302
    again = client.post(f"{base}/aibudget/add/", form)
    assert "There is a budget for this already" in again.content.decode()
    budget = AIBudget.objects.get()
    assert (budget.by_operator, budget.hard_limit_usd) == (True, 100)
    reserve("0.5", payer(cast.team)).doubt()
    reserve("0.7", payer(cast.team)).doubt()
    for name in ("aibudget", "aibudgetaccount", "aibudgetreservation", "aibudgetalert"):
        assert client.get(f"{base}/{name}/").status_code == 200, name
    rows = AIBudgetReservation.objects.order_by("id")
    for row, action in zip(rows, ("release", "confirm"), strict=True):
        assert client.get(f"{base}/aibudgetreservation/{row.id}/change/").status_code == 200
        chosen = {"action": action, "_selected_action": [str(row.id)]}
        assert client.post(f"{base}/aibudgetreservation/", chosen).status_code == 302
    assert figures("organisation:") == (Decimal("0.7"), 0, 0)
    told = AuditEntry.objects.filter(action__startswith="ai_budget_reservation.")
    assert {e.action.partition(".")[2] for e in told} == {"released", "settled"}
