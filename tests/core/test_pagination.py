from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import QuerySet
from django.urls import path
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.test import APIClient

from core.api.serializers import StrictModelSerializer
from tests.core.notes import Note


class NoteOut(StrictModelSerializer):
    class Meta:
        model = Note
        fields = ["title"]


class Notes(ListAPIView[Note]):
    permission_classes = [AllowAny]
    serializer_class = NoteOut

    def get_queryset(self) -> QuerySet[Note]:
        return Note.objects.all()


class Titles(Notes):
    keyset = ("title", "id")


urlpatterns = [path("api/notes", Notes.as_view()), path("api/titles", Titles.as_view())]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.usefixtures("notes")]

START = datetime(2026, 1, 1, tzinfo=UTC)


def make(count: int, *, same_time: bool = False) -> None:
    Note.objects.bulk_create(
        Note(title=f"{n:03}", created_at=START if same_time else START + timedelta(microseconds=n))
        for n in range(count)
    )


def get(url: str) -> Any:
    response = APIClient().get(url)
    assert response.status_code == 200
    return response.json()


def titles(page: Any) -> list[str]:
    return [row["title"] for row in page["results"]]


@pytest.mark.parametrize("same_time", [False, True], ids=["distinct times", "one time"])
@pytest.mark.parametrize("count", [0, 1, 5, 10, 11])
def test_every_row_is_seen_once_forth_and_back(count: int, same_time: bool) -> None:
    make(count, same_time=same_time)
    page = get("/api/notes?page_size=5")
    assert page["previous"] is None
    seen = titles(page)
    while page["next"]:
        page = get(page["next"])
        seen += titles(page)
    assert seen == [f"{n:03}" for n in reversed(range(count))]
    back = titles(page)
    while page["previous"]:
        page = get(page["previous"])
        back = titles(page) + back
    assert back == seen


def test_a_view_may_page_upwards() -> None:
    make(7)
    page = get("/api/titles?page_size=4")
    assert titles(page) == ["000", "001", "002", "003"]
    assert titles(get(page["next"])) == ["004", "005", "006"]


def test_rows_added_and_removed_meanwhile_move_nothing() -> None:
    make(6)
    page = get("/api/notes?page_size=3")
    Note.objects.filter(title="003").delete()  # the last row of the page that was read
    Note.objects.create(title="new", created_at=START + timedelta(days=1))
    following = get(page["next"])
    assert titles(following) == ["002", "001", "000"]
    assert titles(get(following["previous"])) == ["new", "005", "004"][:3]


def test_a_page_past_the_last_row_is_empty() -> None:
    make(4)
    page = get("/api/notes?page_size=2")
    Note.objects.all().delete()
    assert get(page["next"]) == {"next": None, "previous": None, "results": []}


def test_the_query_compares_the_row_as_a_whole(django_assert_num_queries: Any) -> None:
    make(4)
    page = get("/api/notes?page_size=2")
    with django_assert_num_queries(1) as queries:
        get(page["next"])
    assert '("core_tests_notes"."created_at", "core_tests_notes"."id") < (' in queries[0]["sql"]


def cursor(text: str) -> str:
    return f"cursor={urlsafe_b64encode(text.encode()).decode()}"


ID = "01900000-0000-7000-8000-000000000000"  # fixed: with pytest-xdist test ids must not vary
BAD: list[tuple[str, str]] = [
    ("page_size=0", "page_size"),
    ("page_size=201", "page_size"),
    ("page_size=-1", "page_size"),
    ("page_size=x", "page_size"),
    ("page_size=", "page_size"),
    ("page_size=99999999999999999999", "page_size"),
    ("page_size=%C2%B2", "page_size"),
    ("cursor=", "cursor"),
    ("cursor=%C3%A9", "cursor"),
    ("cursor=abc", "cursor"),
    (cursor("[" * 900), "cursor"),
    (cursor("{}"), "cursor"),
    (cursor("[]"), "cursor"),
    (cursor('["next"]'), "cursor"),
    (cursor(f'["sideways","2026-01-01T00:00:00+00:00","{ID}"]'), "cursor"),
    (cursor(f'["next","yesterday","{ID}"]'), "cursor"),
    (cursor(f'["next",null,"{ID}"]'), "cursor"),
    (cursor(f'["next",5,"{ID}"]'), "cursor"),
    (cursor('["next","2026-01-01T00:00:00+00:00","x"]'), "cursor"),
    (cursor('["next","2026-01-01T00:00:00+00:00","x\\u0000"]'), "cursor"),
    (cursor(f'["next","2026-01-01T00:00:00+00:00","{ID}","{ID}"]'), "cursor"),
]


@pytest.mark.parametrize(("query", "parameter"), BAD)
def test_bad_parameters_are_named(query: str, parameter: str) -> None:
    response = APIClient().get(f"/api/notes?{query}")
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_input"
    assert response.json()["details"][0]["path"] == parameter
