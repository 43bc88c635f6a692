"""What people and steps have given is found nowhere in the database, whatever becomes of a run."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from pytest_django import Settings

from ai.models import AIStepExecution, AIWorkflowGeneration
from analytics import services as analytics
from engine import schedules
from engine.models import WorkflowExecution, WorkflowSchedule
from engine.services import WorkflowEngine
from tests.support.cast import Cast, work
from tests.support.workflows import calls, definition, start, step

DOCUMENT = definition(
    step("taken", **calls("tests.echo", value="${inputs.taken}")),
    {
        "id": "asked",
        "name": "Asked",
        "step_type": "AI_GENERATED",
        "dependencies": ["taken"],
        "config": {"prompt": "Say in a word: ${inputs.prompt}", "system": "${inputs.system}"},
    },
    {
        "id": "checked",
        "name": "Checked",
        "step_type": "VALIDATION",
        "dependencies": ["taken"],
        "config": {
            "value": "${inputs}",
            "schema": {"type": "object", "properties": {"checked": {"type": "number"}}},
            "on_invalid": "fail",
        },
        "on_error": "continue",
    },
    {
        "id": "filled",
        "name": "Filled",
        "step_type": "DECISION",
        "dependencies": ["asked", "checked"],
        "config": {
            "title": "${inputs.title}",
            "details": {"shown": "${inputs.details}"},
            "choices": [{"value": "yes", "then": ["last"]}],
        },
    },
    step("last", "filled", **calls("tests.fail", message="${inputs.error}")),
)
GIVEN = ("taken", "prompt", "system", "checked", "title", "details", "error")


def canary(name: str) -> str:
    return f'canary <{name}> "Zilpzalp"/é'


def spellings(text: str) -> set[str]:
    return {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], quote(text)}


def everything() -> str:
    """The text of every row of every table."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows: list[str] = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')  # noqa: S608 - names of tables
            rows += [text.replace('""', '"').replace("\\\\", "\\") for (text,) in cursor.fetchall()]
    assert len(rows) > 50
    return "\n".join(rows)


@pytest.fixture
def failed_run(cast: Cast, settings: Settings) -> WorkflowExecution:
    settings.OPENAI_API_KEY = ""
    user = cast.owner.user
    run = work(start(DOCUMENT, user=user, data={name: canary(name) for name in GIVEN}))
    answer: dict[str, Any] = {"choice": "yes", "comment": canary("comment")}
    WorkflowEngine(lambda *_: None).answer_step(run.id, "filled", answer, user=user)
    run = work(run)
    assert run.status == "failed"
    assert canary("error") in run.error_message
    assert canary("prompt") in AIStepExecution.objects.get().prompt
    analytics.submit_feedback(
        user=user,
        workflow_id=run.workflow_id,
        execution_id=run.id,
        rating=2,
        comment=canary("feedback"),
        tags=[canary("tag")],
    )
    return run


def test_nothing_that_a_run_was_given_or_returned_is_readable(
    cast: Cast, failed_run: WorkflowExecution
) -> None:
    shown = json.dumps([step.output_data for step in failed_run.steps.all()], ensure_ascii=False)
    assert "Zilpzalp" in shown, "the canaries went all the way"
    schedule = WorkflowSchedule.objects.create(
        name="s", workflow=cast.shared, user=cast.owner.user, interval_seconds=60,
        context={"amount": canary("scheduled")},
    )  # fmt: skip
    schedules.fire(schedule.id, sent_at=None)  # refused: it is no number
    stored = everything()
    names = (*GIVEN, "comment", "feedback", "tag", "scheduled")
    readable = [name for name in names if any(text in stored for text in spellings(canary(name)))]
    assert readable == []
    assert "Zilpzalp" not in stored
    assert canary("x") not in stored
    assert cast.owner.user.username in stored, "the search finds what is plain"


@pytest.mark.parametrize("said", ["Hm.", "If the amount is above 100 the manager approves it."])
def test_what_models_are_told_outside_of_runs_is_not_readable(
    cast: Cast, settings: Settings, said: str
) -> None:
    settings.OPENAI_API_KEY = ""
    body = {"requirements": f"{said} {canary('requirements')}"}
    cast.owner.api.post("/api/v1/workflows/generate", body, format="json")
    asked = {"prompt": f"Say it: {canary('prompt')}", "context": {"data": {"a": canary("taken")}}}
    cast.owner.api.post("/api/v1/ai/steps/execute", asked, format="json")
    [row] = AIWorkflowGeneration.objects.all()
    assert canary("requirements") in json.dumps(row.requirements, ensure_ascii=False).replace(
        "\\", ""
    )
    stored = everything()
    for name in ("prompt", "taken", "requirements"):
        assert not [text for text in spellings(canary(name)) if text in stored], name
