"""What workers count is seen at the web's /metrics."""

from __future__ import annotations

import time

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from core.models import User
from tests.support.workers import finish
from tests.support.workflows import definition, start, step

ASK = {"step_type": "AI_GENERATED", "config": {"prompt": "Say that ${inputs.name} is well."}}


def figures() -> dict[str, float]:
    """Name -> sum over all labels of /metrics."""
    text = Client().get("/metrics").content.decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


@pytest.mark.usefixtures("worker", "ai_worker")
def test_a_workers_calls_are_counted(user: User) -> None:
    before = figures()
    run = finish(start(definition(step("ask", **ASK)), user=user, data={"name": "Ada"}).id)
    assert run.status == "completed"
    ended = "engine_executions_finished_total"  # counted by the reconciler's next round
    deadline = time.monotonic() + 30
    while figures().get(ended, 0) <= before.get(ended, 0) and time.monotonic() < deadline:
        time.sleep(0.2)
    after = figures()
    for name in (
        "ai_request_duration_seconds_count",
        "engine_steps_settled_total",
        ended,
    ):
        assert after[name] > before.get(name, 0), name
    assert after["ai_token_usage_total"] >= before.get("ai_token_usage_total", 0)
    assert "ai_request_cost_dollars_total" in after
