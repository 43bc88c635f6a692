"""What step types share that call out: the guarded client, once for each attempt."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings

from core.errors import Problem
from core.http import client
from core.http.errors import RequestRefused, UrlRefused
from core.http.messages import Form, HttpAnswer, HttpRequest, header_fault, value_fault
from core.http.policy import current_policy
from core.http.secrets import SecretText
from core.http.targets import parse_target
from engine import credentials, rules, secrets
from engine.context import JsonObject, WorkflowContext
from engine.definition import WorkflowStep
from engine.values import written

QUEUE = "ai"
"""The queue of slow calls, whose workers have threads."""
# Keys of a configuration that may name secrets.
_CARRIERS = ("url", "query", "headers", "json", "form", "text")
_WHOLE_HOST = re.compile(r"[^/]*//[^/?#]*[/?#]")
# Definitions are read by every member, and are not encrypted.
_SECRET_HEADERS = {"authorization", "cookie", "x-api-key", "x-auth-token"}
SCALAR: JsonObject = {"type": ["string", "number", "boolean"]}

PROPERTIES: JsonObject = {
    "url": {"type": "string", "minLength": 1},
    "query": {
        "type": "object",
        "additionalProperties": {"anyOf": [SCALAR, {"type": "array", "items": SCALAR}]},
    },
    "headers": {"type": "object", "additionalProperties": SCALAR},
}
"""Of the configuration of a step that calls out."""


def call(
    step: WorkflowStep,
    context: WorkflowContext,
    *,
    method: str = "GET",
    body: Any = None,
    form: Form | None = None,
) -> HttpAnswer:
    """Sends what the step's configuration says, as filled in by `resolve`.

    Every attempt at the step carries the same header `Idempotency-Key`, so that a server that
    knows it does the work once.

    Raises:
        HttpError: the request failed; whatever was answered is no error yet.
    """
    config = step.config
    headers = {name: _text(value) for name, value in config.get("headers", {}).items()}
    key = context.metadata.get("idempotency_key")
    if key and "idempotency-key" not in {name.lower() for name in headers}:
        headers["Idempotency-Key"] = key
    request = HttpRequest(
        method=method,
        url=config["url"],
        query=[
            (name, _text(value))
            for name, given in config.get("query", {}).items()
            for value in (given if isinstance(given, list) else [given])
        ],
        headers=headers,
        body=body,
        form=form,
        timeout=step.timeout,
        max_bytes=settings.HTTP_MAX_BYTES,
    )
    return client.send(request, secrets=credentials.lookup(context))


def body(config: JsonObject, form: Form | None) -> Any:
    """The body that the configuration gives under the key `form`."""
    if form == "form":
        return {name: _text(value) for name, value in config[form].items()}
    return None if form is None else config[form]


def resolve(config: JsonObject, context: WorkflowContext) -> JsonObject:
    """The configuration with its `${...}` filled in; secrets have places only."""
    filled = {}
    for key, value in config.items():
        if key == "url":
            filled[key] = secrets.fill_url(value, context.data)
        elif key in _CARRIERS:
            filled[key] = secrets.fill(value, context.data)
        else:
            filled[key] = rules.interpolate(value, context.data)
    return filled


def expressions(config: JsonObject) -> list[rules.Expression]:
    """The expressions of the configuration, without the places of secrets."""
    found = []
    for key, value in config.items():
        read = secrets.expressions if key in _CARRIERS else rules.interpolations
        found += read(value, f"config.{key}")
    return found


def references(config: JsonObject) -> list[tuple[str, str]]:
    """The secrets that the configuration names, as (path, name)."""
    return [
        found for key in _CARRIERS for found in secrets.references(config.get(key), f"config.{key}")
    ]


def problems(config: JsonObject) -> list[Problem]:
    """What is wrong with the configuration, as far as it can be known before it runs."""
    found = [
        problem
        for key in _CARRIERS
        for problem in secrets.problems(config.get(key), f"config.{key}")
    ]
    if "${" not in config["url"]:
        try:
            parse_target(config["url"])
        except UrlRefused as error:
            found.append(Problem("config.url", error.message))
    for name, value in config.get("headers", {}).items():
        fault = header_fault(name)
        if name.lower() in _SECRET_HEADERS and "${" not in str(value):
            fault = f"the header '{name}' takes a secret: ${{secrets.name}}, not the value itself"
        if fault is not None:
            found.append(Problem(rules.below("config.headers", [name]), fault))
    return found


def refusals(config: JsonObject) -> list[Problem]:
    """What the guarded client would refuse here, as far as the configuration tells by itself.

    No name is resolved. Of a URL that is filled in, the host counts if it stands there in full.
    """
    found = []
    (is_literal, begin), *rest = rules.split_template(config["url"])
    if is_literal and (not rest or _WHOLE_HOST.match(begin)):
        try:
            current_policy().check(parse_target(begin))
        except RequestRefused as error:
            found.append(Problem("config.url", error.message))
    for name, value in config.get("headers", {}).items():
        # What is filled in may be anything: here it is a letter.
        parts = rules.split_template(value) if isinstance(value, str) else ()
        fixed = "".join(text if is_literal else "x" for is_literal, text in parts)
        if (fault := value_fault(name, fixed)) is not None:
            found.append(Problem(rules.below("config.headers", [name]), fault))
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, SecretText) else written(value)
