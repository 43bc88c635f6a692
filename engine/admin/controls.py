"""Pause, resume, cancel and retry: from the list or a run's page, always behind a confirmation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.text import capfirst

from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import PlatformError
from engine.admin.access import ModelAdmin, operator
from engine.admin.display import short_id
from engine.admin.lists import count_steps
from engine.models import ExecutionStatus, StepStatus, WorkflowExecution
from engine.services import WorkflowEngine

MAX_RUNS = 500  # in one action
MAX_MESSAGES = 20
CONFIRMED = "confirmed"

Counts = Counter[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """One way to steer a run.

    Attributes:
        name, done: the verb, and what the run is afterwards.
        permission: what the operator needs.
        accepts: the statuses in which it does something.
        warning: what holds for every run.
        forecast: what will happen to the steps, from their number by status.
        act: does it; whether the run was in a state for it.
    """

    name: str
    done: str
    permission: str
    accepts: frozenset[str]
    warning: str
    forecast: Callable[[Counts], str]
    act: Callable[[WorkflowEngine, UUID], bool]

    def applies(self, run: WorkflowExecution) -> bool:
        """Whether it would do something now."""
        return run.status in self.accepts and not (self.name == "pause" and run.failing)

    def effect(self, run: WorkflowExecution, counts: Counts) -> str:
        """What will happen to the run, or why nothing will."""
        if self.applies(run):
            return self.forecast(counts)
        failing = run.failing and run.completed_at is None
        return f"nothing: the run is {'failing' if failing else run.status}"


def _steps(number: int, word: str = "") -> str:
    return f"{number:,}{f' {word}' if word else ''} step{'' if number == 1 else 's'}"


def _runs(number: int) -> str:
    return f"{number:,} run{'' if number == 1 else 's'}"


def _pause(counts: Counts) -> str:
    held = counts[StepStatus.PENDING] + counts[StepStatus.READY]
    running = _steps(counts[StepStatus.RUNNING], "running")
    return f"{running} will finish, {_steps(held)} will not start"


def _resume(counts: Counts) -> str:
    return f"{_steps(counts[StepStatus.READY], 'ready')} will go to the workers at once"


def _cancel(counts: Counts) -> str:
    ended = (StepStatus.PENDING, StepStatus.READY, StepStatus.RUNNING, StepStatus.WAITING)
    running = counts[StepStatus.RUNNING]
    return f"{_steps(sum(counts[s] for s in ended))} will be cancelled, {running:,} of them running"


def _retry(counts: Counts) -> str:
    return (
        f"{_steps(counts[StepStatus.FAILED], 'failed')} and "
        f"{_steps(counts[StepStatus.CANCELLED], 'cancelled')} will be opened again, "
        f"{_steps(counts[StepStatus.COMPLETED], 'completed')} will keep their results"
    )


CONTROLS: Mapping[str, Control] = {
    control.name: control
    for control in (
        Control(
            name="pause",
            done="paused",
            permission="workflow_engine.pause_workflowexecution",
            accepts=frozenset({ExecutionStatus.RUNNING}),
            warning="Steps that run now finish; no other step starts until the run is resumed.",
            forecast=_pause,
            act=WorkflowEngine.pause_workflow,
        ),
        Control(
            name="resume",
            done="resumed",
            permission="workflow_engine.pause_workflowexecution",
            accepts=frozenset({ExecutionStatus.PAUSED}),
            warning="The run goes on from where it was paused.",
            forecast=_resume,
            act=WorkflowEngine.resume_workflow,
        ),
        Control(
            name="cancel",
            done="cancelled",
            permission="workflow_engine.cancel_workflowexecution",
            accepts=frozenset(
                {ExecutionStatus.PENDING, ExecutionStatus.RUNNING, ExecutionStatus.PAUSED}
            ),
            warning="The run ends at once and for good. What running steps still return is "
            "dropped; what they have done outside stays done.",
            forecast=_cancel,
            act=WorkflowEngine.cancel_workflow,
        ),
        Control(
            name="retry",
            done="retried",
            permission="workflow_engine.retry_workflowexecution",
            accepts=frozenset({ExecutionStatus.FAILED}),
            warning="Failed steps are carried out again, with their effects outside, and then what "
            "was cancelled because of them.",
            forecast=_retry,
            act=WorkflowEngine.retry_workflow,
        ),
    )
}


def available(request: HttpRequest, run: WorkflowExecution) -> list[Control]:
    """What the operator may do with the run as it is now."""
    user = operator(request)
    return [c for c in CONTROLS.values() if c.applies(run) and user.has_perm(c.permission)]


def confirmation(
    site: admin.AdminSite,
    request: HttpRequest,
    control: Control,
    runs: Iterable[WorkflowExecution],
    *,
    back: str,
    hidden: Sequence[tuple[str, str]] = (),
) -> TemplateResponse:
    """The page that says what the control will do to each run, and asks.

    Args:
        back: the address to go back to.
        hidden: further fields that the form sends.
    """
    listed = list(runs)
    counts = count_steps(run.id for run in listed)
    context = {
        **site.each_context(request),
        "opts": WorkflowExecution._meta,
        "title": f"{capfirst(control.name)} {_runs(len(listed))}?",
        "control": control,
        "rows": [
            {"run": run, "id": short_id(run.id), "effect": control.effect(run, counts[run.id])}
            for run in listed
        ],
        "changed": sum(control.applies(run) for run in listed),
        "hidden": [(CONFIRMED, "yes"), *hidden],
        "back": back,
    }
    return TemplateResponse(request, "workflow_engine/admin/confirm.html", context)


def carry_out(
    model_admin: ModelAdmin[WorkflowExecution],
    request: HttpRequest,
    control: Control,
    runs: Iterable[WorkflowExecution],
) -> None:
    """Does it, run by run, and tells the operator what happened to each."""
    engine, actor = WorkflowEngine(), by_request(request)
    told: list[tuple[int, str]] = []
    done = 0
    for run in runs:
        name = f"{run.workflow.name} {short_id(run.id)}"
        try:
            with action(actor, f"execution.{control.name}", run) as entry:
                changed = control.act(engine, run.id)
                if changed:
                    model_admin.log_change(request, run, f"{capfirst(control.done)}.")
                else:
                    entry.refuse()
        except PlatformError as error:
            told.append((messages.ERROR, f"{name}: {error.message}"))
            continue
        done += changed
        if changed:
            told.append((messages.SUCCESS, f"{name}: {control.done}"))
        else:
            run.refresh_from_db(fields=["status", "failing", "completed_at"])
            told.append((messages.WARNING, f"{name}: {control.effect(run, Counter())}"))
    for level, text in told[:MAX_MESSAGES]:
        messages.add_message(request, level, text)
    if len(told) > MAX_MESSAGES:
        messages.info(request, f"{done:,} of {_runs(len(told))} {control.done} in all.")


def list_action(control: Control) -> Callable[..., TemplateResponse | None]:
    """The control as an action of the list of runs."""

    def act(
        model_admin: ModelAdmin[WorkflowExecution],
        request: HttpRequest,
        queryset: QuerySet[WorkflowExecution],
    ) -> TemplateResponse | None:
        runs = list(queryset[: MAX_RUNS + 1])
        if len(runs) > MAX_RUNS:
            messages.error(request, f"At most {MAX_RUNS} runs at a time: narrow the list down.")
            return None
        if CONFIRMED in request.POST:
            carry_out(model_admin, request, control, runs)
            return None
        hidden: list[tuple[str, Any]] = [(ACTION_CHECKBOX_NAME, str(run.id)) for run in runs]
        return confirmation(
            model_admin.admin_site,
            request,
            control,
            runs,
            back=request.get_full_path(),
            hidden=[("action", control.name), *hidden],
        )

    act.__name__ = control.name
    permission = control.permission.removeprefix("workflow_engine.").partition("_")[0]
    decorated: Callable[..., TemplateResponse | None] = admin.action(
        description=f"{capfirst(control.name)} selected runs", permissions=[permission]
    )(act)
    return decorated
