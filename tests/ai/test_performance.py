"""AIPerformanceTest as its users have it, against a real endpoint."""

from __future__ import annotations

import unittest
from typing import Any

import pytest

from ai import performance
from ai.models import AIStepExecution
from tests.ai.endpoint import Endpoint, completion, unmarked
from tests.support.workflows import definition, step

DOCUMENT = definition(
    step("first"),
    step(
        "comment",
        "first",
        step_type="AI_GENERATED",
        config={"prompt": "Comment on ${inputs.topic} and ${steps.first.output.value}"},
    ),
)
# The class leaves its rows, which this fixture takes away.
pytestmark = pytest.mark.usefixtures("transactional_db")


def outcome(method: str, **thresholds: Any) -> str:
    """What one test of a subclass with these thresholds says; "" where it passes."""
    given: dict[str, Any] = {
        "definition": DOCUMENT,
        "inputs": {"topic": "rain"},
        "runs": 3,
        "concurrency": 4,
        "max_slowdown": 1000.0,
        **thresholds,
    }
    case = type("TestComments", (performance.AIPerformanceTest,), given)(method)
    result = unittest.TestResult()
    case.run(result)
    assert result.testsRun == 1
    problems = [text for _, text in result.errors + result.failures]
    skipped = [f"skipped: {reason}" for _, reason in result.skipped]
    return "\n".join(problems + skipped)


@pytest.mark.parametrize(
    ("method", "calls"),
    [("test_llm_latency", 3), ("test_token_optimization", 3), ("test_concurrent_requests", 5)],
)
def test_what_keeps_within_its_thresholds_passes(
    method: str, calls: int, endpoint: Endpoint
) -> None:
    assert outcome(method) == ""
    assert len(endpoint.requests) == calls, "each asks anew, nothing comes from the cache"
    assert AIStepExecution.objects.count() == calls
    assert unmarked(endpoint.requests[0]["messages"][-1]["content"]).endswith(
        "Comment on rain and first"
    )


@pytest.mark.parametrize(
    ("method", "thresholds", "told"),
    [
        ("test_llm_latency", {"max_latency_seconds": 0.0}, "95 % of 3 calls took up to"),
        ("test_token_optimization", {"max_tokens_per_run": 1499}, "a run took 1,500 tokens"),
        (
            "test_concurrent_requests",
            {"max_slowdown": 0.0, "slowdown_allowance_seconds": 0.0},
            "among 4 runs at once one took",
        ),
        ("test_llm_latency", {"definition": {}}, "skipped: no definition was given"),
    ],
)
def test_what_does_not_fails(
    method: str, thresholds: dict[str, Any], told: str, endpoint: Endpoint
) -> None:
    assert told in outcome(method, **thresholds)


@pytest.mark.parametrize(
    ("thresholds", "alone", "allowed"),
    [
        ({}, 0.01, 2.03),  # 3 x 0.01 + 2: of an endpoint that answers at once
        ({}, 10.0, 32.0),
        ({"max_slowdown": 1.5, "slowdown_allowance_seconds": 0.0}, 2.0, 3.0),
    ],
)
def test_how_long_a_run_may_take_among_others(
    thresholds: dict[str, float], alone: float, allowed: float
) -> None:
    case = type("TestComments", (performance.AIPerformanceTest,), thresholds)("test_llm_latency")
    assert case.allowed_seconds(alone) == pytest.approx(allowed)


def test_failures_fail_every_test(endpoint: Endpoint) -> None:
    endpoint.answers = [(400, {"error": {"message": "no"}})]
    assert "3 of 3 runs did not complete: ai_request_rejected" in outcome("test_llm_latency")


def test_unknown_tokens_are_not_none(endpoint: Endpoint) -> None:
    endpoint.answers = [(200, completion(usage=None))]
    assert "reported no tokens for 3 calls" in outcome("test_token_optimization")
