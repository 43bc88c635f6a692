"""Reserving and settling, one call after the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from ai import rows
from ai.budgets import accounts, reservations
from ai.budgets.errors import AIBudgetExhausted, AIPriceUnknown, AIRunBudgetSpent
from ai.budgets.models import (
    AIBudget,
    AIBudgetAccount,
    AIBudgetAlert,
    AIBudgetReservation,
    ReservationState,
)
from ai.budgets.reservations import Reservation
from ai.calls import Caller
from ai.models import AIStepExecution
from core.audit.models import AuditEntry
from core.models import Organisation, User
from core.organisations import create_organisation
from tests.ai.budgets.payers import account, figures, limit, payer, reserve
from tests.support.workflows import definition, start, step

pytestmark = pytest.mark.django_db

ZERO = Decimal(0)
D = Decimal


@pytest.fixture
def team(user: User) -> Organisation:
    return create_organisation(name="Team", founder=user)


@pytest.mark.parametrize(
    ("close", "expected"),
    [
        (lambda r: None, (ZERO, ZERO, D("0.5"))),
        (lambda r: r.settle(D("0.2")), (D("0.2"), ZERO, ZERO)),
        (lambda r: r.settle(None), (ZERO, D("0.5"), ZERO)),
        (lambda r: r.doubt(), (ZERO, D("0.5"), ZERO)),
        (lambda r: r.release(), (ZERO, ZERO, ZERO)),
        # Once: what comes later changes nothing.
        (lambda r: (r.settle(D("0.2")), r.settle(D("0.2")), r.release()), (D("0.2"), ZERO, ZERO)),
        # It was slow, and its lease ran out meanwhile.
        (lambda r: (r.doubt(), r.settle(D("0.2"))), (D("0.2"), ZERO, ZERO)),
        (lambda r: (r.doubt(), r.release()), (ZERO, ZERO, ZERO)),
    ],
)
def test_where_the_money_goes(
    team: Organisation, close: Callable[[Reservation], Any], expected: tuple[Decimal, ...]
) -> None:
    reservation = reserve("0.5", payer(team))
    close(reservation)
    for prefix in ("platform:", "organisation:", "workflow:", "user:", "run:"):
        assert figures(prefix) == expected, prefix


@pytest.mark.parametrize("scope", ["platform", "organisation", "workflow", "user", "run"])
def test_every_scope_limits(team: Organisation, scope: str) -> None:
    caller = payer(team)
    limit("1", scope=scope)
    reserve("0.6", caller).settle(D("0.6"))
    with pytest.raises(AIBudgetExhausted) as refused:
        reserve("0.4000000001", caller)
    assert refused.value.balance is not None
    assert refused.value.balance.scope == scope
    assert "AI budget" in refused.value.message
    assert not re.search(r"\d", refused.value.message)
    reserve("0.4", caller).settle(D("0.4"))  # to the last cent
    assert figures(f"{scope}:")[0] == 1


def test_a_limit_holds_for_those_that_it_names(team: Organisation, user: User) -> None:
    other = create_organisation(name="Other", founder=user)
    limit("1", organisation=team)
    reserve("5", payer(other))
    with pytest.raises(AIBudgetExhausted):
        reserve("5", payer(team))


def test_the_smallest_limit_counts(team: Organisation) -> None:
    limit("9", organisation=team)
    limit("2", organisation=team, by_operator=True)
    limit("5")
    with pytest.raises(AIBudgetExhausted) as refused:
        reserve("3", payer(team))
    assert refused.value.balance is not None
    assert refused.value.balance.hard == D(2)


def test_nothing_is_reserved_in_part(team: Organisation) -> None:
    caller = payer(team)
    limit("1", scope="run")
    reserve("0.9", caller)
    with pytest.raises(AIBudgetExhausted):
        reserve("0.2", caller)
    assert {a.reserved_usd for a in AIBudgetAccount.objects.all()} == {D("0.9")}
    assert AIBudgetReservation.objects.count() == 1


def test_each_day_has_accounts_of_its_own(
    team: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = payer(team)
    limit("1")
    limit("1.5", scope="run")
    reserve("1", caller).settle(D(1))
    with pytest.raises(AIBudgetExhausted):
        reserve("0.5", caller)
    tomorrow = accounts.today() + timedelta(days=1)
    monkeypatch.setattr(reservations, "today", lambda: tomorrow)
    reserve("0.5", caller).settle(D("0.5"))
    with pytest.raises(AIBudgetExhausted, match="the run's"):
        reserve("0.5", caller)
    days: list[date | None] = list(
        AIBudgetAccount.objects.filter(scope="organisation", period="day").values_list(
            "day", flat=True
        )
    )
    assert days == [tomorrow, tomorrow - timedelta(days=1)]


def test_each_month_has_accounts_of_its_own(
    team: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = payer(team)
    limit("1", period="month", organisation=team)
    for day in (date(2026, 1, 30), date(2026, 1, 31)):
        monkeypatch.setattr(reservations, "today", lambda day=day: day)
        reserve("0.5", caller).settle(D("0.5"))
    with pytest.raises(AIBudgetExhausted, match="budget of this month") as refused:
        reserve("0.1", caller)
    assert refused.value.balance is not None
    assert refused.value.balance.period == "month"
    monkeypatch.setattr(reservations, "today", lambda: date(2026, 2, 1))
    reserve("0.5", caller).settle(D("0.5"))
    months = AIBudgetAccount.objects.filter(scope="organisation", period="month").order_by("day")
    assert [(row.day, row.spent_usd) for row in months] == [
        (date(2026, 1, 1), 1),
        (date(2026, 2, 1), D("0.5")),
    ]
    days = AIBudgetAccount.objects.filter(scope="organisation", period="day")
    assert sum(row.spent_usd for row in days) == sum(row.spent_usd for row in months)


@pytest.mark.parametrize("scope", ["platform", "organisation", "workflow", "user"])
def test_every_scope_limits_a_month(team: Organisation, scope: str) -> None:
    caller = payer(team)
    limit("9", scope=scope)
    limit("1", scope=scope, period="month", soft_limit_usd=D("0.5"))
    reserve("0.9", caller).settle(D("0.9"))
    with pytest.raises(AIBudgetExhausted):
        reserve("0.2", caller)
    assert figures(f"month:{scope}:") == (D("0.9"), 0, 0)
    [alert] = AIBudgetAlert.objects.all()
    assert alert.account_id.startswith(f"month:{scope}:")


def test_a_runs_definition_limits_it(team: Organisation, caplog: pytest.LogCaptureFixture) -> None:
    caller = replace(payer(team), run_limit_usd=D(1))
    reserve("0.6", caller).settle(D("0.6"))
    open_one = reserve("0.3", caller)
    with pytest.raises(AIBudgetExhausted):  # another call may turn out to be cheaper
        reserve("0.2", caller)
    open_one.settle(D("0.3"))
    with pytest.raises(AIRunBudgetSpent, match="definition allows 1 US dollars") as refused:
        reserve("0.2", caller)
    assert refused.value.permanent
    assert "0.9" not in refused.value.message, "what was spent is its admins' to see"
    assert "$0.9000000000 of $1.0000 are spent, and a call may cost $0.2" in caplog.text
    limit("5", scope="run")  # raises nothing that a definition says
    with pytest.raises(AIRunBudgetSpent):
        reserve("0.2", caller)
    reserve("0.1", caller).settle(D("0.1"))
    reserve("5", replace(payer(team), run_limit_usd=None))  # another run


def test_a_smaller_limit_than_the_definitions_can_be_raised(team: Organisation) -> None:
    caller = replace(payer(team), run_limit_usd=D(9))
    limit("1", scope="run")
    with pytest.raises(AIBudgetExhausted):
        reserve("2", caller)


def test_a_model_without_a_price(team: Organisation) -> None:
    caller = payer(team)
    reserve(None, caller).settle(None)
    assert (account("run:").calls, account("run:").unpriced_calls) == (1, 1)
    assert figures("run:") == (ZERO, ZERO, ZERO)
    limit("1")
    with pytest.raises(AIPriceUnknown):
        reserve(None, caller)


def test_a_soft_limit_alerts_once(team: Organisation, settings: Settings) -> None:
    settings.AI_DAILY_ALERT_USD = D(100)
    caller = payer(team)
    AIBudget.objects.create(scope="organisation", organisation=team, soft_limit_usd=D(10))
    reserve("10", caller).settle(D(10))
    assert not AIBudgetAlert.objects.exists()
    reserve("1", caller).settle(D("0.01"))
    reserve("1", caller).settle(D("0.01"))
    alert = AIBudgetAlert.objects.get()
    assert (alert.soft_limit_usd, alert.counted_usd) == (D(10), D("10.01"))
    entry = AuditEntry.objects.get(action="ai_budget.alert")
    assert (entry.organisation_id, entry.details["alert"]) == (team.id, "high_ai_cost")
    reserve("99", caller).doubt()  # the platform's, of which no budget says another
    assert AIBudgetAlert.objects.filter(account__scope="platform").count() == 1
    AIBudget.objects.create(scope="platform", soft_limit_usd=D(500))
    reserve("1", caller).settle(D("1"))
    assert AIBudgetAlert.objects.count() == 2


def test_a_lost_worker_s_reservation_counts_until_somebody_knows_better(
    team: Organisation,
) -> None:
    limit("1")
    caller = payer(team)
    lost = reserve("0.7", caller, lease=timedelta(seconds=-1))
    kept = reserve("0.1", caller)
    assert reservations.expire() == 1
    assert reservations.expire() == 0
    assert figures("organisation:") == (ZERO, D("0.7"), D("0.1"))
    with pytest.raises(AIBudgetExhausted):
        reserve("0.3", caller)
    lost.settle(D("0.05"))  # it only was slow
    kept.settle(D("0.1"))
    assert figures("organisation:") == (D("0.15"), ZERO, ZERO)
    states = AIBudgetReservation.objects.values_list("state", flat=True)
    assert set(states) == {ReservationState.SETTLED}


def test_a_lost_worker_s_call_has_a_row(team: Organisation, user: User) -> None:
    run = start(definition(step("a")), user=user)
    attempt = run.steps.get()
    caller = Caller(
        agent_type="step",
        user_id=user.id,
        organisation_id=team.id,
        workflow_id=run.workflow_id,
        execution_id=run.id,
        step_execution_id=attempt.id,
        attempt=2,
    )
    lost = reserve("0.7", caller, lease=timedelta(seconds=-1), provider="openai", number=3)
    reserve("0.7", caller)  # under way
    reservations.expire()
    reservations.expire()
    row = AIStepExecution.objects.get()
    assert (row.id, row.error_code, row.response) == (lost.id, "worker_lost", "")
    assert "worker was lost" in str(row.error_message)
    assert (row.user, row.organisation, row.workflow) == (user, team, run.workflow)
    assert (row.step_execution, row.attempt, row.call_number) == (attempt, 2, 3)
    assert (row.agent_type, row.provider, row.ai_model) == ("step", "openai", "m")
    unknown = row.tokens_used, row.prompt_tokens, row.cost_usd, row.exact_cost_usd
    assert set(unknown) == {None}


def test_a_worker_that_was_slow_tells_itself(team: Organisation, user: User) -> None:
    lost = reserve("0.7", payer(team), lease=timedelta(seconds=-1))
    reservations.expire()
    assert AIStepExecution.objects.get().user is None  # nobody knows that user any more
    told = AIStepExecution(
        id=lost.id, organisation_id=team.id, ai_model="m", prompt="Say it.", response="Fine."
    )
    rows.insert(told)
    row = AIStepExecution.objects.get()
    assert (row.response, row.error_code) == ("Fine.", "")
    told.response = "Again."
    rows.insert(told)
    assert AIStepExecution.objects.get().response == "Fine."


def test_a_call_of_an_organisation_that_is_gone_has_no_row(user: User) -> None:
    gone = create_organisation(name="Gone", founder=user)
    reserve("0.7", payer(gone), lease=timedelta(seconds=-1))
    AIBudgetReservation.objects.update(organisation_id=uuid4())
    assert reservations.expire() == 1
    assert not AIStepExecution.objects.exists()


def test_accounts_that_are_gone_are_opened_again(team: Organisation) -> None:
    caller = payer(team)
    reserve("0.5", caller).settle(D("0.2"))
    AIBudgetAccount.objects.all().delete()
    reserve("0.5", caller).settle(D("0.3"))
    assert figures("organisation:") == (D("0.3"), ZERO, ZERO)
