"""A collector of spans that speaks OpenTelemetry's protocol and keeps what it is sent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import (
    trace_service_pb2,
    trace_service_pb2_grpc,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from core import tracing
from engine import signals
from engine import spans as engine_spans


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it is sent.

    Attributes:
        url: where spans go.
    """

    url = ""

    def __init__(self) -> None:
        self.received: list[Any] = []

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        self.received += request.resource_spans
        return trace_service_pb2.ExportTraceServiceResponse()

    def spans(self) -> list[Span]:
        """What has come so far."""
        return [
            span
            for each in list(self.received)
            for scope in each.scope_spans
            for span in scope.spans
        ]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens."""
    made = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(made, server)  # type: ignore[no-untyped-call]
    made.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield made
    finally:
        server.stop(None)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector of what this process, and those that it starts now, trace."""
    with collecting() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "workflow-tests")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        tracing.provider.cache_clear()
        signals.execution_finished.connect(engine_spans.record_run, dispatch_uid="tests")
        try:
            yield made
        finally:
            signals.execution_finished.disconnect(dispatch_uid="tests")
            tracing.provider(os.getpid()).shutdown()
            tracing.provider.cache_clear()


def spans(collector: Collector) -> list[Span]:
    """What has come so far, all of this process's included."""
    tracing.provider(os.getpid()).force_flush()
    return collector.spans()


def attributes(found: Any) -> dict[str, Any]:
    """What a span or a resource says, by name."""
    values = {}
    for pair in found.attributes:
        value = pair.value
        kind = value.WhichOneof("value")
        values[pair.key] = (
            [item.string_value for item in value.array_value.values]
            if kind == "array_value"
            else getattr(value, kind)
        )
    return values
