"""The engine's Prometheus figures."""

from __future__ import annotations

from functools import lru_cache

from prometheus_client import Counter, Histogram

executions_started = Counter("engine_executions_started_total", "Runs started")
executions_finished = Counter("engine_executions_finished_total", "Runs ended", ["status"])
steps_settled = Counter("engine_steps_settled_total", "Steps settled", ["step_type", "outcome"])
step_duration = Histogram(
    "engine_step_duration_seconds", "Time a step took on a worker", ["step_type"]
)
# The same without looking the labels up each time.
settled = lru_cache(steps_settled.labels)
duration_of = lru_cache(step_duration.labels)
publish_errors = Counter("engine_publish_errors_total", "Messages the broker did not take")
steps_resent = Counter("engine_steps_resent_total", "Steps whose message counted as lost")
leases_expired = Counter("engine_leases_expired_total", "Steps whose worker was lost")
