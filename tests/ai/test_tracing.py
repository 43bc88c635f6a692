"""Spans of calls, as a real collector receives them."""

from __future__ import annotations

import logging
import os
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ai import client, errors
from ai.client import Caller
from core import tracing
from core.ids import uuid7
from tests.ai.endpoint import Endpoint, completion
from tests.support.traces import Collector, attributes, spans
from workflow_platform.logs import FailedExports

pytestmark = pytest.mark.django_db


def test_a_call_is_a_span_in_its_runs_trace(endpoint: Endpoint, collector: Collector) -> None:
    run = uuid7()
    asked = client.new_prompt("A secret question", timeout=5.0)
    caller = Caller(agent_type="step", execution_id=run, attempt=2)
    client.ask(asked, caller=caller)
    (span,) = spans(collector)
    assert (span.name, span.kind) == ("chat gpt-4o-mini", Span.SPAN_KIND_CLIENT)
    assert span.trace_id == run.bytes
    found = attributes(span)
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.max_tokens": 4096,
        "gen_ai.request.temperature": 0.7,
        "gen_ai.output.type": "text",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 500,
        "server.address": "127.0.0.1",
        "server.port": int(endpoint.url.split(":")[2].split("/")[0]),
        "workflow.agent_type": "step",
        "workflow.execution_id": str(run),
        "workflow.attempt": 2,
    }
    assert b"secret" not in span.SerializeToString()
    (resource,) = {attributes(each.resource)["service.name"] for each in collector.received}
    assert resource == "workflow-tests"
    sent = endpoint.headers[0]["traceparent"].split("-")
    assert sent[1:3] == [run.hex, span.span_id.hex()]


def test_every_call_has_its_own_span(
    endpoint: Endpoint, collector: Collector, settings: Any
) -> None:
    settings.AI_RETRIES = 1
    endpoint.answers = [(500, {"error": {"message": "secret"}}), (200, completion())]
    client.ask(client.new_prompt("x", timeout=5.0), caller=Caller(agent_type="tests"))
    failed, answered = spans(collector)
    assert attributes(failed)["error.type"] == "ai_server_error"
    assert (failed.status.code, answered.status.code) == (2, 0)
    assert b"secret" not in failed.SerializeToString()


def test_without_a_collector_nothing_is_traced(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    tracing.provider.cache_clear()
    client.ask(client.new_prompt("x", timeout=5.0), caller=Caller(agent_type="tests"))
    assert "traceparent" not in endpoint.headers[0]
    assert tracing.provider.cache_info().currsize == 0


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "workflow-platform"),
        ({"OTEL_SERVICE_NAME": "ours"}, "ours"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs,team=a"}, "theirs"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "team=a"}, "workflow-platform"),
    ],
)
def test_the_service_has_a_name(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], name: str
) -> None:
    for variable in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    resource = tracing._resource()
    assert resource.attributes["service.name"] == name
    assert ("team" in resource.attributes) == ("team=a" in str(given))


def test_a_collector_that_is_away_is_logged_in_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    for each in _export_filters():
        monkeypatch.setattr(each, "_quiet_until", 0.0)
    tracing.provider.cache_clear()
    for _ in range(3):
        tracing.begin("x", attributes={}).end()
        tracing.provider(os.getpid()).force_flush()
    tracing.close()
    tracing.provider.cache_clear()
    said = [each for each in caplog.records if each.name.startswith("opentelemetry")]
    assert [each.getMessage()[:25] for each in said] == ["Failed to export traces t"]
    assert said[0].exc_info is None


def test_an_exporter_that_breaks_logs_no_traceback_each_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for each in _export_filters():
        monkeypatch.setattr(each, "_quiet_until", 0.0)
    logger = logging.getLogger("opentelemetry.sdk._shared_internal")
    for number in range(3):
        try:
            raise ValueError
        except ValueError:
            logger.exception("Exception while exporting %s", number)
    assert [each.getMessage() for each in caplog.records] == ["Exception while exporting 0"]
    assert caplog.records[0].exc_info is None


def _export_filters() -> list[FailedExports]:
    names = "opentelemetry.exporter.otlp.proto.grpc.exporter", "opentelemetry.sdk._shared_internal"
    filters = [each for name in names for each in logging.getLogger(name).filters]
    return [each for each in filters if isinstance(each, FailedExports)]


def test_a_collector_that_is_away_fails_no_call(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    tracing.provider.cache_clear()
    caller = Caller(agent_type="tests")
    assert client.ask(client.new_prompt("x", timeout=5.0), caller=caller).text == "Fine."
    endpoint.answers = [(401, {})]
    with pytest.raises(errors.AIKeyRejected):
        client.ask(client.new_prompt("x", timeout=5.0), caller=caller)
    tracing.provider(os.getpid()).shutdown()
    tracing.provider.cache_clear()
