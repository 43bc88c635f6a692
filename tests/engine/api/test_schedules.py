from __future__ import annotations

from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask

from engine.models import WorkflowSchedule
from tests.support.cast import Cast

LIST = "/api/v1/schedules"


def body(cast: Cast, **fields: Any) -> dict[str, Any]:
    return {"name": "Daily", "workflow": str(cast.shared.id), "cron": "30 6 * * 1-5", **fields}


def test_create(cast: Cast) -> None:
    given = body(cast, context={"amount": 1}, timezone="Europe/Berlin")
    response = cast.team_mate.api.post(LIST, given, format="json")
    assert response.status_code == 201, response.content
    made = response.json()
    assert made | given == made
    assert (made["interval_seconds"], made["allow_overlap"], made["enabled"]) == (
        None,
        False,
        True,
    )
    assert cast.team_mate.api.get(response["Location"]).json() == made
    schedule = WorkflowSchedule.objects.get()
    assert (schedule.user, schedule.context) == (cast.team_mate.user, {"amount": 1})
    assert PeriodicTask.objects.filter(args__contains=str(schedule.id)).count() == 1


def test_context_may_be_absent_or_empty(cast: Cast) -> None:
    for given in (body(cast), body(cast, context={})):
        response = cast.owner.api.post(LIST, given, format="json")
        assert response.status_code == 201, response.content
        assert response.json()["context"] == {}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"cron": "every day"}, "cron"),
    ({"cron": "61 6 * * *"}, "cron"),
    ({"cron": "0 6 * * * *"}, "cron"),
    ({"cron": ""}, "cron"),
    ({"interval_seconds": 60}, "interval_seconds"),
    ({"cron": "", "interval_seconds": 0}, "interval_seconds"),
    ({"cron": "", "interval_seconds": -1}, "interval_seconds"),
    ({"cron": "", "interval_seconds": 2**40}, "interval_seconds"),
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"timezone": "../../etc/passwd"}, "timezone"),
    ({"timezone": 1}, "timezone"),
    ({"context": []}, "context"),
    ({"name": ""}, "name"),
    ({"user": "me"}, "user"),
    ({"workflow": "x"}, "workflow"),
    ({"created_at": "2020-01-01T00:00:00Z"}, "created_at"),
]


@pytest.mark.parametrize(("fields", "path"), WRONG)
def test_wrong_schedules(cast: Cast, fields: dict[str, Any], path: str) -> None:
    response = cast.owner.api.post(LIST, body(cast, **fields), format="json")
    assert response.status_code == 400, response.content
    assert [detail["path"] for detail in response.json()["details"]] == [path]
    assert not WorkflowSchedule.objects.exists()
    assert not PeriodicTask.objects.filter(task="engine.fire_schedule").exists()


def test_change(cast: Cast) -> None:
    address = cast.owner.api.post(LIST, body(cast), format="json")["Location"]
    for change, expected in [
        ({"enabled": False}, {"enabled": False, "cron": "30 6 * * 1-5"}),
        (
            {"cron": "", "interval_seconds": 90, "enabled": True},
            {"cron": "", "interval_seconds": 90, "enabled": True},
        ),
        (
            {"cron": "0 0 1 * *", "interval_seconds": None},
            {"cron": "0 0 1 * *", "interval_seconds": None},
        ),
        ({"workflow": str(cast.private.id)}, {"workflow": str(cast.private.id)}),
    ]:
        response = cast.owner.api.patch(address, change, format="json")
        assert response.status_code == 200, response.content
        assert response.json() | expected == response.json()
    entry = PeriodicTask.objects.get(task="engine.fire_schedule")
    assert entry.enabled
    assert entry.crontab is not None
    assert cast.owner.api.patch(address, {"interval_seconds": 5}, format="json").status_code == 400


def test_workflow_must_be_one_that_the_caller_sees(cast: Cast) -> None:
    mine = cast.team_mate.api.post(LIST, body(cast), format="json")["Location"]
    response = cast.team_mate.api.patch(mine, {"workflow": str(cast.private.id)}, format="json")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert response.json()["details"][0]["path"] == "workflow"


def test_delete(cast: Cast) -> None:
    address = cast.owner.api.post(LIST, body(cast), format="json")["Location"]
    assert cast.owner.api.delete(address).status_code == 204
    assert cast.owner.api.get(address).status_code == 404
    assert not PeriodicTask.objects.filter(task="engine.fire_schedule").exists()


def test_list(cast: Cast) -> None:
    cast.owner.api.post(LIST, body(cast, name="A", enabled=False), format="json")
    other = body(cast, name="B", workflow=str(cast.private.id))
    cast.owner.api.post(LIST, other, format="json")
    cast.team_mate.api.post(LIST, body(cast, name="C"), format="json")
    for query, names in [
        ("", ["C", "B", "A"]),
        ("?enabled=true", ["C", "B"]),
        ("?enabled=false", ["A"]),
        (f"?workflow={cast.shared.id}", ["C", "A"]),
    ]:
        rows = cast.owner.api.get(LIST + query).json()["results"]
        assert [row["name"] for row in rows] == names
