"""An endpoint that fails in every way, under a real worker: each AI_FAULTS times, 50 at most.

Whatever it does: every run ends with the error's own code, each request is one row, what was
reported is counted once, the worker does not grow, and a retry of the run succeeds once the
endpoint has recovered. `make ai-faults` does each 50 times.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Sum

from ai.models import AIStepExecution
from core.models import User
from engine.models import WorkflowExecution
from engine.services import WorkflowEngine
from engine.workflows import create_workflow
from tests.ai.endpoint import KEY, completion, pieces, serving
from tests.support.aimock import aimock
from tests.support.workers import Worker, finish, stop_shared_workers
from tests.support.workflows import definition, start, step

RUNS = int(os.environ.get("AI_FAULTS", "2"))
SECONDS = 120
MOST_MEMORY = 100 * 1024 * 1024  # less than a single one of the large answers
CALL_SECONDS = 2
ENVIRONMENT = {
    "OPENAI_API_KEY": KEY,
    "AI_RETRIES": "1",
    "AI_RETRY_DELAY": "0.02",
    "AI_REPAIRS": "1",
    "AI_TIMEOUT_SECONDS": str(CALL_SECONDS),
    "AI_FALLBACK_MODELS": "",
}
SCHEMA = {
    "type": "object",
    "properties": {"risk": {"enum": ["low", "high"]}},
    "required": ["risk"],
}
GOOD = '{"risk": "low"}'
TOKENS = 18
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": TOKENS}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What the endpoint does, and what each run makes of it.

    Attributes:
        response, options: aimock's; misbehaviour: of tests.ai.endpoint instead.
        code: the run's error; calls: how many it takes; tokens: what each of them reports.
        told: whether the endpoint counts what was not waited for.
    """

    name: str
    response: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    misbehaviour: str = ""
    code: str
    calls: int
    tokens: int = 0
    told: bool = True


FINE = {"content": GOOD, "usage": USAGE}
FAULTS = [
    Fault(
        name="latency",
        response=FINE,
        options={"chaos": {"latencyMs": 3 * CALL_SECONDS * 1000}},
        code="ai_timeout",
        calls=1,
        told=False,
    ),
    Fault(
        name="rate_limit",
        response={"error": {"message": "Slow down"}, "status": 429},
        code="ai_rate_limited",
        calls=2,
    ),
    Fault(
        name="server_error",
        response={"error": {"message": "Oops"}, "status": 500},
        code="ai_server_error",
        calls=2,
    ),
    Fault(
        name="hang_up",
        response=FINE,
        options={"chaos": {"disconnectRate": 1}},
        code="ai_connection_failed",
        calls=2,
    ),
    Fault(
        name="garbage",
        response=FINE,
        options={"chaos": {"malformedRate": 1}},
        code="ai_bad_response",
        calls=2,
    ),
    Fault(
        name="error_with_status_200",
        response={"error": {"message": "Overloaded"}, "status": 200},
        code="ai_bad_response",
        calls=2,
    ),
    Fault(
        name="invalid_json",
        response={"content": '{"risk": ', "usage": USAGE},
        code="ai_invalid_output",
        calls=2,
        tokens=TOKENS,
    ),
    Fault(
        name="wrong_schema",
        response={"content": '{"risk": "middling"}', "usage": USAGE},
        code="ai_invalid_output",
        calls=2,
        tokens=TOKENS,
    ),
    Fault(name="reset", misbehaviour="reset", code="ai_connection_failed", calls=2),
    Fault(name="cut", misbehaviour="cut", code="ai_connection_failed", calls=2),
    Fault(name="huge", misbehaviour="huge", code="ai_response_too_large", calls=1),
    Fault(name="cut_stream", misbehaviour="cut_stream", code="ai_connection_failed", calls=2),
    Fault(name="garbled_stream", misbehaviour="garbled_stream", code="ai_bad_response", calls=2),
    Fault(name="huge_stream", misbehaviour="huge_stream", code="ai_response_too_large", calls=1),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """An endpoint that can be told to fail and to recover, and a worker that asks it."""

    worker: Worker
    fail: Callable[[Fault], None]
    recover: Callable[[Fault], None]
    requests: Callable[[], int]


def a_worker(url: str, folder: Path) -> Iterator[Worker]:
    stop_shared_workers()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**ENVIRONMENT, "MODEL_ENDPOINT": url}.items():
            environment.setenv(name, value)
        worker = Worker("ai", pool="threads", concurrency=8, folder=folder, name="ai-faults")
        worker.start()
    try:
        yield worker
    finally:
        worker.stop()


# For a class each: only one worker at a time may take from the queue.
@pytest.fixture(scope="class")
def mocked(patient_flush: None, worker_folder: Path) -> Iterator[Site]:
    with aimock() as server:

        def fail(fault: Fault) -> None:
            server.reset()
            server.add_fixture({"model": fault.name}, fault.response, **fault.options)

        def recover(fault: Fault) -> None:
            server.reset()
            server.add_fixture({"model": fault.name}, FINE)

        for worker in a_worker(f"{server.url}/v1", worker_folder):
            yield Site(
                worker=worker,
                fail=fail,
                recover=recover,
                requests=lambda: len(server.get_journal()),
            )


@pytest.fixture(scope="class")
def raw(patient_flush: None, worker_folder: Path) -> Iterator[Site]:
    with serving() as endpoint:

        def fail(fault: Fault) -> None:
            endpoint.requests.clear()
            endpoint.answers = [(200, fault.misbehaviour)]

        def recover(fault: Fault) -> None:
            endpoint.requests.clear()
            streams = fault.name.endswith("_stream")
            good = pieces(GOOD, usage=USAGE) if streams else completion(GOOD, usage=USAGE)
            endpoint.answers = [(200, good)]

        for worker in a_worker(endpoint.url, worker_folder):
            yield Site(
                worker=worker,
                fail=fail,
                recover=recover,
                requests=lambda: len(endpoint.requests),
            )


def shown(fault: Fault) -> str:
    return fault.name


@pytest.mark.django_db(transaction=True)
class TestAimock:
    @pytest.mark.parametrize("fault", [f for f in FAULTS if not f.misbehaviour], ids=shown)
    def test_it_fails_and_recovers(self, fault: Fault, mocked: Site, user: User) -> None:
        fail_and_recover(fault, mocked, user)


@pytest.mark.django_db(transaction=True)
class TestConnection:
    @pytest.mark.parametrize("fault", [f for f in FAULTS if f.misbehaviour], ids=shown)
    def test_it_fails_and_recovers(self, fault: Fault, raw: Site, user: User) -> None:
        fail_and_recover(fault, raw, user)


def fail_and_recover(fault: Fault, site: Site, user: User) -> None:
    workflow = create_workflow(
        document=definition(
            step(
                "assess",
                step_type="AI_GENERATED",
                config={
                    "prompt": "How risky is case ${inputs.n}?",
                    "schema": SCHEMA,
                    "model": fault.name,
                },
            )
        ),
        owner=user,
    )
    assert site.worker.process is not None
    memory = Memory(site.worker.process.pid)
    site.fail(fault)
    runs = [start(workflow, user=user, data={"n": n}).id for n in range(RUNS)]
    for run in ended(runs):
        assert (run.status, run.error_code) == ("failed", fault.code)
        calls = AIStepExecution.objects.filter(step_execution__execution=run)
        assert [call.error_code for call in calls] == [fault.code] * fault.calls
        assert {call.response for call in calls} == {""}
        assert (spent(run.id) or 0) == fault.tokens * fault.calls
    assert AIStepExecution.objects.count() == RUNS * fault.calls
    if fault.told:
        assert site.requests() == RUNS * fault.calls, "every request is a row, and no more"
    assert memory.grown() < MOST_MEMORY

    site.recover(fault)
    for run_id in runs:
        WorkflowEngine().retry_workflow(run_id)
    for run in ended(runs):
        assert run.status == "completed"
        assert run.steps.get().output_data["data"] == {"risk": "low"}
        assert spent(run.id) == fault.tokens * fault.calls + TOKENS
    assert site.requests() == RUNS


def ended(runs: list[UUID]) -> list[WorkflowExecution]:
    return [finish(run_id, seconds=SECONDS) for run_id in runs]


def spent(execution_id: UUID) -> int | None:
    calls = AIStepExecution.objects.filter(step_execution__execution_id=execution_id)
    total: int | None = calls.aggregate(total=Sum("tokens_used"))["total"]
    return total


class Memory:
    """How much memory a process has taken at most since this was made, by Linux's count."""

    def __init__(self, pid: int) -> None:
        self.process = Path(f"/proc/{pid}")
        (self.process / "clear_refs").write_text("5")  # the high-water mark begins anew
        self.before = self._peak()

    def grown(self) -> int:
        """Bytes."""
        return self._peak() - self.before

    def _peak(self) -> int:
        found = re.search(r"VmHWM:\s+(\d+) kB", (self.process / "status").read_text())
        assert found is not None
        return int(found[1]) * 1024
