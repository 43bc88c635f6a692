"""Generating: a row for every attempt, and a draft that only its author sees."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.db import transaction

from ai import client
from ai.calls import Caller
from ai.generation.errors import ChangeNeedsModel
from ai.generation.generator import AGENT_TYPE, AIWorkflowGenerator, Draft, Requirements, Trace
from ai.models import AIWorkflowGeneration
from core.errors import PlatformError
from core.json import JsonObject
from core.models import Organisation, User
from engine import workflows
from engine.errors import NotAIConfigurable
from engine.models import Workflow


@dataclass(kw_only=True, slots=True)
class Generation:
    """An attempt that succeeded. `row` is saved with the workflow, or by `keep_proposal`."""

    row: AIWorkflowGeneration
    draft: Draft
    workflow: Workflow | None = None


def require_ai_configurable(workflow: Workflow) -> None:
    """Refuses every change by AI where the workflow does. Raises NotAIConfigurable."""
    if not workflow.ai_configurable:
        raise NotAIConfigurable(f"The workflow '{workflow.name}' does not allow changes by AI.")


def draw_up(
    *,
    requirements: Requirements,
    user: User,
    organisation: Organisation,
    base: Workflow | None = None,
) -> Generation:
    """Asks for a draft. An attempt that fails leaves its row at once, whatever else happens.

    Args:
        base: the workflow that is to be changed; nothing of it is.

    Raises:
        NotAIConfigurable, ChangeNeedsModel: `base` cannot be changed; no model is asked.
        RequirementsRefused, GenerationFailed, AIError: the row says why.
    """
    via = client.provider()
    generator = AIWorkflowGenerator(
        caller=Caller(
            agent_type=AGENT_TYPE,
            user_id=user.pk,
            organisation_id=organisation.pk,
            workflow_id=base.pk if base else None,
        ),
        via=via,
    )
    row = AIWorkflowGeneration(
        user=user,
        requirements={"requirements": requirements.text, **requirements.limits},
        success=False,
    )
    try:
        if base is not None:
            require_ai_configurable(base)
            if not via.endpoint:
                raise ChangeNeedsModel()
        draft = generator.generate(requirements)
    except PlatformError as error:
        row.error_code, row.error_message = error.code, _said(error)
        raise
    except Exception:
        row.error_code, row.error_message = "internal_error", "The generation broke off."
        raise
    else:
        row.success = True
    finally:
        _measured(row, generator.trace)
        if not row.success:
            row.save(force_insert=True)
    return Generation(row=row, draft=draft)


def keep_draft(generation: Generation, *, user: User, organisation: Organisation) -> Workflow:
    """Saves the draft as a private workflow of the user's: nothing shares, schedules or runs it."""
    with transaction.atomic():
        workflow = workflows.create_workflow(
            document=generation.draft.definition,
            owner=user,
            organisation=organisation,
            is_shared=False,
        )
        generation.workflow = generation.row.generated_workflow = workflow
        generation.row.save(force_insert=True)
    return workflow


def keep_proposal(generation: Generation) -> None:
    """Keeps the row alone: the definition is for its author to look at and to save."""
    generation.row.save(force_insert=True)


def _measured(row: AIWorkflowGeneration, trace: Trace) -> None:
    row.ai_model = (trace.model or "none")[:100]
    row.provider = trace.provider
    row.generation_time_ms = round((time.monotonic() - trace.started) * 1000)


def _said(error: PlatformError) -> str:
    listed = [f"{p.path}: {p.message}" for p in error.problems[:20]]
    return "\n".join([error.message, *listed])


def overview(generation: Generation) -> JsonObject:
    """What the API shows beside the workflow."""
    draft = generation.draft
    return {
        "generation_id": generation.row.pk,
        "definition": draft.definition,
        "explanations": draft.explanations,
        "not_covered": draft.not_covered,
        "suggested_schedule": draft.schedule,
        "analysis": draft.analysis,
        "templates": draft.examples,
        "patterns": draft.patterns,
        "model": draft.model,
        "provider": draft.provider,
        "notice": draft.notice,
        "attempts": draft.attempts,
        "workflow": generation.workflow,
    }
