"""Every operation of the API, asked by everybody, against the table in docs/access.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from core.models import Scope, User
from core.tokens import issue_token
from tests.support.cast import SAMPLE
from tests.support.world import PASSWORD, ROLES, Names, World

ROOT = Path(__file__).resolve().parents[2]
OPENAPI: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text())
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, methods in OPENAPI["paths"].items()
    for method, operation in methods.items()
    if method in METHODS
}
ROW = re.compile(r"^\| `([A-Z]+ /\S+)` \| (\S+) \|(.*)\|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs/access.md").read_text())
TABLE = {name: dict(zip(ROLES, map(int, cells.split("|")), strict=True)) for name, _, cells in ROWS}
SCOPE = {name: scope for name, scope, _ in ROWS}
REQUIREMENTS = "We get a name and an amount. If the amount is above 100 the manager approves it."
EXECUTION = {"execution_id": "{execution_id}"}
# What a request says, in which {name} stands for an object's id; None: nothing.
BODIES: dict[str, Any] = {
    "POST /api/v1/auth/token": {"username": "viewer", "password": PASSWORD},
    "POST /api/v1/auth/session": {"username": "viewer", "password": PASSWORD},
    "POST /api/v1/auth/tokens": {"scope": "read"},
    "POST /api/v1/organisations": {"name": "New"},
    "PATCH /api/v1/organisations/{organisation_id}": {"name": "New"},
    "POST /api/v1/organisations/{organisation_id}/invitations": {"account": "{account}"},
    "PATCH /api/v1/organisations/{organisation_id}/members/{user_id}": {"role": "editor"},
    "POST /api/v1/credentials": {
        "organisation": "{organisation}",
        "name": "new", "value": "0123456789", "hosts": ["a.example"]
    },
    "PATCH /api/v1/credentials/{credential_id}": {"description": "New"},
    "POST /api/v1/ai/budgets": {
        "organisation": "{organisation}", "scope": "user", "hard_limit_usd": "10"
    },
    "PATCH /api/v1/ai/budgets/{budget_id}": {"hard_limit_usd": "20"},
    "POST /api/v1/workflows": {"definition": SAMPLE, "organisation": "{organisation}"},
    "POST /api/v1/workflows/validate": {"definition": SAMPLE},
    "POST /api/v1/workflows/plan": {"definition": SAMPLE},
    "PUT /api/v1/workflows/{workflow_id}": {"definition": SAMPLE},
    "PATCH /api/v1/workflows/{workflow_id}": {"organisation": "{organisation}"},
    "POST /api/v1/workflows/{workflow_id}/feedback": {
        "execution_id": "{ended_execution}", "rating": 4
    },
    "POST /api/v1/workflows/{workflow_id}/versions/{number}/publish": {"against": 1},
    "POST /api/v1/workflows/{workflow_id}/execute": {"context": {"data": {"amount": 1}}},
    "POST /api/v1/workflows/{workflow_id}/pause": EXECUTION,
    "POST /api/v1/workflows/{workflow_id}/resume": EXECUTION,
    "POST /api/v1/workflows/{workflow_id}/cancel": EXECUTION,
    "POST /api/v1/workflows/templates/{template_id}/instantiate": {
        "organisation": "{organisation}"
    },
    "POST /api/v1/executions/{execution_id}/steps/{step_id}/answer": {
        "answer": {"choice": "yes"}
    },
    "POST /api/v1/schedules": {
        "name": "Daily", "workflow": "{workflow}", "cron": "0 6 * * *"
    },
    "PATCH /api/v1/schedules/{schedule_id}": {"workflow": "{workflow}", "enabled": False},
    "POST /api/v1/ai/workflows/optimize": {"workflow_id": "{workflow_id}"},
    "POST /api/v1/workflows/generate": {
        "requirements": REQUIREMENTS, "organisation": "{organisation}"
    },
    "POST /api/v1/ai/workflows/generate": {
        "requirements": REQUIREMENTS, "organisation": "{organisation}"
    },
    "POST /api/v1/ai/steps/execute": {"organisation": "{organisation}", "prompt": "Hello."},
}  # fmt: skip
# Where the operation needs another object than the parameter's usual one.
INSTEAD = {
    "DELETE /api/v1/workflows/{workflow_id}": {"workflow_id": "unused_workflow"},
    "POST /api/v1/workflows/{workflow_id}/versions/{number}/publish": {"number": "draft_number"},
    "POST /api/v1/workflows/{workflow_id}/versions/{number}/dismiss": {"number": "draft_number"},
}
# Fields that hold an id, but no reference: who calls.
NO_REFERENCE = {"user_id"}


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_counts")]


def filled(value: Any, names: Names) -> Any:
    if isinstance(value, dict):
        return {key: filled(inner, names) for key, inner in value.items()}
    if isinstance(value, str) and value[:1] + value[-1:] == "{}":
        return names[value[1:-1]]
    return value


def request_of(operation: str, names: Names) -> tuple[str, str, Any]:
    """Method, address and body of a request that has nothing wrong with it."""
    method, path = operation.split()
    own = names | {name: names[other] for name, other in INSTEAD.get(operation, {}).items()}
    return method, path.format(**own), filled(BODIES.get(operation), own)


def envelope(answer: Any) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert set(body) == {"code", "message", "details"}
    return body


def paths(answer: Any) -> list[str]:
    return [detail["path"] for detail in envelope(answer)["details"]]


def test_the_table_has_a_row_for_every_operation() -> None:
    assert sorted(TABLE) == sorted(OPERATIONS)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_access(operation: str, role: str, world: World) -> None:
    answer = world.ask(role, *request_of(operation, world.ours))
    assert answer.status_code == TABLE[operation][role], answer.content
    assert str(answer.status_code) in OPERATIONS[operation]["responses"], "not described"
    if answer.status_code >= 400:
        envelope(answer)


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("operation", [name for name, scope in SCOPE.items() if scope != "-"])
def test_scopes(operation: str, scope: Scope, world: World) -> None:
    api = APIClient()
    _, text = issue_token(user=User.objects.get(username="admin"), scope=scope)
    api.credentials(HTTP_AUTHORIZATION=f"Token {text}")
    method, path, body = request_of(operation, world.ours)
    sent = "" if body is None else json.dumps(body)
    answer = api.generic(method, path, sent, content_type="application/json")
    if scope.role.allows(Scope(SCOPE[operation]).role):
        assert answer.status_code == TABLE[operation]["admin"], answer.content
    else:
        assert (answer.status_code, envelope(answer)["code"]) == (403, "scope_too_small")


Way = tuple[str, ...]


def fields(schema: dict[str, Any], way: Way = ()) -> Iterator[tuple[Way, Any]]:
    """Every property of an object and of the objects in it, with the way to it."""
    if "$ref" in schema:
        schema = OPENAPI["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for inner in schema.get("allOf", ()):
        yield from fields(inner, way)
    for name, found in schema.get("properties", {}).items():
        yield (*way, name), found
        yield from fields(found, (*way, name))


def body_schema(operation: str) -> dict[str, Any]:
    content = OPERATIONS[operation].get("requestBody", {}).get("content", {})
    schema: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    return schema


REFERENCES = [
    (operation, name)
    for operation in OPERATIONS
    for (*_, name), schema in fields(body_schema(operation))
    if schema.get("format") == "uuid" and name not in NO_REFERENCE
]
QUERIES = [
    (operation, parameter["name"])
    for operation, described in OPERATIONS.items()
    for parameter in described.get("parameters", ())
    if parameter["in"] == "query" and parameter["schema"].get("format") == "uuid"
]


def test_there_are_references() -> None:
    assert len(REFERENCES) >= 9
    assert len(QUERIES) >= 6


@pytest.mark.parametrize(("operation", "name"), REFERENCES)
def test_what_a_body_names_is_one_s_own(operation: str, name: str, world: World) -> None:
    method, path, body = request_of(operation, world.ours)
    answer = world.ask("admin", method, path, {**(body or {}), name: world.theirs[name]})
    assert answer.status_code == 404, answer.content
    assert paths(answer) in ([name], [])


@pytest.mark.parametrize(("operation", "name"), QUERIES)
def test_what_a_query_names_is_one_s_own(operation: str, name: str, world: World) -> None:
    method, path, _ = request_of(operation, world.ours)
    for names, expected in ((world.ours, 200), (world.theirs, 404)):
        answer = world.ask("admin", method, f"{path}?{name}={names[name]}")
        assert answer.status_code == expected, answer.content


# Every id of a path, once with the rest of it our own.
PARTS = [
    (operation, name)
    for operation in OPERATIONS
    for name in re.findall(r"{(\w+)}", operation)
    if name not in {"number", "step_id", "template_id"}
]


@pytest.mark.parametrize(("operation", "name"), PARTS)
def test_what_a_path_names_is_one_s_own(operation: str, name: str, world: World) -> None:
    _, _, body = request_of(operation, world.ours)
    method, path, _ = request_of(operation, world.ours | {name: world.theirs[name]})
    if name in INSTEAD.get(operation, {}):
        path = operation.split()[1].format(**world.ours | {name: world.theirs[name]})
    answer = world.ask("admin", method, path, body)
    assert answer.status_code == 404, answer.content


@pytest.mark.parametrize(
    "operation", [name for name in OPERATIONS if name.split()[0] in ("POST", "PUT", "PATCH")]
)
def test_unknown_fields_are_refused(operation: str, world: World) -> None:
    method, path, body = request_of(operation, world.ours)
    answer = world.ask("admin", method, path, {**(body or {}), "no_such_field": 1})
    assert answer.status_code == 400, answer.content
    assert paths(answer) == ["no_such_field"]


READ_ONLY = ("id", "created_at", "owner_id", "user_id", "created_by", "role", "latest")


@pytest.mark.parametrize("operation", [name for name in BODIES if SCOPE[name] != "-"])
def test_what_cannot_be_written_is_refused(operation: str, world: World) -> None:
    method, path, body = request_of(operation, world.ours)
    own = {way[0] for way, _ in fields(body_schema(operation))}
    refused = dict.fromkeys(name for name in READ_ONLY if name not in own)
    answer = world.ask("admin", method, path, {**body, **refused})
    assert (answer.status_code, sorted(paths(answer))) == (400, sorted(refused))
