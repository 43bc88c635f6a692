"""What a run's page shows, read in a bounded number of queries however many steps there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from core.errors import PlatformError
from engine import definitions, diagnosis
from engine.admin import controls, timeline
from engine.admin.access import ANSWER_STEP, operator, page_url, reads_payloads
from engine.admin.display import badge, elapsed, moment, payload, span
from engine.admin.lists import count_steps, is_waiting, settled
from engine.context import JsonObject
from engine.models import (
    ExecutionEvent,
    ExecutionStatus,
    StepExecution,
    StepStatus,
    WorkflowExecution,
)
from engine.waiting import Cause

STEPS_A_PAGE = 100
LATEST_EVENTS = 40
MAX_WAITING = 10
REFRESH_SECONDS = 5
_OPEN = (ExecutionStatus.PENDING, ExecutionStatus.RUNNING, ExecutionStatus.PAUSED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One event of the history, as text."""

    at: str
    kind: str
    step: str
    attempt: int
    told: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """What to know about a step: its error, what it waits for, when it is tried again."""

    kind: str
    text: str
    detail: str = ""


def context(request: HttpRequest, run: WorkflowExecution) -> dict[str, Any]:
    """Everything that the template of a run's page reads."""
    user = operator(request)
    allowed = reads_payloads(request)
    answers = user.has_perm(ANSWER_STEP)
    now = timezone.now()
    counts = count_steps([run.id])[run.id]
    open_now = run.status in _OPEN
    steps = run.steps.defer("input_data", "output_data")
    status = request.GET.get("status", "")
    chosen = steps.filter(status=status) if status in StepStatus.values else steps
    # The figures are at hand: no second count.
    pages = Paginator(chosen, STEPS_A_PAGE)
    pages.count = counts[status] if status in StepStatus.values else counts.total()
    page = pages.get_page(request.GET.get("page"))
    shown = list(page.object_list)
    names = step_names(run)
    drawn = timeline.draw(run, shown, _events(run, shown), names=names, now=now)
    asking = steps.filter(status=StepStatus.WAITING).exclude(waiting_for="budget")
    waiting = list(asking[:MAX_WAITING]) if open_now else []
    return {
        "run": run,
        "read": _read(allowed, bool(waiting) and answers),
        "state": run_state(run, counts),
        "open": open_now,
        "refresh": open_now and "refresh" in request.GET,
        "refresh_seconds": REFRESH_SECONDS,
        "controls": [(c, _control_url(run.id, c.name)) for c in controls.available(request, run)],
        "facts": _facts(run),
        "workflow_url": page_url(run.workflow),
        "settled": settled(counts),
        "total": counts.total(),
        "chips": _chips(counts, status),
        "status": status,
        "page": page,
        "timeline": drawn,
        "rows": [
            (row, page_url(row.step), note(row.step, now, allowed or answers, allowed))
            for row in drawn.rows
        ],
        "waiting": [
            {
                "name": names.get(step.position, step.step_id),
                "title": waiting_title(step, allowed or answers),
                "since": elapsed(step.started_at, None),
                "url": reverse("admin:workflow_engine_stepexecution_answer", args=[step.pk])
                if answers
                else "",
            }
            for step in waiting
        ],
        "hindrances": _hindrances(run, now),
        "error": payload(run, "error_message", allowed=allowed) if run.error_code else "",
        "payloads": [
            (label, payload(run, field, allowed=allowed))
            for label, field in (("Context", "context"), ("Results", "results"))
        ],
        "lines": history_lines(run.events.order_by("-id")[:LATEST_EVENTS]),
        "events_url": reverse("admin:workflow_engine_workflowexecution_events", args=[run.pk]),
    }


def _read(allowed: bool, asks: bool) -> list[str]:
    """Which payloads the page decrypts."""
    shown = ["context", "results", "error_message"] if allowed else []
    return [*shown, "waiting_data"] if allowed or asks else shown


def _hindrances(run: WorkflowExecution, now: datetime) -> list[tuple[str, str, str]]:
    """(cause, sentence, for how long) of what keeps the run, except those who are asked above."""
    return [
        (
            reason.cause.replace("_", " "),
            reason.message,
            span(now - reason.since) if reason.since else "",
        )
        for reason in diagnosis.reasons(run)
        if reason.cause not in (Cause.MOVING, Cause.PERSON)
    ]


def run_state(run: WorkflowExecution, counts: Counter[str]) -> SafeString:
    """The run's status, or what says more: that it waits, or that it is about to have failed."""
    if is_waiting(run, counts):
        return badge("waiting")
    if run.failing and run.completed_at is None:
        return badge("failed", "failing")
    return badge(run.status)


def step_names(run: WorkflowExecution) -> dict[int, str]:
    """Position -> name of the steps, from the definition that the run started with."""
    try:
        definition = definitions.load(run.definition_version_id)
    except PlatformError:
        return {}  # a step type that is not installed any more
    return {step.position: step.name for step in definition.steps}


def waiting_title(step: StepExecution, allowed: bool) -> str:
    """What a waiting step asks for, to those who may read it."""
    if not allowed:
        return ""
    try:
        data = step.waiting_data or {}
    except PlatformError as error:
        return f"(cannot be read: {error.message})"
    return str(data.get("title", ""))


def note(step: StepExecution, now: datetime, asks: bool, allowed: bool) -> Note | None:
    """What to know about the step now; None where it goes well."""
    if step.status == StepStatus.WAITING:
        return Note(
            kind="waiting", text=f"Waits for a {step.waiting_for}", detail=waiting_title(step, asks)
        )
    detail = payload(step, "error_message", allowed=allowed) if step.error_code else ""
    if step.status == StepStatus.READY and step.due_at is not None:
        when = f"in {span(step.due_at - now)}" if step.due_at > now else "now"
        code = f" after {step.error_code}" if step.error_code else ""
        return Note(kind="retried", text=f"Tries again {when}{code}", detail=detail)
    if step.status == StepStatus.READY and step.sends:
        return Note(kind="ready", text=f"{step.sends} messages presumed lost; sent again")
    if step.status == StepStatus.FAILED:
        return Note(kind="failed", text=step.error_code, detail=detail)
    return None


def history_lines(events: Iterable[ExecutionEvent]) -> list[Line]:
    """Events as the pages show them."""
    return [
        Line(
            at=f"{timezone.localtime(event.created_at):%Y-%m-%d %H:%M:%S.%f}"[:-3],
            kind=event.kind,
            step=f"{event.step_id}[{event.scope}]" if event.scope else event.step_id,
            attempt=event.attempt,
            told=_told(event.data),
        )
        for event in events
    ]


def _told(data: JsonObject) -> str:
    """Who and why first; a root that is the task itself says nothing."""
    shown = {key: data[key] for key in ("owner", "code") if key in data} | data
    if shown.get("root") == shown.get("task"):
        shown.pop("root", None)
    return ", ".join(f"{key} {value}" for key, value in shown.items() if value not in (None, ""))


def _events(run: WorkflowExecution, shown: list[StepExecution]) -> list[ExecutionEvent]:
    started = {step.step_id for step in shown if step.started_at or step.attempt}
    if not started:
        return []
    return list(run.events.filter(step_id__in=started, kind__in=timeline.EVENTS).order_by("id"))


def _facts(run: WorkflowExecution) -> list[tuple[str, str]]:
    number = run.definition_version.number
    return [
        ("Run", str(run.id)),
        ("Version", f"{run.definition_version.version} (number {number})"),
        ("Started by", str(run.user)),
        ("Session", run.session_id),
        ("Started", moment(run.started_at)),
        ("Ended", moment(run.completed_at)),
        ("Duration", elapsed(run.started_at, run.completed_at)),
    ]


def _chips(counts: Counter[str], chosen: str) -> list[tuple[str, int, bool]]:
    return [(s.value, counts[s], s == chosen) for s in StepStatus if counts[s]]


def _control_url(pk: UUID, name: str) -> str:
    return reverse(f"admin:workflow_engine_workflowexecution_{name}", args=[pk])
