"""Runs and attempts of steps as spans, as a real collector receives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from core import tracing
from core.ids import uuid7
from core.models import User
from engine.inline import InlineBroker
from engine.services import WorkflowEngine
from tests.support.traces import Collector, attributes, spans
from tests.support.workflows import calls, definition, run_inline, step

pytestmark = pytest.mark.django_db(transaction=True)


def told(span: Span) -> tuple[Any, ...]:
    found = attributes(span)
    outcome, error = found["workflow.outcome"], found.get("error.type")
    return span.name, found.get("workflow.attempt"), outcome, error


def test_a_run_is_a_span_above_those_of_its_steps(user: User, collector: Collector) -> None:
    document = definition(
        step("a", **calls("tests.echo", value="A secret")),
        step("b", "a"),
        step("never", "a", when="false"),
        step("wrong", "a", **calls("tests.fail", message="A secret"), on_error="continue"),
    )
    run = run_inline(document, user=user)
    found = {span.name: span for span in spans(collector)}
    assert {told(span) for span in found.values()} == {
        ("workflow Test", None, "completed", None),
        ("step a", 1, "completed", None),
        ("step b", 1, "completed", None),
        ("step never", 1, "skipped", None),
        ("step wrong", 1, "failed", "step_failed"),
    }
    whole = found.pop("workflow Test")
    assert {span.trace_id for span in (whole, *found.values())} == {run.id.bytes}
    assert whole.parent_span_id == b""
    assert {span.parent_span_id for span in found.values()} == {whole.span_id}
    assert len({span.span_id for span in found.values()}) == 4
    assert attributes(found["step a"]) == {
        "workflow.id": str(run.workflow_id),
        "workflow.name": "Test",
        "workflow.execution_id": str(run.id),
        "workflow.step_execution_id": str(run.steps.get(step_id="a").id),
        "workflow.step_id": "a",
        "workflow.step_type": "FUNCTION",
        "workflow.attempt": 1,
        "workflow.outcome": "completed",
    }
    assert all(b"secret" not in span.SerializeToString() for span in (whole, *found.values()))
    assert all(
        whole.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        for span in found.values()
    )


def test_a_run_that_is_retried_has_a_span_for_each_time(
    user: User, collector: Collector, tmp_path: Path
) -> None:
    works_then = calls("tests.fail_until", path=str(tmp_path / "tries"), times=1)
    run = run_inline(definition(step("a", **works_then)), user=user)
    broker = InlineBroker()
    WorkflowEngine(broker.send).retry_workflow(run.id)
    broker.run()
    found = sorted(spans(collector), key=lambda span: span.start_time_unix_nano)
    assert [told(span) for span in found] == [
        ("workflow Test", None, "failed", "step_failed"),
        ("step a", 1, "failed", "step_failed"),
        ("retry 1", None, "completed", None),
        ("step a", 2, "completed", None),
    ]
    assert {span.trace_id for span in found} == {run.id.bytes}
    assert len({span.span_id for span in found}) == 4
    whole = found[0].span_id
    assert [span.parent_span_id for span in found] == [b"", whole, whole, whole]


def test_runs_are_sampled_whole(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    for sampler in ("traceidratio", "parentbased_traceidratio"):
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
        tracing.provider.cache_clear()
        recorded = 0
        for run in [uuid7() for _ in range(400)]:
            whole = tracing.of_run(run)
            begun = (
                tracing.begin("run", itself=whole, attributes={}),
                tracing.begin(
                    "step", under=whole, itself=tracing.of_attempt(run, run, 1), attributes={}
                ),
                tracing.begin("call", under=tracing.of_attempt(run, run, 1), attributes={}),
            )
            [both] = {span.is_recording() for span in begun}
            recorded += both
        assert 40 < recorded < 160  # of 400; seven standard deviations


def test_without_a_collector_no_span_is_made(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    tracing.provider.cache_clear()
    failing = step("a", **calls("tests.fail"), on_error="continue")
    assert run_inline(definition(failing), user=user).status == "completed"
    assert tracing.provider.cache_info().currsize == 0
