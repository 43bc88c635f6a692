"""A run whose AI step looks something up: aimock, a real worker and PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai.models import AIStepExecution
from core.models import User
from tests.ai.endpoint import KEY
from tests.support.aimock import aimock
from tests.support.workers import Worker, finish, stop_shared_workers
from tests.support.workflows import definition, start, step

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
CALL = {"name": "tests_owner", "arguments": "{}", "id": "call_owner"}
CANARY = "canary-of-the-argument"
FETCH = {"name": "tests_number", "arguments": f'{{"text": "{CANARY}"}}', "id": "call_number"}


@pytest.fixture
def worker(patient_flush: None, worker_folder: Path) -> Iterator[Worker]:
    stop_shared_workers()
    with aimock() as server, pytest.MonkeyPatch.context() as environment:
        server.add_fixture(
            {"model": "looks", "hasToolResult": True}, {"content": "Known.", "usage": USAGE}
        )
        server.add_fixture({"model": "looks"}, {"toolCalls": [CALL], "usage": USAGE})
        server.add_fixture(
            {"model": "fails", "hasToolResult": True}, {"content": "Not known.", "usage": USAGE}
        )
        server.add_fixture({"model": "fails"}, {"toolCalls": [FETCH], "usage": USAGE})
        server.add_fixture({"model": "hostile"}, {"toolCalls": [CALL] * 3, "usage": USAGE})
        environment.setenv("OPENAI_API_KEY", KEY)
        environment.setenv("MODEL_ENDPOINT", f"{server.url}/v1")
        made = Worker("ai", pool="threads", concurrency=4, folder=worker_folder, name="ai-tools")
        made.start()
        try:
            yield made
        finally:
            made.stop()


@pytest.mark.django_db(transaction=True)
def test_a_run_looks_something_up(worker: Worker, user: User) -> None:
    run = start(
        definition(
            step(
                "known",
                step_type="AI_GENERATED",
                config={"prompt": "Who is it?", "model": "looks", "tools": ["tests.owner"]},
            ),
            step(
                "hostile",
                step_type="AI_GENERATED",
                config={
                    "prompt": "Who is it?",
                    "model": "hostile",
                    "tools": ["tests.owner"],
                    "tool_rounds": 3,
                },
            ),
        ),
        user=user,
    )
    ended = finish(run.id)
    assert (ended.status, ended.error_code) == ("failed", "ai_tool_limit")
    assert ended.steps.get(step_id="known").output_data["text"] == "Known."
    calls = AIStepExecution.objects.filter(step_execution__execution=run)
    asked, answered = calls.filter(step_execution__step_id="known").order_by("call_number")
    (call,) = asked.tool_calls
    assert (call["name"], call["error"]) == ("tests.owner", "")
    organisation = ended.workflow.organisation_id
    assert f'{{"user": "{user.pk}", "organisation": "{organisation}"}}' in answered.prompt
    assert (asked.tokens_used, answered.tokens_used) == (18, 18)
    hostile = calls.filter(step_execution__step_id="hostile").order_by("call_number")
    assert [row.error_code for row in hostile] == ["", "", "", "ai_tool_limit"]
    assert [len(row.tool_calls) for row in hostile] == [3] * 4
    assert {row.tokens_used for row in hostile} == {18}


@pytest.mark.django_db(transaction=True)
def test_what_a_tool_raises_is_logged_without_its_words(worker: Worker, user: User) -> None:
    config = {"prompt": "How many?", "model": "fails", "tools": ["tests.number"]}
    run = start(definition(step("a", step_type="AI_GENERATED", config=config)), user=user)
    assert finish(run.id).status == "completed"
    (call,) = (
        AIStepExecution.objects.filter(step_execution__execution=run)
        .earliest("call_number")
        .tool_calls
    )
    assert call["error"]
    log = worker.log.read_text()
    assert CANARY not in log
    assert "tool tests.number raised builtins.ValueError" in log
    assert re.search(r'workflow_functions.py", line \d+, in number\n', log)
