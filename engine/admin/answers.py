"""Answering a waiting step: by buttons where it asks for a simple choice, else by JSON."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from core.audit.actors import by_request
from core.audit.recording import action, record_reading
from core.errors import PlatformError
from engine.admin.access import ModelAdmin, operator, page_url
from engine.admin.display import pretty
from engine.admin.forms import JsonObjectField, problem_texts, skeleton
from engine.context import JsonObject
from engine.errors import NotWaiting
from engine.models import StepExecution, StepStatus, WorkflowExecution
from engine.services import WorkflowEngine


class QuestionForm(forms.Form):
    """An answer, and the step's attempt that was shown with the question."""

    attempt = forms.IntegerField(required=False, min_value=1)


class AnswerForm(QuestionForm):
    """The answer to a form that asks for more than a choice."""

    answer = JsonObjectField(rows=14)


class ChoiceForm(QuestionForm):
    """The answer to a form that asks for one choice."""

    choice = forms.CharField()
    comment = forms.CharField(required=False)

    def clean(self) -> JsonObject:
        values = super().clean() or {}
        attempt = values.pop("attempt", None)
        answer = {name: value for name, value in values.items() if value}
        return {"answer": answer, "attempt": attempt}


def respond(
    model_admin: ModelAdmin[StepExecution],
    request: HttpRequest,
    step: StepExecution,
    *,
    page: dict[str, Any],
) -> HttpResponse:
    """The page that asks, with what was wrong with a posted answer; the run's page after a good
    one.

    Args:
        page: what every page of a step needs in its context.
    """
    run_url = page_url(step.execution)
    if step.status == StepStatus.WAITING and step.waiting_for == "budget":
        messages.warning(request, f"Step '{step}' waits for a budget, which nobody answers.")
        return redirect(run_url)
    if step.status != StepStatus.WAITING:
        messages.warning(request, f"Step '{step}' is {step.status} and does not wait any more.")
        return redirect(run_url)
    try:
        asked: JsonObject = step.waiting_data or {}
    except PlatformError as error:
        messages.error(request, f"What step '{step}' asks cannot be read: {error.message}")
        return redirect(run_url)
    record_reading(by_request(request), step, fields=["waiting_data"])
    schema = asked.get("form", {})
    choices = simple_choices(schema)
    form: forms.Form = AnswerForm(initial={"answer": skeleton(schema)})
    refused: list[str] = []
    if request.method == "POST":
        form = ChoiceForm(request.POST) if choices else AnswerForm(request.POST)
        if form.is_valid():
            try:
                _give(model_admin, request, step, form.cleaned_data)
            except NotWaiting as error:
                messages.warning(request, error.message)
                return redirect(run_url)
            except PlatformError as error:
                refused = problem_texts(error)
            else:
                return redirect(run_url)
    context = {
        **page,
        "title": asked.get("title") or f"Answer {step}",
        "details": [(key, pretty(value)) for key, value in asked.get("details", {}).items()],
        "schema": pretty(schema),
        "choices": choices,
        "asks_comment": "comment" in schema.get("properties", {}),
        "comment": request.POST.get("comment", ""),
        "form": form,
        "refused": refused,
    }
    return TemplateResponse(request, "workflow_engine/admin/answer.html", context)


def simple_choices(schema: JsonObject) -> list[tuple[str, str]]:
    """(value, label) where the form asks for one `choice`, and for no more than a comment
    besides.
    """
    properties = schema.get("properties", {})
    choice = properties.get("choice")
    if not set(properties) <= {"choice", "comment"} or not isinstance(choice, dict):
        return []
    options = choice.get("oneOf", [])
    if not all(isinstance(o, dict) and isinstance(o.get("const"), str) for o in options):
        return []
    return [(option["const"], str(option.get("title", option["const"]))) for option in options]


def _give(
    model_admin: ModelAdmin[StepExecution],
    request: HttpRequest,
    step: StepExecution,
    given: dict[str, Any],
) -> None:
    engine = WorkflowEngine()
    target = WorkflowExecution, step.execution_id
    with action(by_request(request), "step.answer", target, step=step.step_id) as entry:
        told = engine.answer_step(step.execution_id, step.step_id, **given, user=operator(request))
        entry.tell(**told)
        model_admin.log_change(request, step, "Answered.")
    messages.success(request, f"Step '{step}' has its answer; the run goes on.")
