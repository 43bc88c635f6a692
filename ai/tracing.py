"""One span a call of a model, by OpenTelemetry's conventions for generative AI, in its run's trace.

Below the span of the attempt of the step that asks (`core.tracing`). Spans hold no text of prompts
or answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import UUID

from opentelemetry import trace
from opentelemetry.trace import Span, SpanContext, SpanKind
from opentelemetry.util.types import AttributeValue

from ai.calls import Caller
from ai.models import AIStepExecution
from ai.providers.base import Completion, Prompt, Provider
from core import tracing


@contextmanager
def span(prompt: Prompt, caller: Caller, via: Provider) -> Iterator[Span]:
    """A span for the time of the block; one that records nothing where tracing is off."""
    if not tracing.on():
        yield trace.INVALID_SPAN
        return
    started = tracing.begin(
        f"chat {prompt.model}",
        under=_above(caller),
        kind=SpanKind.CLIENT,
        attributes=_request(prompt, caller, via),
    )
    with trace.use_span(
        started,
        end_on_exit=True,
        # An error's own words may quote the endpoint.
        record_exception=False,
        set_status_on_exception=False,
    ):
        yield started


def tell(span: Span, row: AIStepExecution, completion: Completion | None) -> None:
    """Adds to a call's span what became of the call."""
    if not span.is_recording():
        return
    if completion is not None:
        span.set_attribute("gen_ai.response.model", completion.model)
        span.set_attribute("gen_ai.response.finish_reasons", [_finish(completion)])
    if row.prompt_tokens is not None:
        span.set_attribute("gen_ai.usage.input_tokens", row.prompt_tokens)
    if row.completion_tokens is not None:
        span.set_attribute("gen_ai.usage.output_tokens", row.completion_tokens)
    if row.error_code:
        span.set_attribute("error.type", row.error_code)
        span.set_status(trace.StatusCode.ERROR, row.error_code)


def _request(prompt: Prompt, caller: Caller, via: Provider) -> dict[str, AttributeValue | None]:
    url = urlsplit(via.endpoint)
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": via.name,
        "gen_ai.request.model": prompt.model,
        "gen_ai.request.max_tokens": prompt.max_tokens,
        "gen_ai.request.temperature": prompt.temperature,
        "gen_ai.output.type": "text" if prompt.schema is None else "json",
        "server.address": url.hostname,
        "server.port": url.port,
        "workflow.agent_type": caller.agent_type,
        "workflow.id": _shown(caller.workflow_id),
        "workflow.execution_id": _shown(caller.execution_id),
        "workflow.step_execution_id": _shown(caller.step_execution_id),
        "workflow.attempt": caller.attempt,
    }


def _finish(completion: Completion) -> str:
    return "tool_calls" if completion.calls else completion.finish


def _shown(row_id: UUID | None) -> str | None:
    return None if row_id is None else str(row_id)


def _above(caller: Caller) -> SpanContext | None:
    """The attempt that asks, else the run; None outside of a run."""
    if caller.execution_id is None:
        return None
    if caller.step_execution_id is None:
        return tracing.of_run(caller.execution_id)
    return tracing.of_attempt(caller.execution_id, caller.step_execution_id, caller.attempt)
