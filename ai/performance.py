"""Performance tests that people write for their own workflows: how long the AI steps of a run take,
how many tokens, and what becomes of that when many run at once.

They ask the configured endpoint and need no worker: each run is carried out in its thread. A test::

    class TestInvoices(AIPerformanceTest):
        definition = json.loads(Path("invoices.json").read_text())
        inputs = {"text": "Invoice 17 over 250 EUR"}
        max_latency_seconds = 8
        max_tokens_per_run = 2_000
        concurrency = 20

`OPENAI_API_KEY=... python manage.py test` runs it, and so does pytest with pytest-django, on a test
database; what a test writes stays there until that is dropped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, ClassVar
from uuid import UUID

from django.db import connections
from django.test import TransactionTestCase

from ai.executors import AIGeneratedExecutor
from ai.models import AIStepExecution
from core.json import JsonObject
from core.models import User
from engine.inline import InlineBroker
from engine.models import ExecutionStatus, Workflow
from engine.registry import executors
from engine.services import WorkflowEngine
from engine.workflows import create_workflow


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What one run took.

    Attributes:
        seconds: of the whole run.
        call_seconds: of each call of a model.
        tokens: of all calls; unknown_tokens: calls that reported none.
        failed_calls: also those whose retry has succeeded.
    """

    execution_id: UUID
    status: str
    error_code: str
    seconds: float
    call_seconds: tuple[float, ...]
    tokens: int
    unknown_tokens: int
    failed_calls: int


class AIPerformanceTest(TransactionTestCase):
    """Subclass it, give it a definition, and set the thresholds that hold for your endpoint.

    Attributes:
        definition: the workflow as JSON; its steps must not wait for people.
        inputs: what each run is started with.
        runs: how many runs are measured one after the other.
        max_latency_seconds: within which 95 % of the calls of a model are answered.
        max_tokens_per_run: of prompts and answers together.
        concurrency: how many runs go on at once.
        max_slowdown: how many times as long a run may take among them as alone.
        slowdown_allowance_seconds: what it may take beside that: where an endpoint answers at once,
            a run is the platform's own work, for which all of them share one processor.
        max_failed_share: of runs that fail, and of calls.
        use_cache: whether answers that are kept count.
    """

    definition: ClassVar[JsonObject] = {}
    inputs: ClassVar[Mapping[str, Any]] = {}
    runs: ClassVar[int] = 5
    max_latency_seconds: ClassVar[float] = 10.0
    max_tokens_per_run: ClassVar[int] = 4_000
    concurrency: ClassVar[int] = 10
    max_slowdown: ClassVar[float] = 3.0
    slowdown_allowance_seconds: ClassVar[float] = 2.0
    max_failed_share: ClassVar[float] = 0.0
    use_cache: ClassVar[bool] = False

    def setUp(self) -> None:
        if not self.definition:
            self.skipTest("no definition was given")

    def _fixture_teardown(self) -> None:
        """Empties nothing: processes have the data keys in memory, and audit rows stay."""

    def test_llm_latency(self) -> None:
        """95 % of the calls of a model are answered in time."""
        found = self.measure(runs=self.runs)
        self.check_failures(found)
        seconds = sorted(each for one in found for each in one.call_seconds)
        self.assertTrue(seconds, "no model was asked")
        latency = quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]
        self.assertLessEqual(
            latency,
            self.max_latency_seconds,
            f"95 % of {len(seconds)} calls took up to {latency:.2f} s;"
            f" at most {self.max_latency_seconds:g} s are allowed",
        )

    def test_token_optimization(self) -> None:
        """No run takes more tokens than it may."""
        found = self.measure(runs=self.runs)
        self.check_failures(found)
        unknown = sum(one.unknown_tokens for one in found)
        self.assertFalse(unknown, f"the endpoint reported no tokens for {unknown} calls")
        most = max(one.tokens for one in found)
        self.assertLessEqual(
            most,
            self.max_tokens_per_run,
            f"a run took {most:,} tokens; at most {self.max_tokens_per_run:,} are allowed",
        )

    def test_concurrent_requests(self) -> None:
        """Many runs at once succeed, and take not much longer than one alone."""
        alone = self.measure(runs=1)
        together = self.measure(runs=self.concurrency, at_once=self.concurrency)
        self.check_failures([*alone, *together])
        slowest = max(one.seconds for one in together)
        allowed = self.allowed_seconds(alone[0].seconds)
        self.assertLessEqual(
            slowest,
            allowed,
            f"among {self.concurrency} runs at once one took {slowest:.2f} s, alone"
            f" {alone[0].seconds:.2f} s; at most {self.max_slowdown:g} times as long and"
            f" {self.slowdown_allowance_seconds:g} s are allowed",
        )

    def allowed_seconds(self, alone: float) -> float:
        """How long a run may take among others that takes so long alone."""
        return self.max_slowdown * alone + self.slowdown_allowance_seconds

    def measure(self, *, runs: int, at_once: int = 1) -> list[Measured]:
        """Carries out so many runs and tells what each took."""
        workflow = self.make_workflow()
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(lambda _: self._run(workflow), range(runs)))

    def make_workflow(self) -> Workflow:
        """The workflow, saved. Override it to set up what its steps need."""
        user, _ = User.objects.get_or_create(username="ai-performance")
        return create_workflow(document=self._document(), owner=user)

    def check_failures(self, found: list[Measured]) -> None:
        """Fails the test where too many runs or calls have failed."""
        failed = [one for one in found if one.status != ExecutionStatus.COMPLETED]
        codes = ", ".join(sorted({one.error_code or one.status for one in failed}))
        self.assertLessEqual(
            len(failed),
            self.max_failed_share * len(found),
            f"{len(failed)} of {len(found)} runs did not complete: {codes}",
        )
        calls = sum(len(one.call_seconds) + one.failed_calls for one in found)
        failed_calls = sum(one.failed_calls for one in found)
        self.assertLessEqual(
            failed_calls,
            self.max_failed_share * calls,
            f"{failed_calls} of {calls} calls of a model failed",
        )

    def _document(self) -> JsonObject:
        if self.use_cache:
            return dict(self.definition)
        known = executors()
        steps = [
            {**step, "config": {**step["config"], "cache": False}}
            if isinstance(known.get(step["step_type"]), AIGeneratedExecutor)
            else step
            for step in self.definition["steps"]
        ]
        return {**self.definition, "steps": steps}

    def _run(self, workflow: Workflow) -> Measured:
        try:
            return self._measured(workflow)
        finally:
            connections.close_all()  # this thread's

    def _measured(self, workflow: Workflow) -> Measured:
        broker = InlineBroker()
        engine = WorkflowEngine(broker.send)
        context = engine.context_manager.create_context(
            str(workflow.owner_id), "ai-performance", dict(self.inputs)
        )
        started = time.monotonic()
        run = engine.execute_workflow(workflow, context)
        broker.run()
        seconds = time.monotonic() - started
        run.refresh_from_db(fields=["status", "error_code"])
        calls = list(
            AIStepExecution.objects.filter(step_execution__execution=run).values_list(
                "error_code", "execution_time_ms", "tokens_used"
            )
        )
        answered = [(ms, tokens) for code, ms, tokens in calls if not code]
        return Measured(
            execution_id=run.id,
            status=run.status,
            error_code=run.error_code,
            seconds=seconds,
            call_seconds=tuple((ms or 0) / 1000 for ms, _ in answered),
            tokens=sum(tokens or 0 for _, tokens in answered),
            unknown_tokens=sum(tokens is None for _, tokens in answered),
            failed_calls=len(calls) - len(answered),
        )
