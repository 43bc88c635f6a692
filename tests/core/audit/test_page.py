"""The operators' page of the audit log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.audit.actors import Actor
from core.audit.models import AuditEntry, Via
from core.audit.recording import record
from core.audit.sealing import seal
from core.models import Organisation, User
from tests.core.audit.conftest import write
from tests.support.audit import as_owner

pytestmark = pytest.mark.django_db
LIST = "/admin/workflow_core/auditentry/"


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann")


@pytest.fixture
def browser() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("operator"))
    return client


def shown(browser: Client, **query: object) -> list[str]:
    """The objects that the list shows, besides what the operator did to see it."""
    response = browser.get(LIST, {name: str(value) for name, value in query.items()})
    assert response.status_code == 200, response.get("Location")
    rows = response.context["cl"].result_list
    return [row.object_id for row in rows if row.action != "session.open"]


def test_filters_and_search(browser: Client, ann: User) -> None:
    team = Organisation.objects.create(name="Team")
    actor = Actor(via=Via.TOKEN, user_id=ann.id, username="ann", request_id="trace-1")
    record(actor, "note.create", ("note", "1"))
    record(actor, "note.delete", ("note", "2"), organisation_id=team.id)
    record(Actor(via=Via.COMMAND, username="root", credential="prune"), "run.prune", ("run", "3"))
    assert shown(browser) == ["3", "2", "1"]
    assert shown(browser, action="note.delete") == ["2"]
    assert shown(browser, via__exact="command") == ["3"]
    assert shown(browser, outcome__exact="refused") == []
    assert shown(browser, organisation_id=str(team.id)) == ["2"]
    assert shown(browser, organisation_id="?") == []
    assert shown(browser, q="ann") == ["2", "1"]
    assert shown(browser, q=str(ann.id)) == ["2", "1"]
    assert shown(browser, q="root") == ["3"]
    assert shown(browser, q="2") == ["2"]
    assert shown(browser, q=str(team.id)) == ["2"]
    assert shown(browser, q=str(uuid4())) == []


def test_time(browser: Client) -> None:
    write(1)
    today = datetime.now(UTC).date()
    day = timedelta(days=1)
    assert len(shown(browser, since=today, until=today)) == 1
    assert len(shown(browser, since=today - day)) == 1
    assert shown(browser, since=today + day) == []
    assert shown(browser, until=today - day) == []
    for odd in ("0001-01-01", "9999-12-31", "yesterday", ""):
        assert browser.get(LIST, {"since": odd, "until": odd}).status_code == 200
    page = browser.get(LIST, {"since": str(today), "action": "note.create"}).content.decode()
    assert f'name="since" value="{today}"' in page
    assert '<input type="hidden" name="action" value="note.create">' in page


def test_every_action_can_be_chosen(browser: Client) -> None:
    for name in ("b.x", "a.x", "c.x", "b.x"):
        record(Actor(via=Via.SYSTEM), name)
    response = browser.get(LIST)
    [chosen] = [spec for spec in response.context["cl"].filter_specs if spec.title == "action"]
    assert [value for value, _ in chosen.lookup_choices] == ["a.x", "b.x", "c.x", "session.open"]


def test_chain_status(browser: Client) -> None:
    assert b"Nothing is sealed yet." in browser.get(LIST).content
    write(3)
    seal()
    page = browser.get(LIST).content
    assert b"The last 4 sealed rows are whole, up to row 4." in page
    write(2)
    assert b"2 wait for the sealer, the oldest for 0 s." in browser.get(LIST).content
    with as_owner() as cursor:
        cursor.execute("UPDATE workflow_audit_log SET username = 'eve' WHERE sequence = 2")
    page = browser.get(LIST).content
    assert b"The chain is broken: row 2" in page
    assert b"errornote" in page


def test_status_reads_the_end_alone(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.audit.admin.CHECKED", 5)
    write(20)
    seal()
    page = browser.get(LIST).content
    assert b"The last 5 sealed rows are whole, up to row 21." in page


def test_an_entrys_page(browser: Client, ann: User) -> None:
    record(
        Actor(via=Via.TOKEN, user_id=ann.id, username="ann"),
        "user.update",
        ann,
        text="<script>alert(1)</script>",
    )
    entry = AuditEntry.objects.get(action="user.update")
    page = browser.get(f"{LIST}{entry.id}/change/").content.decode()
    assert reverse("admin:workflow_core_user_change", args=[ann.id]) in page
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page


def test_nobody_changes_an_entry(browser: Client) -> None:
    [entry] = write(1)
    change = f"{LIST}{entry.id}/change/"
    assert browser.post(change, {"username": "eve"}).status_code == 403
    assert browser.get(f"{LIST}add/").status_code == 403
    assert browser.post(f"{LIST}{entry.id}/delete/", {"post": "yes"}).status_code == 403
    assert b"delete_selected" not in browser.get(LIST).content


def test_who_may_look() -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    browser = Client()
    browser.force_login(clerk)
    assert browser.get(LIST).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    assert browser.get(LIST).status_code == 200


def test_the_list_asks_a_bounded_number_of_questions(browser: Client) -> None:
    write(5)
    browser.get(LIST)
    with CaptureQueriesContext(
        connection,
    ) as few:
        browser.get(LIST)
    write(90)
    with CaptureQueriesContext(connection) as many:
        browser.get(LIST)
    assert len(few) == len(many) <= 16
