"""Forms for JSON, checked by the same parsers as the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from core.errors import PlatformError
from core.json import DEFAULT_MAX_BYTES, parse_json
from engine import definitions
from engine.context import JsonObject
from engine.definition import MAX_BYTES
from engine.models import Workflow

MAX_PRETTY = 1024 * 1024  # characters; a longer document is edited as it is
_NEW: dict[str, Any] = {
    "name": "New workflow",
    "description": "",
    "version": "1.0",
    "category": "general",
    "steps": [
        {
            "id": "greet",
            "name": "Greet",
            "step_type": "TRANSFORM",
            "config": {"output": {"text": "'Hello'"}},
            "dependencies": [],
        }
    ],
}
# PostgreSQL keeps no order of keys: the documented one reads better.
_DEFINITION_KEYS = (
    "id", "name", "description", "version", "category", "ai_configurable", "inputs", "steps",
    "entry_points", "exit_points", "outputs",
)  # fmt: skip
_STEP_KEYS = ("id", "name", "step_type", "description", "dependencies", "when", "config")
_BLANKS: Mapping[str, Any] = {
    "string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {},
}  # fmt: skip


class JsonField(forms.CharField):
    """JSON in a text area; its value is the parsed document."""

    def __init__(
        self, *, max_bytes: int = DEFAULT_MAX_BYTES, rows: int = 12, **kwargs: Any
    ) -> None:
        kwargs.setdefault(
            "widget",
            forms.Textarea(attrs={"rows": rows, "class": "wf-json", "spellcheck": "false"}),
        )
        super().__init__(**kwargs)
        self.max_bytes = max_bytes

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value  # what was typed, which may not be JSON
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) > MAX_PRETTY else json.dumps(value, indent=2, ensure_ascii=False)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return parse_json(text.encode(), max_bytes=self.max_bytes)
        except PlatformError as error:
            raise ValidationError(problem_texts(error)) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(json.loads(data or "null") != initial)
        except (ValueError, RecursionError):
            return True


class JsonObjectField(JsonField):
    """A JSON object in a text area."""

    def clean(self, value: Any) -> JsonObject:
        parsed = super().clean(value)
        if not isinstance(parsed, dict):
            raise ValidationError('A JSON object is expected here, such as {"amount": 5}.')
        return parsed


class WorkflowForm(forms.ModelForm):  # type: ignore[type-arg] # generic for the checker only
    """A workflow is its definition: name, version and category are read from there."""

    definition = JsonField(
        max_bytes=MAX_BYTES,
        rows=34,
        initial=_NEW,
        help_text="The whole definition. Saving a change makes a new version; runs keep theirs.",
    )

    class Meta:
        model = Workflow
        fields = ("definition", "organisation", "is_shared")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if field := self.fields.get("organisation"):
            field.required = False
            field.help_text = "Empty: your own." if self.instance._state.adding else ""
        if not self.instance._state.adding:
            self.initial["definition"] = arranged(self.instance.definition)

    def clean_definition(self) -> Any:
        document = self.cleaned_data["definition"]
        try:
            definitions.parse(document)
        except PlatformError as error:
            raise ValidationError(problem_texts(error)) from None
        return document

    def is_multipart(self) -> bool:
        # URL encoding would triple a large definition and run into the limit of a request's size.
        return True


def arranged(document: Any) -> Any:
    """A definition with its keys, and those of its steps, in the documented order."""
    if not isinstance(document, dict):
        return document
    found = _in_order(document, _DEFINITION_KEYS)
    if isinstance(found.get("steps"), list):
        found["steps"] = [
            _in_order(step, _STEP_KEYS) if isinstance(step, dict) else step
            for step in found["steps"]
        ]
    return found


def problem_texts(error: PlatformError) -> list[str]:
    """Each problem as one line that says where it is."""
    return [
        f"{problem.path}: {problem.message}" if problem.path else problem.message
        for problem in error.problems
    ] or [error.message]


def skeleton(schema: JsonObject | None) -> JsonObject:
    """An object to begin with: what a JSON Schema requires, with defaults or blanks."""
    properties = (schema or {}).get("properties", {})
    wanted = (schema or {}).get("required", list(properties))
    return {name: _blank(properties.get(name)) for name in wanted if isinstance(name, str)}


def _in_order(values: JsonObject, keys: tuple[str, ...]) -> JsonObject:
    return {key: values[key] for key in keys if key in values} | values


def _blank(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return None
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    if schema.get("type") == "object":
        return skeleton(schema)
    kind = schema.get("type")
    return _BLANKS.get(kind) if isinstance(kind, str) else None
