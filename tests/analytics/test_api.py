"""Analytics, trends and feedback over HTTP, for everybody of the cast."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from analytics import recording
from analytics.models import WorkflowExecutionMetric, WorkflowLearningData
from engine.models import Workflow, WorkflowExecution
from engine.workflows import create_workflow
from tests.analytics.runs import ended
from tests.support.cast import SAMPLE, Cast

ROLES = ("owner", "team_mate", "outsider", "operator", "anonymous")


def analytics(client: Any, workflow: Workflow, **query: str) -> Any:
    return client.get(f"/api/v1/workflows/{workflow.id}/analytics", query)


def trends(client: Any, **query: str) -> Any:
    return client.get("/api/v1/workflows/analytics/trends", query)


def feedback(client: Any, workflow: Any, body: Any) -> Any:
    return client.post(f"/api/v1/workflows/{workflow}/feedback", body, format="json")


def test_analytics_of_a_workflow(cast: Cast) -> None:
    owner, mate = cast.owner.user, cast.team_mate.user
    steps: list[dict[str, Any]] = [
        {"execution_time_ms": 100, "measurements": [["ai_calls", 1, "calls"]]},
        {"execution_time_ms": 30, "status": "failed", "attempt": 3},
    ]
    paid = [["ai_calls", 2, "calls"], ["ai_tokens", 70, "tokens"], ["ai_cost_usd", 3e-5, "USD"]]
    runs = [
        ended(cast.shared, owner, seconds=10, steps=[{"execution_time_ms": 200}]),
        ended(cast.shared, mate, seconds=20, status="failed", steps=steps),
        ended(cast.shared, mate, seconds=60, steps=[{"measurements": paid}, {"status": "skipped"}]),
        ended(cast.shared, mate, status="running"),
        ended(cast.shared, mate, status="cancelled", seconds=999),
        ended(cast.shared, mate, ago=timedelta(days=100), seconds=5_000),
    ]
    ended(cast.private, owner)
    for run in runs:
        recording.record(run.id)
    response = analytics(cast.owner.api, cast.shared)
    assert response.status_code == 200
    found = response.json()
    assert (found["workflow_id"], found["name"]) == (str(cast.shared.id), "Sample")
    assert (found["time_period"], found["runs"]) == ("90d", 5)
    assert found["by_status"] == {
        "pending": 0,
        "running": 1,
        "paused": 0,
        "completed": 2,
        "failed": 1,
        "cancelled": 1,
    }
    assert found["success_rate"] == pytest.approx(2 / 3)
    assert found["duration_seconds"] == {"mean": 30, "p50": 20, "p95": 56, "longest": 60}
    assert [
        (s["step_id"], s["completed"], s["failed"], s["skipped"], s["retried"], s["mean_ms"])
        for s in found["steps"]
    ] == [("a", 3, 0, 0, 0, 150), ("b", 0, 1, 1, 1, 30)]
    assert found["ai"] == {"calls": 3, "tokens": 70, "cost_usd": "0.0000300000"}
    assert found["satisfaction"] == {"mean": None, "ratings": 0}
    assert len(found["last_runs"]) == 6
    assert found["last_runs"][0].keys() == {
        "id",
        "status",
        "error_code",
        "created_at",
        "started_at",
        "completed_at",
        "duration_seconds",
    }
    assert analytics(cast.owner.api, cast.shared, time_period="200d").json()["runs"] == 6


def test_analytics_of_nothing(cast: Cast) -> None:
    found = analytics(cast.owner.api, cast.shared).json()
    assert (found["runs"], found["success_rate"], found["steps"]) == (0, None, [])
    assert set(found["duration_seconds"].values()) == {None}
    assert found["ai"] == {"calls": 0, "tokens": 0, "cost_usd": "0.0000000000"}


@pytest.mark.parametrize(
    ("role", "shared", "private"),
    [
        ("owner", (200, 2), (200, 1)),
        ("team_mate", (200, 2), (404, None)),
        ("outsider", (404, None), (404, None)),
        ("operator", (404, None), (404, None)),
        ("anonymous", (401, None), (401, None)),
    ],
)
def test_everybody_sees_runs_of_what_they_see(
    cast: Cast, role: str, shared: tuple[int, Any], private: tuple[int, Any]
) -> None:
    ended(cast.shared, cast.owner.user)
    ended(cast.shared, cast.team_mate.user)
    ended(cast.private, cast.owner.user)
    for workflow, expected in ((cast.shared, shared), (cast.private, private)):
        response = analytics(cast.client(role), workflow)
        assert (response.status_code, response.json().get("runs")) == expected


@pytest.mark.parametrize(
    ("path", "query", "status", "where"),
    [
        ("workflows/{shared}/analytics", {"time_period": "soon"}, 400, "time_period"),
        ("workflows/{shared}/analytics", {"period": "7d"}, 400, "period"),
        ("workflows/analytics/trends", {"time_period": "4000d"}, 400, "time_period"),
        ("workflows/analytics/trends", {"time_period": ""}, 400, "time_period"),
        ("workflows/analytics/trends", {"category": "x" * 101}, 400, "category"),
        ("workflows/analytics/trends", {"colour": "red"}, 400, "colour"),
        ("workflows/nothing/analytics", {}, 404, None),
    ],
)
def test_a_wrong_query(
    cast: Cast, path: str, query: dict[str, str], status: int, where: str | None
) -> None:
    response = cast.owner.api.get(f"/api/v1/{path.format(shared=cast.shared.id)}", query)
    assert response.status_code == status
    assert response.json().keys() == {"code", "message", "details"}
    if where:
        assert response.json()["details"][0]["path"] == where


def test_trends_by_day(cast: Cast) -> None:
    other = create_workflow(document=SAMPLE | {"category": "finance"}, owner=cast.owner.user)
    user = cast.owner.user
    noon = timezone.now().replace(hour=12, minute=0)
    two_ago = noon - timedelta(days=2)
    ended(cast.shared, user, created=two_ago, seconds=10)
    ended(cast.shared, user, created=two_ago, seconds=30, status="failed")
    ended(other, user, created=noon - timedelta(days=5), seconds=50)
    ended(other, user, created=noon - timedelta(days=40))
    found = trends(cast.owner.api, time_period="30d").json()
    assert (found["interval"], found["time_period"], found["category"]) == ("day", "30d", None)
    assert len(found["points"]) == 31
    by_day = {point["start"][:10]: point for point in found["points"]}
    assert by_day[two_ago.date().isoformat()] == {
        "start": f"{two_ago.date()}T00:00:00Z",
        "runs": 2,
        "completed": 1,
        "failed": 1,
        "cancelled": 0,
        "success_rate": 0.5,
        "mean_duration_seconds": 20,
    }
    assert sum(point["runs"] for point in found["points"]) == found["totals"]["runs"] == 3
    assert found["totals"]["success_rate"] == pytest.approx(2 / 3)
    assert [(c["category"], c["runs"]) for c in found["categories"]] == [
        ("samples", 2),
        ("finance", 1),
    ]
    finance = trends(cast.owner.api, category="finance").json()
    assert (finance["totals"]["runs"], len(finance["categories"])) == (1, 1)
    assert trends(cast.owner.api, category="unheard of").json()["totals"]["runs"] == 0


def test_trends_by_hour(cast: Cast) -> None:
    run = ended(cast.shared, cast.owner.user, ago=timedelta(hours=3))
    found = trends(cast.owner.api, time_period="12h").json()
    assert (found["interval"], len(found["points"])) == ("hour", 13)
    (point,) = [point for point in found["points"] if point["runs"]]
    assert point["start"] == run.created_at.strftime("%Y-%m-%dT%H:00:00Z")


@pytest.mark.parametrize(
    ("role", "status", "runs"),
    [
        ("owner", 200, 2),
        ("team_mate", 200, 1),
        ("outsider", 200, 0),
        ("operator", 200, 0),
        ("anonymous", 401, None),
    ],
)
def test_trends_of_what_one_may_see(cast: Cast, role: str, status: int, runs: int | None) -> None:
    ended(cast.private, cast.owner.user)
    ended(cast.shared, cast.team_mate.user)
    response = trends(cast.client(role))
    assert response.status_code == status
    assert response.json().get("totals", {}).get("runs") == runs


def test_feedback_is_kept_and_counted(cast: Cast) -> None:
    run = ended(cast.shared, cast.team_mate.user, steps=[{}])
    body = {"execution_id": run.id, "rating": 4, "comment": "Secretly good", "tags": ["fast"]}
    response = feedback(cast.team_mate.api, cast.shared.id, body)
    assert response.status_code == 201
    answer = response.json()
    assert (answer["execution_id"], answer["rating"]) == (str(run.id), 4)
    assert (answer["comment"], answer["tags"]) == ("Secretly good", ["fast"])
    row = WorkflowLearningData.objects.get()
    assert row.performance_metrics is not None
    assert row.user_feedback == {"comment": "Secretly good", "tags": ["fast"]}
    assert row.performance_metrics["step_count"] == 1, "the lost signal was caught up on"
    with connection.cursor() as cursor:
        cursor.execute("SELECT user_feedback::text FROM workflow_learning_data")
        assert "Secretly" not in cursor.fetchone()[0]
    satisfaction = WorkflowExecutionMetric.objects.get(metric_name="user_satisfaction")
    assert (float(satisfaction.metric_value), satisfaction.metric_unit) == (4, "rating")
    cast.shared.refresh_from_db()
    assert cast.shared.rating == 4


def test_a_second_feedback_replaces_the_first(cast: Cast) -> None:
    run = ended(cast.shared, cast.team_mate.user)
    first = feedback(cast.team_mate.api, cast.shared.id, {"execution_id": run.id, "rating": 1})
    second = feedback(cast.team_mate.api, cast.shared.id, {"execution_id": run.id, "rating": 5})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert WorkflowLearningData.objects.get().rating == 5
    cast.shared.refresh_from_db()
    assert cast.shared.rating == 5


def test_ratings_are_means(cast: Cast) -> None:
    mate, owner = cast.team_mate, cast.owner
    run, other = ended(cast.shared, mate.user), ended(cast.shared, mate.user)
    feedback(mate.api, cast.shared.id, {"execution_id": run.id, "rating": 5})
    feedback(owner.api, cast.shared.id, {"execution_id": run.id, "rating": 2})
    feedback(mate.api, cast.shared.id, {"execution_id": other.id, "rating": 1})
    satisfaction = WorkflowExecutionMetric.objects.filter(metric_name="user_satisfaction")
    assert float(satisfaction.get(execution=run).metric_value) == 3.5
    cast.shared.refresh_from_db()
    assert float(cast.shared.rating) == 2.67
    found = analytics(owner.api, cast.shared).json()["satisfaction"]
    assert (found["ratings"], found["mean"]) == (3, pytest.approx(8 / 3))


@pytest.mark.django_db(transaction=True)
def test_ratings_at_the_same_time_all_count(cast: Cast) -> None:
    runs = [ended(cast.shared, cast.owner.user) for _ in range(6)]
    together = threading.Barrier(len(runs))

    def rate(run: WorkflowExecution, rating: int) -> None:
        together.wait()
        try:
            body = {"execution_id": run.id, "rating": rating}
            assert feedback(cast.owner.api, cast.shared.id, body).status_code == 201
        finally:
            connection.close()

    threads = [threading.Thread(target=rate, args=(run, 1 + n % 5)) for n, run in enumerate(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cast.shared.refresh_from_db()
    assert float(cast.shared.rating) == 2.67  # (1 + 2 + 3 + 4 + 5 + 1) / 6


@pytest.mark.parametrize(
    ("role", "status"), list(zip(ROLES, (201, 201, 404, 404, 401), strict=True))
)
def test_who_may_rate_a_run(cast: Cast, role: str, status: int) -> None:
    run = ended(cast.shared, cast.team_mate.user)
    body = {"execution_id": run.id, "rating": 3}
    assert feedback(cast.client(role), cast.shared.id, body).status_code == status
    assert WorkflowLearningData.objects.count() == (status == 201)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": "good"}, "rating"),
        ({"rating": 4.5}, "rating"),
        ({"rating": None}, "rating"),
        ({"execution_id": "x"}, "execution_id"),
        ({"comment": "x" * 5_001}, "comment"),
        ({"comment": 5, "tags": {}}, "tags"),
        ({"tags": ["x" * 51]}, "tags[0]"),
        ({"tags": [str(n) for n in range(21)]}, "tags"),
        ({"user_id": "somebody else"}, "user_id"),
    ],
)
def test_wrong_feedback_is_refused(cast: Cast, change: dict[str, Any], where: str) -> None:
    run = ended(cast.shared, cast.owner.user)
    body = {"execution_id": run.id, "rating": 3, **change}
    response = feedback(cast.owner.api, cast.shared.id, body)
    assert response.status_code == 400
    assert where in {detail["path"] for detail in response.json()["details"]}
    assert not WorkflowLearningData.objects.exists()


def test_feedback_names_a_run_of_the_workflow_that_has_ended(cast: Cast) -> None:
    going_on = ended(cast.shared, cast.owner.user, status="running")
    elsewhere = ended(cast.private, cast.owner.user)
    for execution, status, code in (
        (going_on.id, 409, "execution_not_ended"),
        (elsewhere.id, 404, "not_found"),
        (uuid4(), 404, "not_found"),
    ):
        response = feedback(
            cast.owner.api, cast.shared.id, {"execution_id": execution, "rating": 3}
        )
        assert (response.status_code, response.json()["code"]) == (status, code)
    assert not WorkflowLearningData.objects.exists()
