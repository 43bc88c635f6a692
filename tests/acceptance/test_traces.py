"""One trace a run, over worker processes of both kinds, a retry, a pause, an answer and a loss."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from core.models import User
from engine.models import WorkflowExecution
from engine.services import WorkflowEngine
from tests.support.traces import Collector, attributes
from tests.support.workers import Worker, finish, wait_until
from tests.support.workflows import calls, definition, start, statuses, step

FORM = {"type": "object", "properties": {"name": {"type": "string"}}}


@pytest.fixture
def workers(
    transactional_db: None,
    no_workers: None,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[list[Worker]]:
    """One for functions and one for AI steps, which trace."""
    monkeypatch.setenv("OPENAI_API_KEY", "")
    made = [
        Worker("default", pool="prefork", concurrency=1, folder=tmp_path, name="functions"),
        Worker("ai", pool="threads", concurrency=2, folder=tmp_path, name="models"),
    ]
    for worker in made:
        worker.start()
    yield made
    for worker in made:
        worker.stop()


def of(run: WorkflowExecution, collector: Collector, count: int) -> list[Span]:
    """The run's spans in the order of their beginning, once so many have come."""

    def found() -> list[Span]:
        return [span for span in collector.spans() if span.trace_id == run.id.bytes]

    wait_until(lambda: len(found()) >= count, what=f"{count} spans")
    return sorted(found(), key=lambda span: span.start_time_unix_nano)


def attempts(spans: list[Span]) -> list[tuple[str, int, str]]:
    """Name, attempt and outcome of each span of a step."""
    shown = [(span.name, attributes(span)) for span in spans if span.name.startswith("step ")]
    return [(name, a["workflow.attempt"], a["workflow.outcome"]) for name, a in shown]


def test_a_run_is_one_trace(
    user: User, workers: list[Worker], collector: Collector, tmp_path: Path
) -> None:
    tries = calls("tests.fail_until", path=str(tmp_path / "tries"), times=1)
    form = {"source": "form", "title": "Who?", "form": FORM}
    document = definition(
        step("tried", **tries, retry={"max_attempts": 2, "delay": 0.05}),
        step("who", "tried", step_type="DATA_COLLECTION", config=form),
        step("letter", "who", step_type="AI_GENERATED", config={"prompt": "Write a letter."}),
    )
    run = start(document, user=user)
    wait_until(lambda: statuses(run.id)["who"] == "waiting", what="the question")
    engine = WorkflowEngine()
    assert engine.pause_workflow(run.id)
    assert engine.resume_workflow(run.id)
    engine.answer_step(run.id, "who", {"name": "Ada"}, user=user)
    assert finish(run.id).status == "completed"

    spans = of(run, collector, 6)
    assert attempts(spans) == [
        ("step tried", 1, "retried"),
        ("step tried", 2, "completed"),
        ("step who", 1, "waiting"),
        ("step letter", 1, "completed"),
    ]
    by_name = {span.name: span for span in spans}
    whole, letter = by_name["workflow Test"], by_name["step letter"]
    [call] = [span for span in spans if span.name.startswith("chat ")]
    assert len(spans) == 6
    assert whole.span_id == run.id.bytes[8:]
    assert whole.parent_span_id == b""
    assert call.parent_span_id == letter.span_id
    assert {s.parent_span_id for s in spans if s not in (whole, call)} == {whole.span_id}
    assert attributes(whole)["workflow.outcome"] == "completed"


def test_an_attempt_whose_worker_died_has_a_span(
    user: User, workers: list[Worker], collector: Collector
) -> None:
    run = start(definition(step("a", **calls("tests.slow", seconds=2))), user=user)
    wait_until(lambda: statuses(run.id)["a"] == "running", what="the step to run")
    workers[0].kill()
    workers[0].start()
    assert finish(run.id).status == "completed"
    spans = of(run, collector, 3)
    assert attempts(spans) == [("step a", 1, "lost"), ("step a", 2, "completed")]
    assert len({span.span_id for span in spans}) == 3
