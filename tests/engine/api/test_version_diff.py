"""What differs between two versions of a workflow, by API."""

from __future__ import annotations

from typing import Any

import pytest

from engine.drafts import draft_version
from engine.workflows import update_workflow
from tests.support.cast import SAMPLE, Cast
from tests.support.workflows import step

pytestmark = pytest.mark.django_db

CHANGED = SAMPLE | {"steps": [*SAMPLE["steps"], step("extra", "first")]}
DRAFT = SAMPLE | {"description": "Better."}


@pytest.fixture
def address(cast: Cast) -> str:
    update_workflow(workflow=cast.shared, document=CHANGED, user=cast.owner.user)
    cast.shared.refresh_from_db()
    draft_version(workflow=cast.shared, document=DRAFT, user=cast.owner.user)
    return f"/api/v1/workflows/{cast.shared.id}/versions"


def sentences(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [change["sentence"] for change in answer.json()["changes"]]


def test_what_a_version_changes(cast: Cast, address: str) -> None:
    added = ["Step 'extra' (FUNCTION) is added."]
    found = cast.team_mate.api.get(f"{address}/2/diff?against=1")
    assert sentences(found) == added
    assert {name: found.json()[name] for name in ("against", "number", "is_draft")} == {
        "against": 1,
        "number": 2,
        "is_draft": False,
    }
    removed = ["Step 'extra' (FUNCTION) is removed."]
    assert sentences(cast.team_mate.api.get(f"{address}/1/diff?against=2")) == removed


def test_a_draft_is_compared_with_what_runs_take(cast: Cast, address: str) -> None:
    found = cast.team_mate.api.get(f"{address}/3/diff")
    assert (found.json()["against"], found.json()["is_draft"]) == (2, True)
    assert sentences(found) == [
        'The definition: description changes from "" to "Better.".',
        "Step 'extra' (FUNCTION) is removed.",
    ]
    assert sentences(cast.team_mate.api.get(f"{address}/2/diff")) == []


@pytest.mark.parametrize(
    ("path", "status", "where"),
    [
        ("9/diff", 404, "number"),
        ("99999999999999999999/diff", 404, "number"),
        ("1/diff?against=9", 404, "against"),
        ("1/diff?against=0", 400, "against"),
        ("1/diff?against=x", 400, "against"),
        ("1/diff?against=99999999999", 400, "against"),
        ("1/diff?other=1", 400, "other"),
    ],
)
def test_what_is_refused(cast: Cast, address: str, path: str, status: int, where: str) -> None:
    answer = cast.owner.api.get(f"{address}/{path}")
    assert answer.status_code == status, answer.content
    assert answer.json()["details"][0]["path"] == where


def test_who_does_not_see_the_workflow_sees_no_version(cast: Cast, address: str) -> None:
    assert cast.outsider.api.get(f"{address}/1/diff").status_code == 404
