"""AI_GENERATED steps: their configuration, and runs on a real worker."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ai import errors
from ai.executors import AIGeneratedExecutor
from ai.models import AIStepExecution
from analytics.models import WorkflowExecutionMetric
from core.models import User
from engine import definitions
from engine.context import WorkflowContext
from engine.definition import WorkflowStep
from engine.errors import InvalidDefinition
from engine.registry import executors
from engine.step import StepResult
from tests.ai.endpoint import Endpoint, completion, unmarked
from tests.support.cast import work
from tests.support.workers import Worker, finish, wait_until
from tests.support.workflows import definition, start, step

EXECUTOR = AIGeneratedExecutor()


def ai_step(**config: Any) -> dict[str, Any]:
    return step("comment", step_type="AI_GENERATED", config=config)


def execute(config: dict[str, Any], data: dict[str, Any] | None = None) -> StepResult:
    now = datetime.now(UTC)
    context = WorkflowContext(
        user_id="u",
        session_id="s",
        data={"inputs": data or {}, "steps": {}, "run": {}},
        metadata={"attempt": 3},
        created_at=now,
        updated_at=now,
    )
    made = WorkflowStep(
        id="comment", name="Comment", step_type="AI_GENERATED", config=config, timeout=2
    )
    made = WorkflowStep(
        id="comment",
        name="Comment",
        step_type="AI_GENERATED",
        config=EXECUTOR.resolve(made, context),
        timeout=2,
    )
    assert EXECUTOR.validate(made, context)
    return EXECUTOR.execute(made, context)


def test_it_is_registered() -> None:
    assert isinstance(executors()["AI_GENERATED"], AIGeneratedExecutor)
    assert (EXECUTOR.queue, EXECUTOR.is_inline(WorkflowStep(id="a", name="a", step_type="x"))) == (
        "ai",
        False,
    )


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({}, "steps[0].config"),
        ({"prompt": ""}, "steps[0].config.prompt"),
        ({"prompt": 5}, "steps[0].config.prompt"),
        ({"prompt": "x", "tool": "tests.compute"}, "steps[0].config"),
        ({"prompt": "x", "tools": []}, "steps[0].config.tools"),
        ({"prompt": "x", "tools": ["tests.compute", "no.such"]}, "steps[0].config.tools[1]"),
        ({"prompt": "x", "tools": ["tests.write"]}, "steps[0].config.tools[0]"),
        ({"prompt": "x", "tools": ["tests.positional"]}, "steps[0].config.tools[0]"),
        ({"prompt": "x", "tool_rounds": 3}, "steps[0].config.tool_rounds"),
        ({"prompt": "x", "max_tokens": 0}, "steps[0].config.max_tokens"),
        ({"prompt": "x", "models": []}, "steps[0].config.models"),
        ({"prompt": "x", "models": ["a"], "model": "b"}, "steps[0].config.models"),
        ({"prompt": "x", "temperature": 3}, "steps[0].config.temperature"),
        ({"prompt": "x", "cache": "no"}, "steps[0].config.cache"),
        ({"prompt": "x", "schema": {"type": "nonsense"}}, "steps[0].config.schema"),
        ({"prompt": "${inputs.}"}, "steps[0].config.prompt"),
        ({"prompt": "x", "system": "${nobody.knows}"}, "steps[0].config.system"),
        ({"prompt": "${steps.missing.output.x}"}, "steps[0]"),
    ],
)
def test_a_wrong_configuration_is_refused(config: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidDefinition) as raised:
        definitions.parse(definition(ai_step(**config)))
    assert any(problem.path.startswith(path) for problem in raised.value.problems)
    assert all("comment" in problem.message for problem in raised.value.problems)


@pytest.mark.django_db
def test_expressions_fill_prompt_and_system_only(endpoint: Endpoint) -> None:
    endpoint.answers = [(200, completion('{"a": "${inputs.name}"}'))]
    schema = {"type": "object", "description": "not filled: ${inputs.name}"}
    result = execute(
        {"prompt": "Hello ${inputs.name}", "system": "Call me ${inputs.name}", "schema": schema},
        {"name": "Ada"},
    )
    sent = endpoint.requests[0]
    system, text = (unmarked(message["content"]) for message in sent["messages"])
    assert system.startswith("Call me Ada\n\nWhatever stands between")
    assert text == "Hello Ada"
    assert sent["response_format"]["json_schema"]["schema"] == schema
    assert result.output["data"] == {"a": "${inputs.name}"}, "no AI output is ever evaluated"


@pytest.mark.django_db
def test_a_prompt_that_is_one_value_is_sent_as_json(endpoint: Endpoint) -> None:
    execute({"prompt": "${inputs.rows}"}, {"rows": [{"a": "ü"}]})
    sent = endpoint.requests[0]["messages"][-1]["content"]
    assert unmarked(sent) == '[{"a": "ü"}]' != sent


@pytest.mark.django_db
def test_output_and_measurements(endpoint: Endpoint) -> None:
    result = execute({"prompt": "x", "model": "other-model", "max_tokens": 9})
    assert result.output == {
        "text": "Fine.",
        "model": "gpt-4o-mini-2024-07-18",
        "provider": "openai",
    }
    assert {m.name: m.value for m in result.measurements} == {"ai_calls": 1, "ai_tokens": 1500}
    assert endpoint.requests[0]["model"] == "other-model"
    assert endpoint.requests[0]["max_tokens"] == 9
    assert AIStepExecution.objects.get().attempt == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    "config", [{"models": ["a", "b"]}, {"model": "a", "fallback_models": ["b", "c"]}]
)
def test_a_step_names_its_models(endpoint: Endpoint, config: dict[str, Any]) -> None:
    endpoint.answers = [(404, {}), (200, completion())]
    result = execute({"prompt": "x", "temperature": 0, **config})
    assert [request["model"] for request in endpoint.requests] == ["a", "b"]
    assert endpoint.requests[0]["temperature"] == 0
    assert {m.name: m.value for m in result.measurements}["ai_calls"] == 2


@pytest.mark.django_db
def test_a_run_takes_an_answer_from_the_cache(endpoint: Endpoint, user: User) -> None:
    outputs = []
    for config in ({}, {}, {"cache": False}):
        document = definition(ai_step(prompt="x", **config))
        run = work(start(document, user=user))
        outputs.append(run.steps.get().output_data)
    assert [output.get("cached") for output in outputs] == [None, True, None]
    assert len(endpoint.requests) == 2


@pytest.mark.django_db
def test_offline_output_carries_its_notice(offline: None) -> None:
    result = execute({"prompt": "Sales rose by 5%.", "schema": {"type": "object"}})
    assert result.output["provider"] == "offline"
    assert "No language model was asked" in result.output["notice"]
    assert result.output["data"] == {}
    assert {m.name: m.value for m in result.measurements} == {
        "ai_calls": 1,
        "ai_tokens": 0,
        "ai_cost_usd": 0,
    }


@pytest.mark.django_db
def test_the_steps_timeout_bounds_the_call(endpoint: Endpoint) -> None:
    endpoint.answers = [(200, "slow")]
    with pytest.raises(errors.AITimeout):
        execute({"prompt": "x"})


@pytest.mark.django_db
def test_a_rate_limit_is_retried_by_the_engine(endpoint: Endpoint, user: User) -> None:
    endpoint.answers = [(429, {}), (200, completion())]
    document = definition(
        step(
            "comment",
            step_type="AI_GENERATED",
            config={"prompt": "x"},
            retry={"max_attempts": 2, "delay": 0},
        )
    )
    run = work(start(document, user=user))
    assert run.status == "completed"
    calls = AIStepExecution.objects.order_by("created_at", "id")
    assert [(c.attempt, c.error_code) for c in calls] == [(1, "ai_rate_limited"), (2, "")]


@pytest.mark.django_db
def test_a_permanent_failure_is_not_retried(endpoint: Endpoint, user: User) -> None:
    endpoint.answers = [(400, {"error": {"message": "No such parameter"}})]
    document = definition(
        step(
            "comment",
            step_type="AI_GENERATED",
            config={"prompt": "x"},
            retry={"max_attempts": 5, "delay": 0},
        )
    )
    run = work(start(document, user=user))
    assert (run.status, run.error_code) == ("failed", "ai_request_rejected")
    assert len(endpoint.requests) == AIStepExecution.objects.count() == 1


def test_a_run_on_a_real_worker(user: User, worker: Worker, ai_worker: Worker) -> None:
    document = definition(
        step(
            "comment",
            step_type="AI_GENERATED",
            config={
                "prompt": "Sales in ${inputs.month} rose by ${inputs.growth}%.",
                "schema": {
                    "type": "object",
                    "properties": {"summary": {"type": "string"}},
                    "required": ["summary"],
                },
            },
        ),
        outputs={"summary": "steps.comment.output.data.summary"},
    )
    run = finish(start(document, user=user, data={"month": "May", "growth": 5}).id)
    assert run.status == "completed"
    assert run.results == {"summary": "Sales in May rose by 5%."}
    call = AIStepExecution.objects.get()
    assert call.step_execution_id == run.steps.get().id
    assert (call.attempt, call.provider, call.agent_type) == (1, "offline", "step")
    assert (call.user_id, call.workflow_id) == (user.id, run.workflow_id)
    assert call.organisation_id == run.workflow.organisation_id
    metrics = WorkflowExecutionMetric.objects.filter(execution=run)
    wait_until(metrics.exists, what="the run's figures")
    found = dict(metrics.values_list("metric_name", "metric_value"))
    assert {n: float(found[n]) for n in found if n.startswith("ai_")} == {
        "ai_usage": 1,
        "ai_tokens": 0,
        "ai_cost_usd": 0,
    }
