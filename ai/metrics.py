"""The documented Prometheus figures of AI calls."""

from __future__ import annotations

import threading

from prometheus_client import Counter, Histogram

ai_request_duration = Histogram(
    "ai_request_duration_seconds",
    "Time spent processing AI requests",
    ["model", "agent_type"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300),
)
ai_token_usage = Counter(
    "ai_token_usage_total", "Total tokens used by AI models", ["model", "agent_type"]
)
ai_error_counter = Counter(
    "ai_errors_total", "Total AI processing errors", ["model", "agent_type", "error_type"]
)
ai_request_cost = Counter(
    "ai_request_cost_dollars", "Total cost of AI requests", ["model", "agent_type"]
)
# Not among the documented ones, which count calls of models.
ai_cache_hits = Counter(
    "ai_cache_hits_total", "Answers taken from the cache", ["model", "agent_type"]
)
ai_tool_calls = Counter(
    "ai_tool_calls_total", "Calls of tools that models asked for", ["tool", "outcome"]
)
budget_alerts = Counter("ai_budget_alerts_total", "Soft limits passed", ["scope"])
budget_refusals = Counter(
    "ai_budget_refusals_total", "Calls not made because a hard limit left no room", ["scope"]
)
budget_unconfirmed = Counter(
    "ai_budget_unconfirmed_total", "Calls counted at their most, their cost not being known"
)
budget_bounds_passed = Counter(
    "ai_budget_bounds_passed_total", "Calls that cost more than was reserved for them"
)

_MOST_MODELS = 50
_models: set[str] = set()
_lock = threading.Lock()


def model_label(model: str) -> str:
    """The model's name; "other" beyond 50 names, which authors of workflows choose freely."""
    with _lock:
        if model not in _models and len(_models) >= _MOST_MODELS:
            return "other"
        _models.add(model)
    return model
