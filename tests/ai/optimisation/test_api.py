"""Suggestions by the API, and drafts with those that were chosen."""

from __future__ import annotations

from typing import Any

import pytest
from model_bakery import baker

from ai.models import AIStepExecution
from ai.optimisation.history import read_history
from core.audit.models import AuditEntry
from core.models import User
from engine.models import StepExecution, Workflow, WorkflowExecution
from engine.workflows import create_workflow, update_workflow
from tests.ai.optimisation.documents import Document, ask, calls, compute, definition, http, step
from tests.support.cast import Cast, work
from tests.support.workflows import start

pytestmark = pytest.mark.django_db
PATH = "/api/v1/ai/workflows/optimize"
DOCUMENT = definition(
    compute("a"),
    compute("b", "a"),
    step("c", "a", "b", step_type="TRANSFORM", config={"output": {
        "x": "[steps.a.output, steps.b.output]"}}, retry={"max_attempts": 4}),
)  # fmt: skip
CHOSEN = ["needless_dependency:b", "useless_retry:c"]


@pytest.fixture
def workflow(cast: Cast) -> Workflow:
    return create_workflow(
        document=DOCUMENT, owner=cast.owner.user, organisation=cast.team, is_shared=True
    )


def asked(cast: Cast, workflow: Workflow, status: int = 200, **body: Any) -> Any:
    answer = cast.team_mate.api.post(PATH, {"workflow_id": str(workflow.id), **body}, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def test_suggestions_change_nothing(cast: Cast, workflow: Workflow) -> None:
    answer = asked(cast, workflow)
    assert [each["id"] for each in answer["suggestions"]] == CHOSEN
    assert (answer["draft"], answer["version"], answer["history"]["runs"]) == (None, 1, 0)
    first = answer["suggestions"][0]
    assert first["equivalent"] is True
    assert [change["sentence"] for change in first["diff"]] == ["Step 'b' no longer waits for 'a'."]
    assert first["patch"] == [
        {"op": "test", "path": "/steps/1/id", "value": "b"},
        {"op": "replace", "path": "/steps/1/dependencies", "value": []},
    ]
    assert (first["effect"]["before"], first["effect"]["after"]) == (2, 1)
    assert workflow.versions.count() == 1
    assert not AuditEntry.objects.filter(action="workflow.optimize").exists()


def test_chosen_ones_become_a_draft(cast: Cast, workflow: Workflow) -> None:
    draft = asked(cast, workflow, apply=CHOSEN, version=1)["draft"]
    assert (draft["number"], draft["is_draft"], draft["created_by"]) == (2, True, "team_mate")
    path = f"/api/v1/workflows/{workflow.id}"
    found = cast.team_mate.api.get(f"{path}/versions/2").json()
    steps = {each["id"]: each for each in found["definition"]["steps"]}
    assert steps["b"]["dependencies"] == []
    assert "retry" not in steps["c"]
    kept = workflow.versions.get(number=2).explanation
    assert [reason["title"] for reason in kept] == [
        each["title"] for each in asked(cast, workflow)["suggestions"]
    ]
    assert all(reason["evidence"] for reason in kept)
    # Runs go on with what was saved, until somebody saves the draft.
    run = start(Workflow.objects.get(id=workflow.id), user=cast.owner.user)
    assert run.definition_version.number == 1
    saved = cast.team_mate.api.put(path, {"definition": found["definition"]}, format="json").json()
    assert saved["latest"] == 3
    entry = AuditEntry.objects.get(action="workflow.optimize")
    assert entry.details == {"version": 1, "draft": 2, "applied": CHOSEN}


def test_refusals(cast: Cast, workflow: Workflow) -> None:
    unknown = asked(cast, workflow, 400, apply=["dead_steps:c"])
    assert (unknown["code"], unknown["details"][0]["path"]) == ("unknown_suggestion", "apply[0]")
    assert asked(cast, workflow, 409, version=2)["code"] == "version_changed"
    closed = DOCUMENT | {"ai_configurable": False}
    update_workflow(workflow=workflow, document=closed, user=None)
    assert asked(cast, workflow)["suggestions"] == []
    assert asked(cast, workflow, 409, apply=CHOSEN)["code"] == "not_ai_configurable"
    assert workflow.versions.count() == 2


def test_large_definitions(cast: Cast) -> None:
    steps = [compute(f"s{n}") for n in range(201)]
    large = create_workflow(document=definition(*steps), owner=cast.owner.user)
    answer = cast.owner.api.post(PATH, {"workflow_id": str(large.id)}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (413, "definition_too_large")


def test_in_the_query(cast: Cast, workflow: Workflow) -> None:
    api = cast.team_mate.api
    assert api.post(f"{PATH}?workflow_id={workflow.id}", {}, format="json").status_code == 200
    assert api.post(PATH, {}, format="json").json()["details"][0]["path"] == "workflow_id"
    both = {"workflow_id": str(cast.shared.id)}
    assert api.post(f"{PATH}?workflow_id={workflow.id}", both, format="json").status_code == 400


# -- history


def ran(workflow: Workflow, user: User, times: int, **steps: Document) -> list[WorkflowExecution]:
    """Runs that have ended, with these columns of their steps."""
    runs = [work(start(workflow, user=user)) for _ in range(times)]
    for step_id, columns in steps.items():
        rows = StepExecution.objects.filter(execution__in=runs, step_id=step_id)
        assert rows.update(**columns) == times
    return runs


def test_what_runs_show(cast: Cast, workflow: Workflow) -> None:
    ran(workflow, cast.owner.user, 6, a={"execution_time_ms": 400}, b={"execution_time_ms": 300},
        c={"execution_time_ms": 0})  # fmt: skip
    answer = asked(cast, workflow)
    effect = answer["suggestions"][0]["effect"]
    assert answer["history"]["runs"] == 6
    assert (effect["unit"], effect["before"], effect["after"]) == ("ms", 700, 400)
    told = [fact for fact in answer["suggestions"][0]["evidence"] if fact["runs"] == 6]
    assert [fact["value"] for fact in told] == [300, 400]


def test_runs_of_another_version_count_where_the_step_is_the_same(
    cast: Cast, workflow: Workflow
) -> None:
    user = cast.owner.user
    ran(workflow, user, 2, b={"execution_time_ms": 100})
    changed = definition(*DOCUMENT["steps"][:2], DOCUMENT["steps"][2] | {"when": "true"})
    changed["steps"][0] |= {"name": "Another name"}
    workflow = update_workflow(workflow=workflow, document=changed, user=None)
    ran(workflow, user, 1, b={"execution_time_ms": 400})
    history = read_history(user=user, workflow=workflow, document=changed)
    assert (history.runs, history.of("a").completed, history.of("c").completed) == (3, 3, 1)
    assert (history.of("b").mean_ms, history.of("b").longest_ms) == (200, 400)


def test_nobody_learns_from_runs_that_they_may_not_see(cast: Cast, workflow: Workflow) -> None:
    ran(workflow, cast.owner.user, 1)
    outsider = cast.outsider.user
    assert read_history(user=outsider, workflow=workflow, document=DOCUMENT).runs == 0


def test_failures_retries_and_calls(cast: Cast) -> None:
    user = cast.owner.user
    document = definition(step("bad", **calls("tests.fail")))
    workflow = create_workflow(document=document, owner=user, organisation=cast.team)
    runs = ran(workflow, user, 3, bad={"attempt": 2, "error_code": "http_timeout"})
    for run in runs[:2]:
        row = run.steps.get()
        baker.make(
            AIStepExecution, step_execution=row, prompt="p", response="r", system=None,
            error_message=None, prompt_tokens=10, completion_tokens=7, exact_cost_usd="0.5",
        )  # fmt: skip
    past = read_history(user=user, workflow=workflow, document=document).of("bad")
    assert (past.runs, past.failed, past.exhausted, past.recovered) == (3, 3, 3, 0)
    assert past.codes == {"http_timeout": 3}
    assert (past.calls, past.mean_prompt_tokens, past.cost_usd) == (2, 10, 1.0)
    assert past.longest_answer_tokens == 7


def test_ai_and_http_steps_are_saved_and_suggested_for(cast: Cast) -> None:
    document = definition(http("a"), ask("c", "a", prompt="Sum up ${steps.a.output}"))
    workflow = create_workflow(
        document=document, owner=cast.owner.user, organisation=cast.team, is_shared=True
    )
    found = asked(cast, workflow, apply=["oversized_prompt:c", "missing_timeout:a"])
    steps = workflow.versions.get(number=found["draft"]["number"]).definition["steps"]
    assert steps[1]["config"]["prompt"] == "Sum up ${steps.a.output.body}"
    assert steps[0]["timeout"] == 30
