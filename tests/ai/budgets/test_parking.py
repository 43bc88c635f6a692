"""Steps that no budget has room for: parked, explained, brought back, on real workers too."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from ai.budgets import accounts, parking, reservations
from ai.budgets.models import AIBudget, AIBudgetReservation, AIBudgetWait, ReservationState
from ai.models import AIStepExecution
from core.models import Organisation, Role
from core.organisations import add_member, personal_organisation
from engine.diagnosis import reasons
from engine.errors import NotWaiting
from engine.models import StepExecution, WorkflowExecution
from engine.services import WorkflowEngine
from engine.workflows import create_workflow
from tests.ai.budgets.payers import figures, limit, payer, reserve
from tests.ai.endpoint import KEY, Endpoint, completion
from tests.support.cast import Cast, member, work
from tests.support.workers import Worker, finish, wait_until
from tests.support.workflows import definition, start, step

pytestmark = [pytest.mark.usefixtures("no_workers"), pytest.mark.django_db(transaction=True)]

D = Decimal
COST = D("0.0015")  # of the endpoint's answers; at most 0.0045 to 0.0055 is reserved for a call


@pytest.fixture(autouse=True)
def prices(settings: Settings) -> None:
    settings.AI_PRICES = {"gpt-4o-mini": {"input": D(1), "output": D(1), "cached_input": None}}


def ai_step(step_id: str, *after: str) -> dict[str, Any]:
    config = {"prompt": f"Say {step_id}.", "cache": False}
    return step(step_id, *after, step_type="AI_GENERATED", config=config, retry={"max_attempts": 1})


TWO = definition(ai_step("one"), ai_step("two", "one"))


@pytest.fixture
def team(cast: Cast) -> Organisation:
    return personal_organisation(cast.owner.user)


@pytest.fixture
def parked(cast: Cast, team: Organisation, endpoint: Endpoint) -> WorkflowExecution:
    """A run whose second step the organisation's budget has no room for."""
    limit("0.006", organisation=team)
    run = work(start(TWO, user=cast.owner.user))
    assert len(endpoint.requests) == 1
    return run


def waiting_step(run: WorkflowExecution) -> StepExecution:
    row = run.steps.get(step_id="two")
    assert (row.status, row.waiting_for) == ("waiting", "budget")
    return row


def test_a_parked_step_says_why(cast: Cast, parked: WorkflowExecution) -> None:
    row = waiting_step(parked)
    assert (row.failures, row.error_code) == (0, "")
    assert figures("organisation:") == (COST, 0, 0)
    [reason] = reasons(parked)
    assert (reason.cause, reason.step_id) == ("budget", "two")
    api = cast.owner.api
    assert api.get(f"/api/v1/executions/{parked.id}").json()["waiting"] is True
    waiting = api.get(f"/api/v1/executions/{parked.id}/steps/two").json()["waiting"]
    assert waiting["kind"] == "budget"
    assert waiting["details"]["budget"] == "organisation"
    assert "the organisation's AI budget of today" in waiting["title"]
    address = f"/api/v1/executions/{parked.id}/steps/two/answer"
    answer = api.post(address, {"answer": {}}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_waiting")
    with pytest.raises(NotWaiting):
        WorkflowEngine().answer_step(parked.id, "two", {}, user=cast.owner.user)
    health = cast.anonymous.get("/health").json()["parts"]["ai_budgets"]
    assert (health["state"], health["steps_waiting"]) == ("ok", 1)


def test_who_runs_a_workflow_learns_no_figure_of_the_budget(cast: Cast, endpoint: Endpoint) -> None:
    limit("0.0061", organisation=cast.team)
    runner = member("runner")
    add_member(organisation=cast.team, user=runner.user, role=Role.RUNNER)
    document = TWO | {"name": "Two"}
    shared = create_workflow(
        document=document, owner=cast.owner.user, organisation=cast.team, is_shared=True
    )
    run = work(start(shared, user=runner.user))
    assert waiting_step(run).waiting_for == "budget"
    at = f"/api/v1/executions/{run.id}"
    shown = [runner.api.get(f"{at}{rest}") for rest in ("", "/waiting", "/steps/two", "/events")]
    body = {"organisation": str(cast.team.id), "prompt": "Say more"}
    shown.append(runner.api.post("/api/v1/ai/steps/execute", body, format="json"))
    assert [answer.status_code for answer in shown] == [200, 200, 200, 200, 429]
    refused, waiting = shown[-1].json(), shown[2].json()["waiting"]
    assert refused["code"] == "ai_budget_exhausted"
    assert not re.search(r"\d", f"{refused} {waiting['title']} {waiting['details']}")
    told = " ".join(answer.content.decode() for answer in shown)
    assert not [word for word in ("$", "0061", "hard_limit", "counted", "needed") if word in told]
    budgets = runner.api.get("/api/v1/ai/budgets").json()["results"]
    usage = runner.api.get("/api/v1/ai/budgets/usage").json()["results"]
    assert (budgets, usage) == ([], [])
    query = "scope=organisation&period=day"
    seen = cast.owner.api.get(f"/api/v1/ai/budgets/usage?{query}").json()["results"]
    assert [D(account["spent_usd"]) for account in seen] == [COST], "an admin sees it"


def test_the_admin_says_why(cast: Cast, parked: WorkflowExecution) -> None:
    user = cast.operator.user
    user.is_superuser = True
    user.save()
    client = Client()
    client.force_login(user)
    page = client.get(f"/admin/workflow_engine/workflowexecution/{parked.id}/change/")
    assert "Waits for a budget" in page.content.decode()
    assert "No AI budget has room for step" in page.content.decode()
    row = waiting_step(parked)
    page = client.get(f"/admin/workflow_engine/stepexecution/{row.id}/change/")
    assert "/answer/" not in page.content.decode()
    page = client.get(f"/admin/workflow_engine/stepexecution/{row.id}/answer/", follow=True)
    assert "which nobody answers" in page.content.decode()


def test_it_goes_on_when_the_limit_is_raised(cast: Cast, parked: WorkflowExecution) -> None:
    parking.on_round()
    waiting_step(parked)  # nothing has changed
    budget = AIBudget.objects.get()
    cast.owner.api.patch(
        f"/api/v1/ai/budgets/{budget.id}", {"hard_limit_usd": "0.02"}, format="json"
    )
    assert work(parked).status == "completed"
    row = parked.steps.get(step_id="two")
    assert (row.attempt, row.failures, row.waiting_for) == (2, 0, "")
    assert not AIBudgetWait.objects.exists()
    assert figures("organisation:") == (2 * COST, 0, 0)


def test_it_goes_on_when_the_limit_is_taken_away(parked: WorkflowExecution) -> None:
    AIBudget.objects.get().delete()
    assert work(parked).status == "completed"


def test_a_budget_in_the_definition_fails_the_step_that_it_has_no_room_for(
    cast: Cast, endpoint: Endpoint
) -> None:
    document = TWO | {"budget": {"hard_limit_usd": 0.006}}
    run = work(start(document, user=cast.owner.user))
    assert (run.status, run.error_code) == ("failed", "ai_run_budget_spent")
    assert "allows 0.006 US dollars" in str(run.error_message)
    assert len(endpoint.requests) == 1
    assert figures("run:") == (COST, 0, 0)
    again = work(start(document, user=cast.owner.user))
    assert len(endpoint.requests) == 2, "each run has its own"
    assert again.status == "failed"
    assert not AIBudgetWait.objects.exists()


def test_it_goes_on_the_next_day(
    parked: WorkflowExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    tomorrow = accounts.today() + timedelta(days=1)
    for module in (parking, reservations):
        monkeypatch.setattr(module, "today", lambda: tomorrow)
    parking.on_round()
    assert work(parked).status == "completed"


def test_it_goes_on_when_others_cost_less_than_was_reserved(
    cast: Cast, team: Organisation, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit("0.012", organisation=team)
    other = reserve("0.008", payer(team))
    monkeypatch.setattr(reservations, "PATIENCE", 0.0)
    run = work(start(definition(ai_step("two")), user=cast.owner.user))
    waiting_step(run)
    parking.on_round()
    waiting_step(run)
    other.settle(D("0.001"))
    parking.on_round()
    assert work(run).status == "completed"


def test_no_more_are_woken_than_may_fit(cast: Cast, team: Organisation, endpoint: Endpoint) -> None:
    budget = limit("0", organisation=team)
    document = definition(*(ai_step(name) for name in ("a", "b", "c")))
    run = work(start(document, user=cast.owner.user))
    assert AIBudgetWait.objects.count() == 3
    assert endpoint.requests == []
    AIBudget.objects.filter(id=budget.id).update(hard_limit_usd=D("0.012"))
    assert parking.wake() == 2  # of at most 0.0055 each
    assert set(run.steps.values_list("status", flat=True)) == {"ready", "waiting"}


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_a_parked_run_is_steered_like_any_other(parked: WorkflowExecution, how: str) -> None:
    engine = WorkflowEngine()
    getattr(engine, f"{how}_workflow")(parked.id)
    AIBudget.objects.all().delete()
    parking.on_round()
    if how == "cancel":
        assert set(parked.steps.values_list("status", flat=True)) == {"completed", "cancelled"}
        assert not AIBudgetWait.objects.exists()
        return
    assert parked.steps.get(step_id="two").status == "ready"
    engine.resume_workflow(parked.id)
    assert work(parked).status == "completed"


@pytest.mark.parametrize(
    ("failure", "unconfirmed"),
    [
        ((429, {}), False),
        ((400, {}), False),
        ((500, {}), False),
        ((502, b""), True),
        ((200, "reset"), True),
        ((200, "cut"), True),
        ((200, {"error": "none"}), True),
        ((200, completion(usage=None)), True),
    ],
)
def test_what_failed_calls_cost(
    cast: Cast,
    endpoint: Endpoint,
    settings: Settings,
    failure: tuple[int, Any],
    unconfirmed: bool,
) -> None:
    settings.AI_RETRIES = 0
    endpoint.answers = [failure]
    work(start(definition(ai_step("two")), user=cast.owner.user))
    reservation = AIBudgetReservation.objects.get()
    expected = ReservationState.UNCONFIRMED if unconfirmed else ReservationState.RELEASED
    assert reservation.state == expected
    assert figures("run:") == (0, reservation.amount_usd if unconfirmed else 0, 0)


def test_every_call_of_a_step_is_reserved(
    cast: Cast, endpoint: Endpoint, settings: Settings
) -> None:
    settings.AI_RETRIES, settings.AI_RETRY_DELAY = 2, 0.0
    endpoint.answers = [(500, {}), (502, b""), (200, completion())]
    assert work(start(definition(ai_step("two")), user=cast.owner.user)).status == "completed"
    assert AIStepExecution.objects.count() == 3
    states = AIBudgetReservation.objects.order_by("id").values_list("state", flat=True)
    assert list(states) == ["released", "unconfirmed", "settled"]


def test_calls_that_are_free_need_no_budget(cast: Cast, team: Organisation, offline: None) -> None:
    limit("0", organisation=team)
    assert work(start(TWO, user=cast.owner.user)).status == "completed"
    assert not AIBudgetReservation.objects.exists()


def test_a_limit_refuses_a_model_without_a_price(
    cast: Cast, team: Organisation, endpoint: Endpoint, settings: Settings
) -> None:
    settings.AI_PRICES = {}
    limit("10", organisation=team)
    run = work(start(TWO, user=cast.owner.user))
    assert (run.status, run.error_code) == ("failed", "ai_price_unknown")
    assert endpoint.requests == []


@pytest.mark.timeout(180)
def test_a_real_worker_parks_and_goes_on(
    cast: Cast,
    team: Organisation,
    endpoint: Endpoint,
    no_workers: None,
    patient_flush: None,
    worker_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "OPENAI_API_KEY": KEY,
        "MODEL_ENDPOINT": endpoint.url,
        "AI_MODEL": "gpt-4o-mini",
        "AI_PRICES": json.dumps({"gpt-4o-mini": {"input": 1, "output": 1}}),
    }.items():
        monkeypatch.setenv(name, value)
    budget = limit("0.006", organisation=team)
    worker = Worker("ai", pool="threads", concurrency=2, folder=worker_folder, name="budgets")
    worker.start()
    try:
        run = start(TWO, user=cast.owner.user)
        parked = StepExecution.objects.filter(execution=run, waiting_for="budget")
        wait_until(parked.exists, what="the second step to be parked")
        answer = cast.owner.api.patch(
            f"/api/v1/ai/budgets/{budget.id}", {"hard_limit_usd": "1"}, format="json"
        )
        assert answer.status_code == 200
        assert finish(run.id).status == "completed"
    finally:
        worker.stop()
    assert len(endpoint.requests) == 2
    assert figures("run:") == (2 * COST, 0, 0)
    assert figures("organisation:") == (2 * COST, 0, 0)


def test_what_a_person_rejected_is_known_after_the_wait(
    cast: Cast, team: Organisation, endpoint: Endpoint
) -> None:
    config = {"prompt": "Say it.", "review": True}
    document = definition(step("two", step_type="AI_GENERATED", config=config))
    run = work(start(document, user=cast.owner.user))
    limit("0.001", organisation=team)
    rejection = {"choice": "reject", "comment": "Shorter, please"}
    WorkflowEngine().answer_step(run.id, "two", rejection, user=cast.owner.user)
    work(run)
    waiting_step(run)
    AIBudget.objects.all().delete()
    work(run)
    assert "Shorter, please" in endpoint.requests[-1]["messages"][-1]["content"]
    assert len(endpoint.requests) == 2
