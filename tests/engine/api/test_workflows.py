from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from engine.models import Workflow, WorkflowVersion
from tests.support.cast import SAMPLE, Cast
from tests.support.workflows import definition, start, step

LIST = "/api/v1/workflows"
OTHER = definition(step("only"), name="Other", version="2.0", category="else")


def test_create(cast: Cast) -> None:
    response = cast.outsider.api.post(
        LIST, {"definition": SAMPLE, "is_shared": True}, format="json"
    )
    assert response.status_code == 201
    made = response.json()
    assert response["Location"] == f"http://testserver{LIST}/{made['id']}"
    assert {key: made[key] for key in ("name", "version", "category", "latest", "is_shared")} == {
        "name": "Sample",
        "version": "1.0",
        "category": "samples",
        "latest": 1,
        "is_shared": True,
    }
    assert (made["created_by"], made["owner_id"]) == ("outsider", str(cast.outsider.user.id))
    assert made["definition"] == SAMPLE
    assert cast.outsider.api.get(response["Location"]).json() == made


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "definition"),
        ({"definition": []}, "definition"),
        ({"definition": SAMPLE, "owner": "me"}, "owner"),
        ({"definition": SAMPLE, "is_shared": "perhaps"}, "is_shared"),
        ([], ""),
    ],
)
def test_body_is_checked(cast: Cast, body: Any, path: str) -> None:
    response = cast.owner.api.post(LIST, body, format="json")
    assert response.status_code == 400
    assert [detail["path"] for detail in response.json()["details"]] == [path]
    assert Workflow.objects.count() == 2


def test_new_definition_is_a_new_version(cast: Cast) -> None:
    address = f"{LIST}/{cast.shared.id}"
    changed = cast.owner.api.put(address, {"definition": OTHER}, format="json").json()
    assert (changed["name"], changed["version"], changed["category"], changed["latest"]) == (
        "Other",
        "2.0",
        "else",
        2,
    )
    assert changed["is_shared"] is True
    versions = cast.team_mate.api.get(f"{address}/versions").json()["results"]
    assert [(row["number"], row["version"]) for row in versions] == [(2, "2.0"), (1, "1.0")]
    assert cast.team_mate.api.get(f"{address}/versions/1").json()["definition"] == SAMPLE
    assert cast.team_mate.api.get(f"{address}/versions/2").json()["definition"] == OTHER
    for number in ("3", "0", "9" * 30, "9" * 5_000):
        assert cast.team_mate.api.get(f"{address}/versions/{number}").status_code == 404


def test_same_definition_is_no_new_version(cast: Cast) -> None:
    address = f"{LIST}/{cast.shared.id}"
    for document, latest in [(SAMPLE, 1), (SAMPLE | {"ai_configurable": False}, 2)]:
        changed = cast.owner.api.patch(address, {"definition": document}, format="json").json()
        assert changed["latest"] == latest


def test_true_is_not_one(cast: Cast) -> None:
    documents = [definition(step("a", config={"function": "tests.echo", "arguments": {"value": v}}))
                 for v in (1, True, 1.0)]  # fmt: skip
    address = cast.owner.api.post(LIST, {"definition": documents[0]}, format="json")["Location"]
    for latest, document in enumerate(documents[1:], 2):
        changed = cast.owner.api.put(address, {"definition": document}, format="json").json()
        assert changed["latest"] == latest


def test_sharing(cast: Cast) -> None:
    address = f"{LIST}/{cast.private.id}"
    assert cast.team_mate.api.get(address).status_code == 404
    changed = cast.owner.api.patch(address, {"is_shared": True}, format="json").json()
    assert (changed["is_shared"], changed["latest"]) == (True, 1)
    assert cast.team_mate.api.get(address).status_code == 200
    assert cast.outsider.api.get(address).status_code == 404
    # An editor may share what is private, but not take away what is shared.
    refused = cast.team_mate.api.patch(address, {"is_shared": False}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_the_owner")
    assert cast.team_mate.api.patch(address, {"is_shared": True}, format="json").status_code == 200


def test_wrong_definition_changes_nothing(cast: Cast) -> None:
    address = f"{LIST}/{cast.shared.id}"
    body = {"definition": SAMPLE | {"steps": []}, "is_shared": False}
    response = cast.owner.api.patch(address, body, format="json")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_definition")
    cast.shared.refresh_from_db()
    assert (cast.shared.latest, cast.shared.is_shared) == (1, True)


def test_delete(cast: Cast) -> None:
    start(cast.shared, user=cast.team_mate.user)
    refused = cast.owner.api.delete(f"{LIST}/{cast.shared.id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "definition_in_use")
    assert cast.owner.api.delete(f"{LIST}/{cast.private.id}").status_code == 204
    assert list(Workflow.objects.all()) == [cast.shared]
    assert set(WorkflowVersion.objects.values_list("workflow_id", flat=True)) == {cast.shared.id}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Private", "Sample"]),
        ("?category=samples", ["Private", "Sample"]),
        ("?category=else", []),
        ("?name=AMP", ["Sample"]),
        ("?access=mine", ["Private", "Sample"]),
        ("?access=shared", ["Theirs"]),
        ("?organisation={team}", ["Private", "Sample"]),
    ],
)
def test_filters(cast: Cast, query: str, names: list[str]) -> None:
    document = OTHER | {"name": "Theirs", "category": "theirs"}
    theirs = {"definition": document, "organisation": str(cast.team.id), "is_shared": True}
    made = cast.team_mate.api.post(LIST, theirs, format="json").json()
    assert made["organisation_id"] == str(cast.team.id)
    cast.outsider.api.post(LIST, {"definition": document, "is_shared": True}, format="json")
    rows = cast.owner.api.get(LIST + query.format(team=cast.team.id)).json()["results"]
    if query.startswith("?organisation=") or not query:
        names = ["Theirs", *names]
    assert [row["name"] for row in rows] == names
    assert all("definition" not in row for row in rows)


LAST_ID = "ffffffff-ffff-7fff-bfff-ffffffffffff"


def cursor(*values: str) -> str:
    """A made-up cursor."""
    return urlsafe_b64encode(json.dumps(["next", *values]).encode()).decode()


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("access=yours", "access"),
        ("owner=me", "owner"),
        ("page_size=0", "page_size"),
        ("cursor=x", "cursor"),
        (f"cursor={cursor('0001-01-01T00:00:00+23:59', LAST_ID)}", "cursor"),
        (f"cursor={cursor('2026-01-01T00:00:00+00:00', 'x')}", "cursor"),
        ("name=%00", ""),
    ],
)
def test_wrong_queries(cast: Cast, query: str, path: str) -> None:
    response = cast.owner.api.get(f"{LIST}?{query}")
    assert response.status_code == 400
    assert [d["path"] for d in response.json()["details"]] == ([path] if path else [])


def test_pages(cast: Cast) -> None:
    first = cast.owner.api.get(f"{LIST}?page_size=1").json()
    second = cast.owner.api.get(first["next"]).json()
    names = [row["name"] for page in (first, second) for row in page["results"]]
    assert (names, second["next"]) == (["Private", "Sample"], None)
