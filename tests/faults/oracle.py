"""Whether anything was lost or done twice: what must hold of every run, whatever happened to it."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from uuid import UUID

from django.db.models import Q

from engine import definitions, history
from engine.definition import WorkflowDefinition
from engine.models import ExecutionEvent, StepExecution, WorkflowExecution

OUTCOMES = {history.STEP_COMPLETED, history.STEP_FAILED, history.STEP_SKIPPED}
ENDED = {"completed", "failed", "cancelled"}
_MOVING = Q(status__in=("pending", "running"))


def rest(runs: Collection[UUID], *, seconds: float) -> None:
    """Waits until every run has ended or rightly waits, at most so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and _moving(runs):
        time.sleep(0.05)


def _moving(runs: Collection[UUID]) -> bool:
    """Whether a run is open whose next move is the engine's."""
    stirring = StepExecution.objects.filter(
        execution_id__in=runs, status__in=("ready", "running")
    ).exclude(execution__status="paused", status="ready")
    if stirring.exists():
        return True
    open_runs = WorkflowExecution.objects.filter(_MOVING, id__in=runs)
    return open_runs.exclude(
        id__in=StepExecution.objects.filter(status="waiting").values("execution_id")
    ).exists()


def problems(
    runs: Collection[UUID], *, effects: Path, expected: Collection[str] = ("completed",)
) -> Iterator[str]:
    """What is wrong with these runs.

    Args:
        effects: the folder in which steps leave their effects, a file a run.
        expected: the states in which a run may be.
    """
    events: dict[UUID, list[ExecutionEvent]] = defaultdict(list)
    for event in ExecutionEvent.objects.filter(execution_id__in=runs).order_by("id"):
        events[event.execution_id].append(event)
    rows: dict[UUID, list[StepExecution]] = defaultdict(list)
    for row in StepExecution.objects.filter(execution_id__in=runs).defer(
        "input_data", "output_data"
    ):
        rows[row.execution_id].append(row)
    found = WorkflowExecution.objects.defer("context", "results").in_bulk(list(runs))
    for run_id in runs:
        run = found.get(run_id)
        if run is None:
            yield f"run {run_id}: accepted, but gone"
            continue
        definition = definitions.of_run(run_id)
        checks = (
            _at_rest(run, rows[run_id], expected),
            _outcomes(rows[run_id], events[run_id]),
            _order(definition, events[run_id]),
            _replay(run, rows[run_id], events[run_id]),
            _counters(run, definition, rows[run_id]),
            _effects(run, rows[run_id], effects / str(run_id)),
        )
        for check in checks:
            for problem in check:
                yield f"run {run_id} ({definition.name}): {problem}"


def _at_rest(
    run: WorkflowExecution, rows: list[StepExecution], expected: Collection[str]
) -> Iterator[str]:
    states = Counter(row.status for row in rows)
    if run.status not in expected:
        stuck = [f"{r.step_id} {r.status} {r.attempt}" for r in rows if r.status != "pending"]
        yield f"is {run.status} ({run.error_code}), not {'/'.join(expected)}: {stuck[-8:]}"
    if run.status in ENDED:
        if left := {s for s in ("pending", "ready", "running", "waiting") if states[s]}:
            yield f"is {run.status} with steps {left}"
        if run.completed_at is None:
            yield "ended without a time"
    elif run.status == "running" and not states["waiting"]:
        yield f"runs, with nobody to wait for: {dict(states)}"
    for row in rows:
        if row.status != "running" and (row.lease_owner or row.lease_expires_at):
            yield f"step {row.step_id} is {row.status} and still leased"


def _outcomes(rows: list[StepExecution], events: list[ExecutionEvent]) -> Iterator[str]:
    """One committed outcome a step; one more for each time that an operator reset it."""
    ends = Counter(e.step_id for e in events if e.kind in OUTCOMES)
    resets = Counter(e.step_id for e in events if e.kind == history.STEP_RESET)
    attempts = Counter((e.step_id, e.attempt) for e in events if e.kind == history.STEP_STARTED)
    for row in rows:
        if ends[row.step_id] > 1 + resets[row.step_id]:
            yield f"step {row.step_id} has {ends[row.step_id]} outcomes"
        if row.status in ("completed", "failed", "skipped") and not ends[row.step_id]:
            yield f"step {row.step_id} is {row.status} without an outcome in the history"
    for (step_id, attempt), count in attempts.items():
        if count > 1:
            yield f"attempt {attempt} at step {step_id} started {count} times"


def _order(definition: WorkflowDefinition, events: list[ExecutionEvent]) -> Iterator[str]:
    """A step starts behind its dependencies' outcomes, and never while the run is held."""
    settled: set[str] = set()
    held = ""
    for event in events:
        if event.kind in OUTCOMES:
            settled.add(event.step_id)
        elif event.kind == history.STEP_RESET:
            settled.discard(event.step_id)
        elif event.kind == history.STEP_STARTED:
            missing = set(definition.step(event.step_id).dependencies) - settled
            if missing:
                yield f"step {event.step_id} started before {sorted(missing)[:3]}"
            if held:
                yield f"step {event.step_id} started after {held}"
        elif event.kind in (history.EXECUTION_RESUMED, history.EXECUTION_RETRIED):
            held = ""
        elif event.kind in (
            history.EXECUTION_PAUSED,
            history.EXECUTION_FAILING,
            history.EXECUTION_CANCELLED,
            history.EXECUTION_COMPLETED,
        ):
            held = event.kind


def _replay(
    run: WorkflowExecution, rows: list[StepExecution], events: list[ExecutionEvent]
) -> Iterator[str]:
    status, states = history.replay(events)
    if status != run.status:
        yield f"is {run.status}, its history says {status}"
    for row in rows:
        told = states.get((row.step_id, row.scope), "pending")
        if told != row.status:
            yield f"step {row.step_id} is {row.status}, its history says {told}"


def _counters(
    run: WorkflowExecution, definition: WorkflowDefinition, rows: list[StepExecution]
) -> Iterator[str]:
    if run.status != "completed":
        return
    if run.exits_left:
        yield f"completed with {run.exits_left} exits left"
    for row in rows:
        before = len(definition.graph.dependencies[row.position])
        if row.arrived != before or row.live > before:
            yield f"step {row.step_id} counts {row.arrived}, {row.live} of {before}"


def _effects(run: WorkflowExecution, rows: list[StepExecution], path: Path) -> Iterator[str]:
    """Effects repeat only under the same idempotency key, and none is missing."""
    lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    seen: dict[str, set[str]] = defaultdict(set)
    tries: Counter[tuple[str, str]] = Counter()
    for step_id, attempt, key in lines:
        seen[step_id].add(key)
        tries[step_id, attempt] += 1
    for step_id, keys in seen.items():
        if len(keys) > 1:
            yield f"step {step_id} had effects under {len(keys)} keys"
        if keys != {f"{run.id}/{step_id}/"}:
            yield f"step {step_id} had effects under the key {keys}"
    for (step_id, attempt), count in tries.items():
        if count > 1:
            yield f"attempt {attempt} at step {step_id} had its effect {count} times"
    for row in rows:
        if row.step_type == "EFFECT" and row.status == "completed" and row.step_id not in seen:
            yield f"step {row.step_id} completed without its effect"
