"""One span a call of a model, by OpenTelemetry's conventions for generative AI, in its run's trace.

OTEL_EXPORTER_OTLP_ENDPOINT turns it on; the other settings are OpenTelemetry's own OTEL_*
variables. The id of a run is the id of its trace. Spans hold no text of prompts or answers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.util.types import AttributeValue

from ai.calls import Caller
from ai.models import AIStepExecution
from ai.providers.base import Completion, Prompt, Provider

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_making = threading.Lock()


@contextmanager
def span(prompt: Prompt, caller: Caller, via: Provider) -> Iterator[Span]:
    """A span for the time of the block; one that records nothing where tracing is off."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        yield trace.INVALID_SPAN
        return
    with _tracer().start_as_current_span(
        f"chat {prompt.model}",
        context=_run(caller.execution_id),
        kind=SpanKind.CLIENT,
        attributes=_request(prompt, caller, via),
        # An error's own words may quote the endpoint.
        record_exception=False,
        set_status_on_exception=False,
    ) as started:
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


def _request(prompt: Prompt, caller: Caller, via: Provider) -> dict[str, AttributeValue]:
    url = urlsplit(via.endpoint)
    found: dict[str, AttributeValue | None] = {
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
    return {name: value for name, value in found.items() if value is not None}


def _finish(completion: Completion) -> str:
    return "tool_calls" if completion.calls else completion.finish


def _shown(row_id: UUID | None) -> str | None:
    return None if row_id is None else str(row_id)


def _run(execution_id: UUID | None) -> Context | None:
    """The run as the parent: its id is the trace's, the id's random half that of its span."""
    if execution_id is None:
        return None
    parent = SpanContext(
        trace_id=execution_id.int,
        span_id=execution_id.int & (2**64 - 1),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def _tracer() -> trace.Tracer:
    with _making:
        return provider(os.getpid()).get_tracer("workflow_platform.ai")


@lru_cache(maxsize=1)
def provider(pid: int) -> TracerProvider:
    """This process's own, made at its first call: gRPC does not survive a fork."""
    # Time and memory that only those pay who asked for traces.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    made = TracerProvider()  # its name and sampler: OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made
