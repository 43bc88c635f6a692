"""Spans of runs by OpenTelemetry: where they go, and ids that every process works out by itself.

OTEL_EXPORTER_OTLP_ENDPOINT turns it on; the other settings are OpenTelemetry's own OTEL_*
variables. The id of a run is the id of its trace, and the ids of its own span and of those of its
steps' attempts follow from the rows' ids: nothing is stored or sent along, so a trace holds
together across processes, retries and recovery.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.util.types import AttributeValue

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NAME = "workflow-platform"
_SPAN_IDS = 2**64
_making = threading.Lock()
# What the span that is being made is to be called; the SDK asks nobody but its generator of ids.
_wanted: ContextVar[SpanContext | None] = ContextVar("wanted", default=None)


def on() -> bool:
    """Whether there is somewhere to send spans."""
    return any(os.environ.get(name) for name in _ENDPOINTS)


def of_run(run_id: UUID, retries: int = 0) -> SpanContext:
    """The run's span; where it was retried, the span of what ran since."""
    if retries:
        return _made_of(run_id, run_id, retries)
    return _context(run_id, run_id.int % _SPAN_IDS)


def of_attempt(run_id: UUID, step_execution_id: UUID, attempt: int) -> SpanContext:
    """The span of one attempt of a run's step."""
    return _made_of(run_id, step_execution_id, attempt)


def begin(
    name: str,
    *,
    under: SpanContext | None = None,
    itself: SpanContext | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, AttributeValue | None],
    started: int | None = None,
) -> Span:
    """A new span, which the caller ends.

    Args:
        under: the span above it. None for a run's own; where `itself` is None too, whatever span
            is current.
        itself: its ids. None: the trace of `under`, and a random id of its own.
        attributes: those that are None are left out.
        started: nanoseconds since 1970; None: now.
    """
    token = _wanted.set(itself)
    try:
        return _tracer().start_span(
            name,
            context=None if under is itself is None else _within(under),
            kind=kind,
            attributes={key: value for key, value in attributes.items() if value is not None},
            start_time=started,
        )
    finally:
        _wanted.reset(token)


def wanted() -> SpanContext | None:
    """The ids that the span is to have that is being made."""
    return _wanted.get()


def close() -> None:
    """Sends what this process still holds. No effect where it has made no span."""
    if provider.cache_info().currsize:
        provider(os.getpid()).shutdown()


def _made_of(run_id: UUID, row_id: UUID, number: int) -> SpanContext:
    digest = blake2b(row_id.bytes + number.to_bytes(8, "big"), digest_size=8).digest()
    return _context(run_id, int.from_bytes(digest, "big") or 1)


def _context(run_id: UUID, span_id: int) -> SpanContext:
    return SpanContext(
        trace_id=run_id.int,
        span_id=span_id,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _within(above: SpanContext | None) -> Context:
    if above is None:
        return Context()
    return trace.set_span_in_context(NonRecordingSpan(above), Context())


def _tracer() -> trace.Tracer:
    with _making:
        return provider(os.getpid()).get_tracer("workflow_platform")


@lru_cache(maxsize=1)
def provider(pid: int) -> TracerProvider:
    """This process's own, made at its first span: gRPC does not survive a fork."""
    # Time and memory that only those pay who asked for traces.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from core.trace_ids import RunIds, RunSampler

    made = TracerProvider(id_generator=RunIds(), resource=_resource())
    made.sampler = RunSampler(made.sampler)  # OTEL_TRACES_SAMPLER
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


def _resource() -> Resource:
    """Who traces: OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES, else the platform."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource

    given = Resource.create()
    if not str(given.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return given
    return Resource.create({SERVICE_NAME: _NAME})
