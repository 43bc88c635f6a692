"""A person's verdict on a model's answer: accept it, edit and accept it, or send the step back.

The answer waits in the step's `waiting_data`. A step that is sent back keeps there what was said of
its answers, and its next attempt tells the model. After `max_rejections` rejections one more fails
the step.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, Sum

from ai.calls import Answer
from ai.errors import AIAnswersRejected
from ai.models import AIStepExecution
from ai.safety.marking import Marked
from core.errors import Problem
from core.json import JsonObject
from engine import validation
from engine.context import WorkflowContext
from engine.definition import WorkflowStep
from engine.executors.data_collection import InvalidAnswer
from engine.models import StepExecution
from engine.step import Measurement, StepResult, WaitingFor

MAX_REJECTIONS = 3
MOST_REJECTIONS = 10
MAX_COMMENT = 5_000
_MAX_SHOWN = 20_000  # characters of a rejected answer that the model is shown again
REVIEW: JsonObject = {
    "oneOf": [
        {"type": "boolean"},
        {
            "type": "object",
            "properties": {
                "title": {"type": "string", "minLength": 1, "maxLength": 500},
                "max_rejections": {"type": "integer", "minimum": 0, "maximum": MOST_REJECTIONS},
            },
            "additionalProperties": False,
        },
    ]
}
"""JSON Schema of a step's `config.review`."""


def is_reviewed(step: WorkflowStep) -> bool:
    """Whether a person has to accept the step's answer."""
    return bool(step.config.get("review")) or step.config.get("review") == {}


def rejections(context: WorkflowContext) -> list[JsonObject]:
    """What was rejected of this step of this run so far, as `{"answer", "comment"}`."""
    found: list[JsonObject] = _asked(context).get("rejected", [])
    return found


def kept(step: WorkflowStep, context: WorkflowContext) -> JsonObject:
    """What a step that is asked again later has to know of its review."""
    return {"rejected": rejections(context)} if is_reviewed(step) else {}


def refuse_further(step: WorkflowStep, rejected: Sequence[JsonObject]) -> None:
    """Raises AIAnswersRejected where the model is not asked once more."""
    if len(rejected) > (most := _most(step)):
        raise AIAnswersRejected(
            f"The reviewer has rejected {len(rejected)} answers; after {most} (max_rejections) the"
            " model is not asked again."
        )


def told(prompt: str, rejected: Sequence[JsonObject]) -> str:
    """The prompt with what was said of earlier answers; only the last is shown again, as data."""
    if not rejected:
        return prompt
    marked = prompt if isinstance(prompt, Marked) else Marked.of([(prompt, False)])
    reasons = "\n".join(f"- {each['comment']}" for each in rejected)
    asked = "A person has rejected it. Answer anew, and heed what was said of your answers:"
    return Marked.of(
        [
            *marked.parts(),
            ("\n\nYour earlier answer was:\n", False),
            (rejected[-1]["answer"][:_MAX_SHOWN], True),
            (f"\n\n{asked}\n{reasons}", False),
        ]
    )


def question(
    step: WorkflowStep, output: JsonObject, *, rejected: Sequence[JsonObject]
) -> WaitingFor:
    """What the step waits for, with the model's answer in its details."""
    review = step.config["review"] if isinstance(step.config["review"], dict) else {}
    last = len(rejected) >= _most(step)
    choices = [
        ("accept", "Accept the answer"),
        ("edit", "Accept it as edited"),
        ("reject", "Reject it: the step fails" if last else "Reject it and ask again"),
    ]
    key, edited = _edited(step)
    return WaitingFor(
        kind="person",
        title=review.get("title", f"Is the answer of '{step.name}' right?"),
        form={
            "type": "object",
            "properties": {
                "choice": {
                    "type": "string",
                    "oneOf": [{"const": value, "title": label} for value, label in choices],
                    "default": "accept",
                },
                "comment": {
                    "type": "string",
                    "maxLength": MAX_COMMENT,
                    "description": "Needed to reject: the model is told why.",
                },
                key: edited,
            },
            "required": ["choice"],
            "additionalProperties": False,
        },
        details={"answer": output, "rejected": list(rejected)},
    )


def decide(step: WorkflowStep, context: WorkflowContext, said: Any) -> StepResult:
    """What becomes of the step: its output with the verdict, or another attempt.

    Raises:
        InvalidAnswer: the step goes on waiting.
    """
    output: JsonObject = _asked(context)["answer"]
    rejected = rejections(context)
    form = question(step, output, rejected=rejected).form
    _refuse(validation.check_value(said, schema=form, path="answer"))
    choice, comment = said["choice"], said.get("comment", "")
    key, _ = _edited(step)
    if (key in said) != (choice == "edit"):
        _refuse([Problem(f"answer.{key}", f"goes with the choice 'edit', and only with it: {key}")])
    if choice == "reject":
        if not comment.strip():
            _refuse([Problem("answer.comment", "say what is wrong: the model is told")])
        return StepResult(
            sent_back={"rejected": [*rejected, {"answer": output["text"], "comment": comment}]},
            told={"verdict": choice, "rejections": len(rejected) + 1},
        )
    if choice == "edit":
        output = output | _as_edited(step, said[key])
    verdict = {"choice": choice, "comment": comment, "rejections": len(rejected)}
    return StepResult(
        output=output | {"verdict": verdict},
        measurements=measured(UUID(context.metadata["step_execution_id"])),
        told={"verdict": choice, "rejections": len(rejected)},
    )


def measured(step_execution_id: UUID) -> list[Measurement]:
    """The figures of all attempts, from their rows."""
    found = AIStepExecution.objects.filter(step_execution_id=step_execution_id).aggregate(
        calls=Count("id", filter=Q(cached=False)),
        tokens=Sum("tokens_used"),
        cost=Sum("exact_cost_usd"),
    )
    figures = [Measurement(name="ai_calls", value=found["calls"], unit="calls")]
    for name, key, unit in (("ai_tokens", "tokens", "tokens"), ("ai_cost_usd", "cost", "USD")):
        if found[key] is not None:
            figures.append(Measurement(name=name, value=float(found[key]), unit=unit))
    return figures


def answered(answer: Answer) -> list[Measurement]:
    """The figures of one answer, with all the calls that it took."""
    figures = [Measurement(name="ai_calls", value=answer.calls, unit="calls")]
    if answer.tokens is not None:
        figures.append(Measurement(name="ai_tokens", value=answer.tokens, unit="tokens"))
    if answer.cost_usd is not None:
        figures.append(Measurement(name="ai_cost_usd", value=float(answer.cost_usd), unit="USD"))
    return figures


def _asked(context: WorkflowContext) -> JsonObject:
    """The details of the step's last question, also after it was sent back."""
    row = context.metadata.get("step_execution_id")
    found = StepExecution.objects.only("waiting_data").filter(id=row).first() if row else None
    asked: JsonObject = (found.waiting_data if found else None) or {}
    details: JsonObject = asked.get("details", {})
    return details


def _most(step: WorkflowStep) -> int:
    """How many rejections the model is asked again after."""
    review = step.config["review"] if isinstance(step.config["review"], dict) else {}
    most: int = review.get("max_rejections", MAX_REJECTIONS)
    return most


def _edited(step: WorkflowStep) -> tuple[str, JsonObject]:
    """The name and the schema of what a person may edit."""
    schema = step.config.get("schema")
    if schema is None:
        return "text", {"type": "string", "minLength": 1}
    # A reference in it would lead elsewhere from here; the answer is checked against it anyway.
    return "data", {} if '"$ref"' in json.dumps(schema) else schema


def _as_edited(step: WorkflowStep, value: Any) -> JsonObject:
    schema = step.config.get("schema")
    if schema is None:
        return {"text": value}
    _refuse(validation.check_value(value, schema=schema, path="answer.data"))
    return {"data": value, "text": json.dumps(value, ensure_ascii=False)}


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise InvalidAnswer(problems=problems)
