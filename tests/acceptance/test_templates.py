"""Every starter template on its sample, by real workers: the outcome that its file promises."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from core.models import User
from engine import history
from engine.models import ExecutionEvent, StepExecution, WorkflowExecution
from engine.services import WorkflowEngine
from templates import services, starters
from templates.models import WorkflowTemplate
from templates.outcome import differences
from tests.support.workers import ENDED, finish
from tests.support.workflows import start, statuses

pytestmark = pytest.mark.usefixtures("worker", "ai_worker")

KEYS = [starter.key for starter in starters.read_templates()]
Run = Callable[..., WorkflowExecution]


@pytest.fixture
def run(user: User) -> Run:
    """Makes a workflow from a template, runs it and answers as people would."""

    def to_the_end(
        key: str, *, answers: dict[str, Any] | None = None, **changes: Any
    ) -> WorkflowExecution:
        services.load_catalogue()
        template = WorkflowTemplate.objects.get(key=key)
        workflow = services.instantiate_template(template=template, user=user)
        execution = start(workflow, user=user, data=template.sample_input | changes)
        said = template.expected["answers"] if answers is None else answers
        answer_all(execution.id, dict(said), user)
        return finish(execution.id)

    return to_the_end


def answer_all(execution_id: UUID, answers: dict[str, Any], user: User) -> None:
    """Answers each step that waits, until the run has ended or all is said."""
    limit = time.monotonic() + 60
    while answers and time.monotonic() < limit:
        waiting = StepExecution.objects.filter(
            execution_id=execution_id, status="waiting", step_id__in=answers
        )
        for step_id in list(waiting.values_list("step_id", flat=True)):
            WorkflowEngine().answer_step(execution_id, step_id, answers.pop(step_id), user=user)
        if WorkflowExecution.objects.get(id=execution_id).status in ENDED:
            return
        time.sleep(0.05)


@pytest.mark.parametrize("key", KEYS)
def test_the_sample_comes_to_what_the_template_promises(run: Run, key: str) -> None:
    done = run(key)
    template = WorkflowTemplate.objects.get(key=key)
    steps = statuses(done.id)
    assert (
        differences(template.expected, status=done.status, results=done.results, steps=steps) == []
    ), done.error_message
    assert set(steps.values()) <= {"completed", "skipped"}
    written = StepExecution.objects.filter(execution=done, step_type="AI_GENERATED")
    for step in written.filter(status="completed"):
        assert step.output_data["text"].strip(), step.step_id


def test_holdings_are_reviewed_side_by_side(run: Run) -> None:
    done = run("portfolio-risk-review")
    started = ExecutionEvent.objects.filter(execution=done, kind=history.STEP_STARTED)
    tasks = {event.step_id: event.data for event in started}
    holdings = [f"holding_{n}" for n in range(1, 6)]
    assert len({tasks[holding]["task"] for holding in holdings}) == 5
    assert len({tasks[holding]["group"] for holding in holdings}) == 1
    assert done.results["text"].count("\n") > 15


@pytest.mark.parametrize(
    ("limits", "risk_class", "branch"),
    [
        ({"low": 0.1, "high": 0.25}, "medium", "medium_risk"),
        ({"low": 0.3, "high": 0.4}, "low", "low_risk"),
    ],
)
def test_the_limits_decide_the_risk_class(
    run: Run, limits: dict[str, float], risk_class: str, branch: str
) -> None:
    answers = {"approval": {"choice": "revise", "comment": "Too short."}}
    done = run("portfolio-risk-review", limits=limits, answers=answers)
    assert done.status == "completed"
    assert (done.results["risk_class"], done.results["text"]) == (risk_class, "Too short.")
    steps = statuses(done.id)
    assert [steps[step] for step in (branch, "high_risk", "report", "revision")] == [
        "completed", "skipped", "skipped", "completed",
    ]  # fmt: skip


def evenly(fifth: str, *, weight: float) -> list[dict[str, Any]]:
    """Four companies of the sample and a fifth, with one weight."""
    symbols = ("MSFT", "AMZN", "IBM", "GOOG", fifth)
    return [{"symbol": symbol, "weight": weight} for symbol in symbols]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"holdings": evenly("XOM", weight=0.2)}, "The file needs prices of every holding."),
        ({"holdings": evenly("AAPL", weight=0.3)}, "The weights must add up to 1."),
        ({"holdings": evenly("IBM", weight=0.2)}, "Each holding may be named once."),
        ({"limits": {"low": 0.3, "high": 0.2}}, "The limit of a low risk must lie below"),
    ],
)
def test_a_portfolio_that_makes_no_sense_fails_with_its_reason(
    run: Run, change: dict[str, Any], message: str
) -> None:
    done = run("portfolio-risk-review", answers={}, **change)
    assert done.status == "failed"
    step = done.steps.get(step_id="check")
    assert step.status == "failed"
    assert message in (step.error_message or "")


@pytest.mark.parametrize(
    ("person", "circumstances", "attitude", "advice", "outcome", "profile"),
    [
        ({}, {}, {}, "decline", "declined", "balanced"),
        ({}, {"horizon_years": 3}, {"goal": "preserve"}, "accept", "accepted", "conservative"),
        ({}, {}, {"goal": "grow", "reaction": "buy"}, "accept", "accepted", "growth"),
        ({"birth_year": 2100}, {}, {}, None, "to be clarified", ""),
        ({}, {"investment": 59_000}, {}, None, "to be clarified", ""),
    ],
)
def test_onboarding_follows_the_answers(
    run: Run,
    person: dict[str, Any],
    circumstances: dict[str, Any],
    attitude: dict[str, Any],
    advice: str | None,
    outcome: str,
    profile: str,
) -> None:
    starter = next(s for s in starters.read_templates() if s.key == "investor-onboarding")
    said = starter.expected["answers"]
    answers = {
        "person": said["person"] | person,
        "circumstances": said["circumstances"] | circumstances,
        "attitude": said["attitude"] | attitude,
    }
    if advice:
        answers["advisor"] = {"choice": advice}
    done = run("investor-onboarding", answers=answers)
    assert done.status == "completed", done.error_message
    assert (done.results["outcome"], done.results["profile"]) == (outcome, profile)
    assert bool(done.results["open_points"]) == (outcome == "to be clarified")


@pytest.mark.parametrize(
    ("limit", "gross", "answers", "outcome"),
    [
        (10_000, 7378.0, {}, "approved automatically"),
        (5_000, 7378.0, {"manager": {"choice": "reject", "comment": "Too dear."}}, "rejected"),
        (10_000, 7379.0, {}, "returned to the supplier"),
    ],
)
def test_invoices_take_their_way(
    run: Run, limit: int, gross: float, answers: dict[str, Any], outcome: str
) -> None:
    starter = next(s for s in starters.read_templates() if s.key == "invoice-approval")
    invoice = starter.sample_input["invoice"] | {"gross": gross}
    done = run("invoice-approval", answers=answers, invoice=invoice, approval_limit=limit)
    assert (done.status, done.results["outcome"]) == ("completed", outcome)
    assert bool(done.results["entries"]) == outcome.startswith("approved")


def test_happy_customers_need_nobody(run: Run) -> None:
    happy = '[{"id": "1", "customer": "A", "rating": 5, "text": "Great."}]'
    done = run("feedback-triage", answers={}, feedback=happy)
    assert done.status == "completed"
    assert done.results["digest"]["note"] == "Nobody is unhappy."
    assert statuses(done.id)["replies"] == "skipped"
