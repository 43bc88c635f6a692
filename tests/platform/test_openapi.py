"""The API's description is fresh, and complete enough to generate clients from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `make openapi` writes."""
    file = tmp_path_factory.mktemp("openapi") / "openapi.json"
    call_command(
        "spectacular", format="openapi-json", validate=True, fail_on_warn=True, file=str(file)
    )
    generated: dict[str, Any] = json.loads(file.read_text())
    return generated


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield f"{method.upper()} {path}", item[method]


def test_committed_document_is_fresh(document: dict[str, Any]) -> None:
    assert json.loads(COMMITTED.read_text()) == document, "run `make openapi`"


def test_everything_is_under_one_prefix(document: dict[str, Any]) -> None:
    assert document["paths"]
    for path in document["paths"]:
        assert path.startswith("/api/v1/")
        assert not path.endswith("/")


def test_operations_have_summary_tag_and_errors(document: dict[str, Any]) -> None:
    wanting = []
    for name, operation in operations(document):
        errors = {status for status in operation["responses"] if status[0] in "45"}
        if not operation.get("summary"):
            wanting.append(f"{name}: no summary")
        if not operation.get("tags") or operation["tags"] == ["api"]:
            wanting.append(f"{name}: no tag")
        if not errors or errors == set(operation["responses"]):
            wanting.append(f"{name}: success and errors are not both described")
        if "security" in operation and "401" not in errors:
            wanting.append(f"{name}: 401 is missing")
        if "requestBody" in operation and not {"400", "413", "415"} <= errors:
            wanting.append(f"{name}: 400, 413 or 415 is missing")
        if "{" in name and "404" not in errors:
            wanting.append(f"{name}: 404 is missing")
    assert wanting == []


def test_errors_have_one_shape(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if status[0] in "45":
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorEnvelope"}, (name, status)


def test_only_signing_in_is_open_to_everybody(document: dict[str, Any]) -> None:
    unlocked = [name for name, operation in operations(document) if "security" not in operation]
    assert unlocked == ["POST /api/v1/auth/session", "POST /api/v1/auth/token"]


@pytest.mark.django_db
def test_document_and_its_pages_are_served() -> None:
    api = APIClient()
    assert api.get("/api/schema").status_code == 200
    assert b"swagger" in api.get("/api/docs").content.lower()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/workflows/x", "/api/v1/workflows/"])
def test_unknown_addresses_answer_in_the_envelope(path: str) -> None:
    response = APIClient().get(path)
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
