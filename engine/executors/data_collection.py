"""DATA_COLLECTION: values given at start, CSV or JSON sent with the call, or a person's form."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from typing import Any, ClassVar

from core.errors import InvalidInput, PlatformError, Problem
from core.json import parse_json
from engine import validation
from engine.context import JsonObject, WorkflowContext
from engine.definition import WorkflowStep
from engine.registry import register
from engine.step import StepRefused, StepResult, WaitingFor, WorkflowStepExecutor, conforms

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 200_000


class InvalidData(StepRefused):
    """The data does not have the expected form."""

    code = "invalid_data"


class InvalidAnswer(InvalidInput):
    """The answer does not fit the form."""

    code = "invalid_answer"


@register
class DataCollectionExecutor(WorkflowStepExecutor):
    """Brings data into a run."""

    step_type = "DATA_COLLECTION"
    description = "Takes values, CSV or JSON sent at the start, or asks a person to fill in a form."
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
                    "columns": {
                        "type": "object",
                        "minProperties": 1,
                        "additionalProperties": {"enum": ["text", "number", "integer", "boolean"]},
                    },
                    "delimiter": {"type": "string", "minLength": 1, "maxLength": 1},
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
                rows = _rows(text, config["columns"], config.get("delimiter", ","))
                return {"rows": rows, "count": len(rows)}
            case "json":
                return {"data": _json(context.inputs, config)}
            case _:
                return StepResult(
                    waiting_for=WaitingFor(
                        kind="person",
                        title=config["title"],
                        form=config["form"],
                        details=config.get("details", {}),
                    )
                )

    def validate(self, step: WorkflowStep, context: WorkflowContext) -> bool:
        return conforms(self, step)

    def get_required_inputs(self) -> list[str]:
        return []

    def get_outputs(self) -> list[str]:
        return []

    def is_inline(self, step: WorkflowStep) -> bool:
        return bool(step.config["source"] != "csv")

    def problems(self, step: WorkflowStep) -> list[Problem]:
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

    def answer(self, step: WorkflowStep, context: WorkflowContext, answer: Any) -> StepResult:
        if not isinstance(answer, dict):
            raise InvalidAnswer(problems=[Problem("answer", "an answer is an object")])
        problems = validation.check_value(answer, schema=step.config["form"], path="answer")
        if problems:
            raise InvalidAnswer(problems=problems)
        return StepResult(output=answer)


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


def _rows(text: str, columns: dict[str, str], delimiter: str) -> list[JsonObject]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter)
    try:
        header = reader.fieldnames or []
        if missing := [name for name in columns if name not in header]:
            found = ", ".join(header)[:200]
            raise InvalidData(
                "The CSV has not all columns.",
                problems=[Problem(f"header.{n}", f"missing; found: {found}") for n in missing],
            )
        rows: list[JsonObject] = []
        problems: list[Problem] = []
        for line in reader:
            if len(rows) == MAX_ROWS:
                raise InvalidData(f"The CSV has more than {MAX_ROWS:,} rows.")
            row: JsonObject = {}
            for name, kind in columns.items():
                try:
                    row[name] = _CELLS[kind]((line[name] or "").strip())
                except ValueError:
                    shown = (line[name] or "")[:50]
                    problems.append(
                        Problem(f"line {reader.line_num}.{name}", f"'{shown}' is no {kind}")
                    )
            if len(problems) >= 20:
                break
            rows.append(row)
    except csv.Error as error:
        raise InvalidData(f"The CSV cannot be read: line {reader.line_num}: {error}") from None
    if problems:
        raise InvalidData("The CSV holds values of another type.", problems=problems)
    return rows


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError(text) from None


_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CELLS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "number": _number,
    "integer": int,
    "boolean": _boolean,
}
