"""DATA_COLLECTION: values, CSV or JSON sent at the start or read from a URL, or a person's form."""

from __future__ import annotations

from typing import Any, ClassVar

from core.errors import InvalidInput, PlatformError, Problem
from core.http.messages import HttpAnswer
from core.json import parse_json
from engine import calls, rules, validation
from engine.context import JsonObject, WorkflowContext
from engine.definition import WorkflowStep
from engine.registry import register
from engine.samples import sample
from engine.step import (
    Effect,
    StepResult,
    WaitingFor,
    WorkflowStepExecutor,
    as_result,
    conforms,
)
from engine.tables import CELLS, InvalidData, read_rows

MAX_BYTES = 10 * 1024 * 1024

_COLUMNS: JsonObject = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"enum": list(CELLS)},
}
_DELIMITER: JsonObject = {"type": "string", "minLength": 1, "maxLength": 1}
_EFFECTS: dict[str, Effect] = {"url": "call", "form": "person"}
# What belongs to one format of a URL's answer only.
_FORMAT_KEYS = {"json": {"schema"}, "csv": {"columns", "delimiter"}, "text": set[str]()}


class InvalidAnswer(InvalidInput):
    """The answer does not fit the form."""

    code = "invalid_answer"


@register
class DataCollectionExecutor(WorkflowStepExecutor):
    """Brings data into a run."""

    step_type = "DATA_COLLECTION"
    description = "Takes values, CSV or JSON sent at the start, reads a URL, or asks by a form."
    config_schema: ClassVar[JsonObject] = {
        "type": "object",
        "required": ["source"],
        "oneOf": [
            {
                "properties": {"source": {"const": "inputs"}, "fields": {"type": "object"}},
                "required": ["fields"],
                "additionalProperties": False,
            },
            {
                "properties": {
                    "source": {"const": "csv"},
                    "input": {"type": "string", "minLength": 1},
                    "columns": _COLUMNS,
                    "delimiter": _DELIMITER,
                },
                "required": ["input", "columns"],
                "additionalProperties": False,
            },
            {
                "properties": {
                    "source": {"const": "json"},
                    "input": {"type": "string", "minLength": 1},
                    "schema": {"type": "object"},
                },
                "required": ["input"],
                "additionalProperties": False,
            },
            {
                "properties": {
                    "source": {"const": "url"},
                    **calls.PROPERTIES,
                    "format": {"enum": ["json", "csv", "text"]},
                    "schema": {"type": "object"},
                    "columns": _COLUMNS,
                    "delimiter": _DELIMITER,
                },
                "required": ["url", "format"],
                "additionalProperties": False,
            },
            {
                "properties": {
                    "source": {"const": "form"},
                    "title": {"type": "string", "minLength": 1},
                    "form": {"type": "object"},
                    "details": {"type": "object"},
                },
                "required": ["title", "form"],
                "additionalProperties": False,
            },
        ],
    }

    def execute(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject | StepResult:
        config = step.config
        match config["source"]:
            case "inputs":
                return _fields(config["fields"], context.inputs)
            case "csv":
                text = _text(context.inputs, config["input"])
                return _table(text, config)
            case "json":
                return {"data": _json(context.inputs, config)}
            case "url":
                answer = calls.call(step, context)
                answer.raise_for_status()
                return _answered(answer, config)
            case _:
                return StepResult(
                    waiting_for=WaitingFor(
                        kind="person",
                        title=config["title"],
                        form=config["form"],
                        details=config.get("details", {}),
                    )
                )

    def simulate(self, step: WorkflowStep, context: WorkflowContext) -> StepResult:
        config = step.config
        if config["source"] != "url":
            return as_result(self.execute(step, context))
        match config["format"]:
            case "json":
                return StepResult(output={"data": sample(config.get("schema", {"type": "object"}))})
            case "csv":
                columns: dict[str, str] = config["columns"]
                row = {name: 1 if kind == "number" else "sample" for name, kind in columns.items()}
                return StepResult(output={"rows": [row], "count": 1})
        return StepResult(output={"text": "Sample text"})

    def validate(self, step: WorkflowStep, context: WorkflowContext) -> bool:
        return conforms(self, step)

    def get_required_inputs(self) -> list[str]:
        return []

    def get_outputs(self) -> list[str]:
        return []

    def effect(self, step: WorkflowStep) -> Effect:
        # Data of the wrong form ends the run here, on purpose.
        return _EFFECTS.get(step.config["source"], "guard")

    def is_inline(self, step: WorkflowStep) -> bool:
        return step.config["source"] not in ("csv", "url")

    def get_queue(self, step: WorkflowStep) -> str:
        return calls.QUEUE if step.config["source"] == "url" else self.queue

    def expressions(self, step: WorkflowStep) -> list[rules.Expression]:
        if step.config["source"] == "url":
            return calls.expressions(step.config)
        return super().expressions(step)

    def secrets(self, step: WorkflowStep) -> list[tuple[str, str]]:
        return calls.references(step.config) if step.config["source"] == "url" else []

    def resolve(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject:
        if step.config["source"] == "url":
            return calls.resolve(step.config, context)
        return super().resolve(step, context)

    def problems(self, step: WorkflowStep) -> list[Problem]:
        if step.config["source"] == "url" and (found := _url_problems(step.config)):
            return found
        for key in ("fields", "form"):
            schema = step.config.get(key, {"type": "object"})
            if schema.get("type", "object") != "object" or not schema.keys() & {
                "type",
                "properties",
            }:
                message = "is the JSON Schema of an object: its values stand in 'properties'"
                return [Problem(f"config.{key}", message)]
        return [
            problem
            for key in ("fields", "schema", "form")
            if key in step.config
            for problem in validation.schema_problems(step.config[key], f"config.{key}")
        ]

    def refusals(self, step: WorkflowStep) -> list[Problem]:
        return calls.refusals(step.config) if step.config["source"] == "url" else []

    def answer(self, step: WorkflowStep, context: WorkflowContext, answer: Any) -> StepResult:
        if not isinstance(answer, dict):
            raise InvalidAnswer(problems=[Problem("answer", "an answer is an object")])
        problems = validation.check_value(answer, schema=step.config["form"], path="answer")
        if problems:
            raise InvalidAnswer(problems=problems)
        return StepResult(output=answer)


def _url_problems(config: JsonObject) -> list[Problem]:
    found = calls.problems(config)
    chosen = config["format"]
    for form, keys in _FORMAT_KEYS.items():
        for key in sorted(keys & config.keys()):
            if form != chosen:
                found.append(Problem(f"config.{key}", f"'{key}' belongs to the format '{form}'"))
    if chosen == "csv" and "columns" not in config:
        found.append(Problem("config.columns", "a CSV needs its columns and their types"))
    return found


def _answered(answer: HttpAnswer, config: JsonObject) -> JsonObject:
    """The output of a source that is a URL."""
    if config["format"] == "json":
        value = answer.json()
        problems = validation.check_value(value, schema=config.get("schema"), path="data")
        if problems:
            raise InvalidData(problems=problems)
        return {"data": value}
    text = answer.text()
    if "\0" in text:
        raise InvalidData("The answer is not text.")
    found = {"text": text} if config["format"] == "text" else _table(text, config)
    return {key: answer.clean(value) for key, value in found.items()}


def _table(text: str, config: JsonObject) -> JsonObject:
    rows = read_rows(text, config["columns"], config.get("delimiter", ","))
    return {"rows": rows, "count": len(rows)}


def _fields(schema: JsonObject, inputs: JsonObject) -> JsonObject:
    wanted = schema.get("properties", inputs)
    values = {
        name: inputs[name] if name in inputs else wanted[name]["default"]
        for name in wanted
        if name in inputs or (isinstance(wanted[name], dict) and "default" in wanted[name])
    }
    problems = validation.check_value(values, schema=schema, path="inputs")
    if problems:
        raise InvalidData("The inputs do not have the expected form.", problems=problems)
    return values


def _text(inputs: JsonObject, name: str) -> str:
    value = inputs.get(name)
    path = f"inputs.{name}"
    if not isinstance(value, str):
        raise InvalidData(
            "The data is missing.", problems=[Problem(path, "text of the data is expected here")]
        )
    if len(value.encode()) > MAX_BYTES:
        raise InvalidData(
            "The data is too large.", problems=[Problem(path, f"at most {MAX_BYTES:,} bytes")]
        )
    return value


def _json(inputs: JsonObject, config: JsonObject) -> Any:
    path = f"inputs.{config['input']}"
    value = inputs.get(config["input"])
    if isinstance(value, str):
        try:
            value = parse_json(value.encode(), max_bytes=MAX_BYTES)
        except PlatformError as error:
            raise InvalidData(error.message, problems=error.problems) from None
    elif config["input"] not in inputs:
        raise InvalidData("The data is missing.", problems=[Problem(path, "JSON is expected here")])
    problems = validation.check_value(value, schema=config.get("schema"), path=path)
    if problems:
        raise InvalidData(problems=problems)
    return value
