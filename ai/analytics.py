"""Figures of AI calls: cost, response time, success, tokens; by model, use, workflow, time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from ai.models import AIStepExecution
from analytics.periods import Period
from core.access import organisations_for
from core.json import JsonObject
from core.models import User
from engine.models import Workflow
from engine.selectors import workflows_for

MOST_WORKFLOWS = 50
# The endpoint turned these down before any model was at work.
FREE_FAILURES = ("ai_rate_limited", "ai_request_rejected")
_COLUMNS = (
    "ai_model", "agent_type", "workflow_id", "created_at", "error_code", "cached", "tokens_used",
    "prompt_tokens", "completion_tokens", "exact_cost_usd", "execution_time_ms",
)  # fmt: skip
_DIMENSIONS = ("model", "agent_type", "workflow_id", "point")
# GROUPING() tells a group by all from a group whose value is null: one scan gives every table.
_FIGURES = """
WITH calls AS (SELECT c.*, c.ai_model AS model,
                      date_trunc(%s, c.created_at, 'UTC') AS point FROM ({calls}) AS c)
SELECT GROUPING(model, agent_type, workflow_id, point) AS grouping,
       model, agent_type, workflow_id, point,
       count(*) AS calls,
       count(*) FILTER (WHERE error_code <> '') AS failed,
       count(*) FILTER (WHERE cached) AS cached,
       sum(exact_cost_usd) AS cost,
       count(*) FILTER (WHERE exact_cost_usd IS NULL AND error_code <> ALL(%s)) AS unknown_costs,
       avg(execution_time_ms) FILTER (WHERE error_code = '' AND NOT cached) AS mean_ms,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY execution_time_ms)
           FILTER (WHERE error_code = '' AND NOT cached) AS p95_ms,
       coalesce(sum(tokens_used), 0) AS tokens,
       coalesce(sum(prompt_tokens), 0) AS prompt_tokens,
       coalesce(sum(completion_tokens), 0) AS completion_tokens,
       count(*) FILTER (WHERE tokens_used IS NULL AND error_code = '') AS unknown_tokens
FROM calls
GROUP BY GROUPING SETS ((), (model), (agent_type), (workflow_id), (point))
ORDER BY calls DESC, model, agent_type, workflow_id, point
"""


def calls_for(user: User) -> QuerySet[AIStepExecution]:
    """The calls that the user may know of: those of workflows that they may see, and their own."""
    # Subqueries: a join would count a call once for each member of its organisation.
    own = Q(user=user, workflow=None, organisation__in=organisations_for(user))
    return AIStepExecution.objects.filter(Q(workflow__in=workflows_for(user)) | own)


def get_ai_analytics(calls: QuerySet[AIStepExecution], *, period: Period) -> JsonObject:
    """The documented figures of the calls of the period, in all and by what they differ in.

    `total_cost` (US dollars) is of the calls whose cost is known, None where no cost is known; what
    is not known is counted beside. Times are seconds. Means and rates of nothing are None.
    """
    groups: dict[str, list[JsonObject]] = {name: [] for name in ("", *_DIMENSIONS)}
    for row in _rows(calls, period):
        by = next((name for name in _DIMENSIONS if _grouped_by(row, name)), "")
        key = {by: row[by]} if by else {}
        groups[by].append(key | _figures(row))
    workflows = groups["workflow_id"][:MOST_WORKFLOWS]
    return {
        "time_period": period.text,
        "interval": period.interval,
        "start": period.start,
        "end": period.end,
        **groups[""][0],
        "by_model": groups["model"],
        "by_agent_type": groups["agent_type"],
        "by_workflow": _named(workflows),
        "by_period": sorted(
            ({"start": row.pop("point"), **row} for row in groups["point"]), key=_start
        ),
    }


def _rows(calls: QuerySet[AIStepExecution], period: Period) -> list[JsonObject]:
    within = calls.filter(created_at__gte=period.start, created_at__lte=period.end)
    sql, params = within.order_by().values(*_COLUMNS).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES.format(calls=sql), [period.interval, *params, list(FREE_FAILURES)])
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _grouped_by(row: JsonObject, name: str) -> bool:
    """Whether the row's group is one value of this dimension: its bit is then 0."""
    bit = 1 << (len(_DIMENSIONS) - 1 - _DIMENSIONS.index(name))
    return not row["grouping"] & bit


def _figures(row: JsonObject) -> JsonObject:
    calls, unknown = row["calls"], row["unknown_costs"]
    return {
        "calls": calls,
        "failed": row["failed"],
        "cached": row["cached"],
        "total_cost": row["cost"] if row["cost"] is not None or unknown else 0,
        "unknown_costs": unknown,
        "average_response_time": _seconds(row["mean_ms"]),
        "p95_response_time": _seconds(row["p95_ms"]),
        "success_rate": (calls - row["failed"]) / calls if calls else None,
        "token_usage": {
            "total": row["tokens"],
            "prompt": row["prompt_tokens"],
            "completion": row["completion_tokens"],
            "unknown": row["unknown_tokens"],
        },
    }


def _seconds(milliseconds: Any) -> float | None:
    return None if milliseconds is None else float(milliseconds) / 1000


def _start(row: JsonObject) -> datetime:
    start: datetime = row["start"]
    return start


def _named(rows: list[JsonObject]) -> list[JsonObject]:
    ids = [row["workflow_id"] for row in rows]
    names = dict(Workflow.objects.filter(id__in=ids).values_list("id", "name"))
    return [{**row, "name": names.get(row["workflow_id"], "")} for row in rows]
