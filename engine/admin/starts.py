"""'Run now': the page that asks for a run's context, and the start."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import PlatformError
from engine.admin.access import ModelAdmin, operator, page_url
from engine.admin.display import pretty, short_id
from engine.admin.forms import JsonObjectField, problem_texts, skeleton
from engine.models import Workflow, WorkflowExecution
from engine.services import WorkflowEngine


class RunForm(forms.Form):
    """What a run is started with. `token` makes a second click find the first one's run."""

    context = JsonObjectField(rows=16, help_text="What the run is started with: its inputs.")
    token = forms.UUIDField(widget=forms.HiddenInput)


def respond(
    model_admin: ModelAdmin[Workflow],
    request: HttpRequest,
    workflow: Workflow,
    *,
    page: dict[str, Any],
) -> HttpResponse:
    """The page that asks, with what was wrong with a posted context; the new run's page after a
    good one.

    Args:
        page: what every page of a workflow needs in its context.
    """
    inputs = workflow.definition.get("inputs")
    form = RunForm(initial={"context": skeleton(inputs), "token": uuid4()})
    if request.method == "POST":
        form = RunForm(request.POST)
        if form.is_valid():
            try:
                run = _start(model_admin, request, workflow, form.cleaned_data)
            except PlatformError as error:
                form.add_error("context", ValidationError(problem_texts(error)))
            else:
                return redirect(page_url(run))
    context = {
        **page,
        "title": f"Run {workflow}",
        "form": form,
        "schema": pretty(inputs) if inputs else "",
    }
    return TemplateResponse(request, "workflow_engine/admin/run.html", context)


def _start(
    model_admin: ModelAdmin[Workflow],
    request: HttpRequest,
    workflow: Workflow,
    values: dict[str, Any],
) -> WorkflowExecution:
    engine, user = WorkflowEngine(), operator(request)
    context = engine.context_manager.create_context(str(user.id), "admin", values["context"])
    with action(by_request(request), "execution.start") as entry:
        run = engine.execute_workflow(workflow, context, idempotency_key=f"admin:{values['token']}")
        entry.on(run)
        entry.tell(workflow=workflow.id)
        model_admin.log_change(request, workflow, f"Started the run {run.id}.")
    messages.success(request, f"{workflow.name} runs: {short_id(run.id)}.")
    return run
