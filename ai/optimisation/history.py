"""What past runs of a workflow show of each step, as far as the step was then what it is now."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Avg, Count, Max, Q, Sum

from ai.models import AIStepExecution
from ai.optimisation.values import History, StepHistory
from core.json import JsonObject
from core.models import User
from engine.models import StepExecution, StepStatus, Workflow, WorkflowVersion
from engine.selectors import executions_for

DAYS = 90
_MOST_RUNS = 1_000
_MOST_VERSIONS = 20
# They say nothing about how long a step takes or whether it fails.
_WORDS = {"name", "description", "dependencies", "ai_generated", "ai_prompt", "ai_configurable"}
_COMPLETED, _FAILED = StepStatus.COMPLETED, StepStatus.FAILED


def read_history(*, user: User, workflow: Workflow, document: JsonObject) -> History:
    """How the last runs went that the user may see: up to 1,000 of the last 90 days."""
    since = datetime.now(UTC) - timedelta(days=DAYS)
    runs = list(
        executions_for(user)
        .filter(workflow_id=workflow.id, created_at__gte=since, completed_at__isnull=False)
        .order_by("-created_at", "-id")
        .values_list("id", "definition_version_id")[:_MOST_RUNS]
    )
    same = _same_steps(document, {version for _, version in runs})
    of_version: dict[UUID, list[UUID]] = defaultdict(list)
    for run, version in runs:
        of_version[version].append(run)
    found: dict[str, list[StepHistory]] = defaultdict(list)
    looked_at = 0
    for version, step_ids in same.items():
        looked_at += len(of_version[version])
        for step_id, each in _steps(of_version[version], step_ids).items():
            found[step_id].append(each)
    steps = {step_id: _together(parts) for step_id, parts in found.items()}
    return History(runs=looked_at, days=DAYS, steps=steps)


def _same_steps(document: JsonObject, versions: Iterable[UUID]) -> dict[UUID, list[str]]:
    """Version -> the steps that work in it as they do in the document."""
    now = {step["id"]: _work(step) for step in document["steps"]}
    rows = WorkflowVersion.objects.filter(id__in=list(versions)).order_by("-number")
    return {
        row.id: [s["id"] for s in row.definition["steps"] if now.get(s["id"]) == _work(s)]
        for row in rows[:_MOST_VERSIONS]
    }


def _work(step: JsonObject) -> JsonObject:
    return {key: value for key, value in step.items() if key not in _WORDS}


def _steps(runs: list[UUID], step_ids: list[str]) -> dict[str, StepHistory]:
    rows = StepExecution.objects.filter(execution_id__in=runs, step_id__in=step_ids)
    figures = {
        row["step_id"]: row
        for row in rows.values("step_id")
        .annotate(
            completed=Count("id", filter=Q(status=_COMPLETED)),
            failed=Count("id", filter=Q(status=_FAILED)),
            recovered=Count("id", filter=Q(status=_COMPLETED, failures__gt=0)),
            exhausted=Count("id", filter=Q(status=_FAILED, attempt__gt=1)),
            mean_ms=Avg("execution_time_ms", filter=Q(status=_COMPLETED)),
            longest_ms=Max("execution_time_ms", filter=Q(status=_COMPLETED)),
        )
        .order_by()
    }
    codes: dict[str, Counter[str]] = defaultdict(Counter)
    failed = rows.filter(status=_FAILED).values_list("step_id", "error_code")
    for step_id, code, count in failed.annotate(n=Count("id")).order_by():
        codes[step_id][code] = count
    calls = AIStepExecution.objects.filter(
        step_execution__execution_id__in=runs, step_execution__step_id__in=step_ids
    )
    asked = {
        row["step_execution__step_id"]: row
        for row in calls.values("step_execution__step_id")
        .annotate(
            calls=Count("id"),
            mean_prompt_tokens=Avg("prompt_tokens"),
            longest_answer_tokens=Max("completion_tokens"),
            cost=Sum("exact_cost_usd"),
        )
        .order_by()
    }
    return {
        step_id: _of(row, codes[step_id], asked.get(step_id, {}))
        for step_id, row in figures.items()
        if row["completed"] or row["failed"]
    }


def _of(row: Mapping[str, Any], codes: Counter[str], asked: Mapping[str, Any]) -> StepHistory:
    cost = asked.get("cost")
    return StepHistory(
        runs=row["completed"] + row["failed"],
        completed=row["completed"],
        failed=row["failed"],
        recovered=row["recovered"],
        exhausted=row["exhausted"],
        mean_ms=row["mean_ms"],
        longest_ms=row["longest_ms"],
        codes=dict(codes),
        calls=asked.get("calls", 0),
        mean_prompt_tokens=asked.get("mean_prompt_tokens"),
        longest_answer_tokens=asked.get("longest_answer_tokens"),
        cost_usd=None if cost is None else float(cost),
    )


def _together(parts: list[StepHistory]) -> StepHistory:
    """One step's figures over several versions."""
    codes: Counter[str] = Counter()
    for part in parts:
        codes.update(part.codes)
    costs = [part.cost_usd for part in parts if part.cost_usd is not None]
    return StepHistory(
        runs=sum(part.runs for part in parts),
        completed=sum(part.completed for part in parts),
        failed=sum(part.failed for part in parts),
        recovered=sum(part.recovered for part in parts),
        exhausted=sum(part.exhausted for part in parts),
        mean_ms=_mean([(part.mean_ms, part.completed) for part in parts]),
        longest_ms=max((p.longest_ms for p in parts if p.longest_ms is not None), default=None),
        codes=dict(codes),
        calls=sum(part.calls for part in parts),
        mean_prompt_tokens=_mean([(part.mean_prompt_tokens, part.calls) for part in parts]),
        longest_answer_tokens=max(
            (p.longest_answer_tokens for p in parts if p.longest_answer_tokens is not None),
            default=None,
        ),
        cost_usd=sum(costs) if costs else None,
    )


def _mean(parts: list[tuple[float | None, int]]) -> float | None:
    known = [(float(value), count) for value, count in parts if value is not None and count]
    total = sum(count for _, count in known)
    return sum(value * count for value, count in known) / total if total else None
