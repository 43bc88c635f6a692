"""Deciding on drafts by API."""

from __future__ import annotations

from typing import Any

import pytest

from engine.drafts import draft_version
from engine.models import WorkflowVersion
from engine.workflows import update_workflow
from tests.support.cast import SAMPLE, Cast
from tests.support.workflows import start

pytestmark = pytest.mark.django_db
DRAFT = SAMPLE | {"description": "Better."}


@pytest.fixture
def draft(cast: Cast) -> WorkflowVersion:
    return draft_version(workflow=cast.shared, document=DRAFT, user=cast.owner.user)


def decide(cast: Cast, draft: WorkflowVersion, verb: str, **body: Any) -> Any:
    path = f"/api/v1/workflows/{draft.workflow_id}/versions/{draft.number}/{verb}"
    return cast.owner.api.post(path, body, format="json")


def test_a_published_draft_is_what_runs_take(cast: Cast, draft: WorkflowVersion) -> None:
    answer = decide(cast, draft, "publish", against=1)
    assert answer.status_code == 200, answer.content
    assert (answer.json()["latest"], answer.json()["description"]) == (3, "Better.")
    cast.shared.refresh_from_db()
    run = start(cast.shared, user=cast.owner.user)
    assert run.definition_version.number == 3
    path = f"/api/v1/workflows/{draft.workflow_id}/versions/{draft.number}"
    found = cast.owner.api.get(path).json()
    assert (found["is_draft"], found["decision"], found["decided_by"]) == (
        True,
        "published",
        cast.owner.user.username,
    )
    assert decide(cast, draft, "dismiss").json()["code"] == "draft_closed"


def test_a_dismissed_draft_stays_out(cast: Cast, draft: WorkflowVersion) -> None:
    assert decide(cast, draft, "dismiss").json()["decision"] == "dismissed"
    answer = decide(cast, draft, "publish")
    assert (answer.status_code, answer.json()["code"]) == (409, "draft_closed")
    cast.shared.refresh_from_db()
    assert cast.shared.latest == 1


def test_refusals_leave_the_draft_open(cast: Cast, draft: WorkflowVersion) -> None:
    changed = SAMPLE | {"ai_configurable": False}
    answer = decide(cast, draft, "publish", against=2)
    assert (answer.status_code, answer.json()["code"]) == (409, "version_changed")
    update_workflow(workflow=cast.shared, document=changed, user=None)
    answer = decide(cast, draft, "publish")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ai_configurable")
    draft.refresh_from_db()
    assert draft.decision == ""
    first = WorkflowVersion.objects.get(workflow=cast.shared, number=1)
    assert decide(cast, first, "publish").json()["code"] == "draft_closed"
    missing = WorkflowVersion(workflow=cast.shared, number=9)
    assert decide(cast, missing, "publish").status_code == 404
