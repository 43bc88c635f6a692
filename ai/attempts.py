"""One call of a model: its row in ai_step_executions and its figures, whatever becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from decimal import Decimal
from types import TracebackType
from typing import Self
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from ai import metrics
from ai.calls import MAX_RECORDED, Caller, Lookup
from ai.models import AIStepExecution
from ai.pricing import cost_usd
from ai.providers.base import Completion, Prompt, Provider
from ai.rows import insert
from core.errors import PlatformError
from core.fields import seal
from core.ids import uuid7


class Attempt:
    """Entered before the call; when it is left, the row is written and the figures are counted."""

    def __init__(
        self,
        prompt: Prompt,
        caller: Caller,
        via: Provider,
        *,
        number: int = 1,
        pk: UUID | None = None,
    ) -> None:
        """Args:
        pk: the reservation's, by which a lost worker's row is found to be this one.
        """
        self.via = via
        self.asked = prompt.model
        self.completion: Completion | None = None
        self.started = time.monotonic()
        self.row = AIStepExecution(
            id=pk or uuid7(),
            step_execution_id=caller.step_execution_id,
            attempt=caller.attempt,
            call_number=number,
            user_id=caller.user_id,
            organisation_id=caller.organisation_id,
            workflow_id=caller.workflow_id,
            agent_type=caller.agent_type,
            provider=via.name,
            ai_model=prompt.model[:100],
            mode=prompt.mode if prompt.schema is not None else "",
            system=prompt.system or None,
            prompt=prompt.shown(),
            response="",
            # What escapes every handler, such as the worker's stop, leaves a row that says so.
            error_code="interrupted",
        )

    def __enter__(self) -> Self:
        self.started = time.monotonic()
        return self

    def answered(self, completion: Completion) -> None:
        """Takes over the answer: also one that does not fit has cost something."""
        self.completion = completion
        row = self.row
        row.ai_model = completion.model[:100]
        row.response = completion.text
        if completion.calls:
            row.tool_calls = [
                {"name": call.name[:100], "arguments": call.arguments[:MAX_RECORDED]}
                for call in completion.calls
            ]
        row.error_code = ""
        row.prompt_tokens = completion.prompt_tokens
        row.completion_tokens = completion.completion_tokens
        if completion.prompt_tokens is not None and completion.completion_tokens is not None:
            row.tokens_used = completion.prompt_tokens + completion.completion_tokens
        row.exact_cost_usd = self._cost(completion)
        row.cost_usd = row.exact_cost_usd

    def looked_up(self, lookups: Sequence[Lookup]) -> None:
        """Adds to the written row what became of the tools that the model asked for."""
        pk = self.row.pk
        told = seal(AIStepExecution, pk, "tool_calls", [asdict(each) for each in lookups])
        rows = AIStepExecution.objects.filter(pk=pk)
        _reconnecting(lambda: rows.update(tool_calls=told))

    def cached(self, *, model: str, response: str) -> None:
        """Takes over an answer that the cache held, which no model was asked for."""
        row = self.row
        row.cached = True
        row.ai_model, row.response, row.mode, row.error_code = model[:100], response, "", ""
        row.tokens_used = row.prompt_tokens = row.completion_tokens = 0
        row.exact_cost_usd = row.cost_usd = Decimal(0)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, PlatformError):
            # A failed call has no response.
            self.row.response = ""
            self.row.error_code = error.code
            self.row.error_message = error.message
        self._count()
        # The call is paid for.
        _reconnecting(self._insert)

    def _count(self) -> None:
        row = self.row
        elapsed = time.monotonic() - self.started
        row.execution_time_ms = round(elapsed * 1000)
        labels = (metrics.model_label(row.ai_model), row.agent_type)
        if row.cached:
            metrics.ai_cache_hits.labels(*labels).inc()
            return
        metrics.ai_request_duration.labels(*labels).observe(elapsed)
        metrics.ai_token_usage.labels(*labels).inc(row.tokens_used or 0)
        metrics.ai_request_cost.labels(*labels).inc(float(row.exact_cost_usd or 0))
        if row.error_code:
            metrics.ai_error_counter.labels(*labels, row.error_code).inc()

    def _insert(self) -> None:
        # Once, even where the first try was committed and its answer lost.
        insert(self.row)

    def _cost(self, completion: Completion) -> Decimal | None:
        if not self.via.endpoint:
            return Decimal(0)
        return cost_usd(
            model=completion.model,
            asked=self.asked,
            endpoint=self.via.endpoint,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            cached_tokens=completion.cached_tokens,
        )


def _reconnecting(act: Callable[[], object]) -> None:
    """Acts, and once more where the connection was cut while the model, or a tool, was at work."""
    try:
        act()
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        act()
