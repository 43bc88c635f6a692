"""A run's time line: the stretches of each step's time, and the bars that show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine import history
from engine.admin.display import NOTHING, span
from engine.admin.scale import Scale
from engine.models import ExecutionEvent, StepExecution, StepStatus, WorkflowExecution

RETRIED = "retried"
EVENTS = tuple(history.STEP_STATES)
_IDLE = (StepStatus.READY, StepStatus.WAITING)
_MOVING = (StepStatus.RUNNING, *_IDLE)

Key = tuple[str, str]  # step id, scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A stretch of one step's time.

    Attributes:
        kind: the status that colours it; `ready` is in the queue, `retried` an attempt that did
            not settle the step.
    """

    kind: str
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A bar, a tick or a break; `x` and `width` are SVG lengths, which need no style sheet."""

    x: str
    width: str = "0%"
    label: str = ""
    kind: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One step on the time line.

    Attributes:
        step: its row.
        name: its name in the definition.
        bars: the stretches of its time.
        begins: when it first started, since the run's start.
        took: its time on a worker; of a step that runs or waits, the time so far.
        worker: who ran it last.
    """

    step: StepExecution
    name: str
    bars: list[Mark]
    begins: str
    took: str
    worker: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """The rows of some steps of a run on one scale."""

    rows: list[Row]
    ticks: list[Mark]
    breaks: list[Mark]


def draw(
    run: WorkflowExecution,
    steps: Sequence[StepExecution],
    events: Sequence[ExecutionEvent],
    *,
    names: Mapping[int, str],
    now: datetime,
) -> Timeline:
    """The time line of these steps.

    Args:
        events: those of `steps` whose kind is one of EVENTS, in their order.
        names: position -> name.
    """
    told: dict[Key, list[ExecutionEvent]] = defaultdict(list)
    for event in events:
        told[event.step_id, event.scope].append(event)
    stretches = [phases(step, told[step.step_id, step.scope], now) for step in steps]
    start = run.started_at or run.created_at
    scale = Scale(
        ((run.completed_at or now) - start).total_seconds(),
        [
            ((phase.start - start).total_seconds(), (phase.end - start).total_seconds())
            for found in stretches
            for phase in found
            if phase.kind not in _IDLE
        ],
    )
    return Timeline(
        rows=[
            Row(
                step=step,
                name=names.get(step.position, step.step_id),
                bars=[_bar(phase, scale, start) for phase in found],
                begins=_begins(found, start),
                took=_took(step, found),
                worker=_worker(step, told[step.step_id, step.scope]),
            )
            for step, found in zip(steps, stretches, strict=True)
        ],
        ticks=[Mark(x=_percent(x), label=f"+{span(at)}" if at else "0") for x, at in scale.ticks()],
        breaks=[
            Mark(x=_percent(p.left), width=_percent(p.right - p.left), label=span(p.end - p.start))
            for p in scale.breaks
        ],
    )


def phases(step: StepExecution, events: Sequence[ExecutionEvent], now: datetime) -> list[Phase]:
    """The stretches of a step: in the queue, at work and waiting, as its history tells.

    A step without history has the one stretch that its row tells.
    """
    found: list[Phase] = []
    kind: str = step.status
    since = None if events else step.started_at
    for event in events:
        state = history.STEP_STATES[event.kind]
        if since is not None:
            found.append(Phase(kind=_shown(kind, state), start=since, end=event.created_at))
        kind, since = state, event.created_at if state in _MOVING else None
    if since is not None:
        found.append(Phase(kind=kind, start=since, end=max(step.completed_at or now, since)))
    return found


def _shown(kind: str, then: str) -> str:
    """The colour of a stretch: work is coloured by what came of it."""
    if kind in _IDLE:
        return kind
    return {
        StepStatus.READY: RETRIED,
        StepStatus.PENDING: RETRIED,
        StepStatus.WAITING: StepStatus.COMPLETED,
    }.get(StepStatus(then), then)


def _bar(phase: Phase, scale: Scale, start: datetime) -> Mark:
    left = scale.x((phase.start - start).total_seconds())
    right = scale.x((phase.end - start).total_seconds())
    name = "queued" if phase.kind == StepStatus.READY else phase.kind
    label = f"{name} {span(phase.end - phase.start)}"
    return Mark(x=_percent(left), width=_percent(right - left), label=label, kind=phase.kind)


def _begins(found: Sequence[Phase], start: datetime) -> str:
    begun = [phase.start for phase in found if phase.kind != StepStatus.READY]
    return f"+{span(begun[0] - start)}" if begun else NOTHING


def _took(step: StepExecution, found: Sequence[Phase]) -> str:
    if found and step.status in (StepStatus.WAITING, StepStatus.RUNNING):
        return span(found[-1].end - found[-1].start)
    if step.execution_time_ms is not None:
        return span(step.execution_time_ms / 1000)
    work = [phase for phase in found if phase.kind not in _IDLE]
    return span(work[-1].end - work[-1].start) if work else NOTHING


def _worker(step: StepExecution, events: Sequence[ExecutionEvent]) -> str:
    owners = [event.data.get("owner", "") for event in events if event.kind == history.STEP_STARTED]
    return step.lease_owner or (owners[-1] if owners else "")


def _percent(value: float) -> str:
    return f"{value:.3f}%"
