"""HTTP: a call to another system."""

from __future__ import annotations

from typing import Any, ClassVar

from core.errors import Problem
from core.http.client import METHODS
from core.http.errors import BadAnswer
from core.http.messages import Form, HttpAnswer
from engine import calls, rules
from engine.context import JsonObject, WorkflowContext
from engine.definition import WorkflowStep
from engine.registry import register
from engine.step import Effect, StepResult, WorkflowStepExecutor, conforms

_FORMS: tuple[Form, ...] = ("json", "form", "text")
# Sessions of the other system: nobody else needs them.
_KEPT_BACK = {"set-cookie", "set-cookie2"}


@register
class HttpExecutor(WorkflowStepExecutor):
    """Calls a URL and gives what it answers."""

    step_type = "HTTP"
    description = "Calls another system by HTTP, with secrets for its hosts."
    queue = calls.QUEUE
    config_schema: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            "method": {"enum": list(METHODS)},
            **calls.PROPERTIES,
            "json": {},
            "form": {"type": "object", "additionalProperties": calls.SCALAR},
            "text": {"type": "string"},
            "response": {"enum": ["auto", "json", "text", "none"]},
            "ok_statuses": {
                "type": "array",
                "items": {"type": "integer", "minimum": 300, "maximum": 599},
                "uniqueItems": True,
            },
        },
        "required": ["url"],
        "additionalProperties": False,
    }

    def execute(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject | StepResult:
        config = step.config
        form = next((form for form in _FORMS if form in config), None)
        answer = calls.call(
            step,
            context,
            method=config.get("method", "GET"),
            body=calls.body(config, form),
            form=form,
        )
        if answer.status not in config.get("ok_statuses", ()):
            answer.raise_for_status()
        return {
            "status": answer.status,
            "headers": {
                name: value for name, value in answer.headers.items() if name not in _KEPT_BACK
            },
            "body": _body(answer, config.get("response", "auto")),
        }

    def simulate(self, step: WorkflowStep, context: WorkflowContext) -> StepResult:
        kept = step.config.get("response", "auto")
        body: Any = {"text": "Sample text", "none": None}.get(kept, {})
        return StepResult(output={"status": 200, "headers": {}, "body": body})

    def validate(self, step: WorkflowStep, context: WorkflowContext) -> bool:
        return conforms(self, step)

    def get_required_inputs(self) -> list[str]:
        return []

    def get_outputs(self) -> list[str]:
        return ["status", "headers", "body"]

    def effect(self, step: WorkflowStep) -> Effect:
        return "call"

    def expressions(self, step: WorkflowStep) -> list[rules.Expression]:
        return calls.expressions(step.config)

    def secrets(self, step: WorkflowStep) -> list[tuple[str, str]]:
        return calls.references(step.config)

    def problems(self, step: WorkflowStep) -> list[Problem]:
        config = step.config
        forms = [form for form in _FORMS if form in config]
        found = calls.problems(config)
        if len(forms) > 1:
            found.append(Problem(f"config.{forms[1]}", "a request has one body"))
        elif forms and config.get("method", "GET") in ("GET", "HEAD"):
            found.append(Problem(f"config.{forms[0]}", "a GET or HEAD request has no body"))
        return found

    def refusals(self, step: WorkflowStep) -> list[Problem]:
        return calls.refusals(step.config)

    def resolve(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject:
        return calls.resolve(step.config, context)


def _body(answer: HttpAnswer, response: str) -> Any:
    """What the step's output holds of the answer's body. Raises BadAnswer."""
    if response == "none":
        return None
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or kind.endswith("+json")
    if response == "json" or (response == "auto" and is_json and not answer.is_empty):
        return answer.json()
    text = answer.text()
    if "\0" in text:
        raise BadAnswer("The answer is not text.")
    return text
