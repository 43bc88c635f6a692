"""Rows: who, what, when; in the action's transaction; and nobody changes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import ProgrammingError, connection, transaction
from django.http import HttpRequest
from django.test import RequestFactory

from core.audit import recording, seals
from core.audit.actors import Actor, by_command, by_request, by_system, client_address
from core.audit.models import AuditEntry, Outcome, Via
from core.audit.recording import action, record, record_reading
from core.errors import Conflict, InvalidInput
from core.keys.ring import data_keys
from core.models import Scope, User
from core.security import WorkflowSecurityManager
from core.tokens import issue_token
from tests.core.audit.conftest import write

pytestmark = pytest.mark.django_db


def entry() -> AuditEntry:
    return AuditEntry.objects.get()


def request(**meta: Any) -> HttpRequest:
    found = RequestFactory().get("/", **meta)
    found.user = AnonymousUser()
    return found


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def create_user_and_raise(error: Exception) -> None:
    with action(by_system("tests"), "user.create"):
        User.objects.create_user("ann")
        raise error


def test_a_row_says_who_what_where_and_when() -> None:
    user = User.objects.create_user("ann")
    asked = request(REMOTE_ADDR="192.0.2.7")
    asked.user = user
    asked.request_id = "r-1"  # type: ignore[attr-defined]
    token, _ = issue_token(user=user, scope=Scope.READ)
    asked.auth = token  # type: ignore[attr-defined]
    before = datetime.now(UTC)
    with action(by_request(asked), "user.update", user, organisation_id=user.id) as done:
        done.tell(fields=["email"])
    row = entry()
    assert (row.via, row.user_id, row.username) == (Via.TOKEN, user.id, "ann")
    assert token.digest.startswith(row.credential)
    assert len(row.credential) == 12
    assert (row.request_id, row.address) == ("r-1", "192.0.2.7")
    assert (row.action, row.object_kind) == ("user.update", "workflow_core.user")
    assert (row.object_id, row.organisation_id) == (str(user.id), user.id)
    assert (row.outcome, row.details) == (Outcome.DONE, {"fields": ["email"]})
    assert before <= row.at <= datetime.now(UTC)
    assert row.mac == seals.mac(data_keys.audit_keys()[row.key_id], row)
    assert (row.sequence, row.seal) == (None, None)


def test_a_session_is_named_without_its_key() -> None:
    asked = request()
    asked.user = User.objects.create_user("ann")
    asked.session = type("Session", (), {"session_key": "abcdef"})()
    actor = by_request(asked)
    assert actor.via == Via.SESSION
    assert len(actor.credential) == 12
    assert "abcdef" not in actor.credential


def test_the_documented_door() -> None:
    user, workflow_id = User.objects.create_user("ann"), uuid4()
    WorkflowSecurityManager().log_workflow_access(str(user.id), str(workflow_id), "export")
    row = entry()
    assert (row.action, row.user_id, row.username) == ("workflow.export", user.id, "ann")
    assert (row.object_kind, row.object_id) == ("workflow_engine.workflow", str(workflow_id))


def test_nobody_a_command_and_the_platform() -> None:
    assert by_request(request(REMOTE_ADDR="")) == Actor(via=Via.ANONYMOUS)
    assert by_command("prune").via == Via.COMMAND
    assert by_command("prune").username
    assert by_system("rotation") == Actor(via=Via.SYSTEM, credential="rotation")


@pytest.mark.parametrize(
    ("remote", "forwarded", "proxies", "address"),
    [
        ("192.0.2.1", "", None, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", None, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", 0, "192.0.2.1"),
        ("192.0.2.1", "evil, 203.0.113.9", 1, "203.0.113.9"),
        ("192.0.2.1", "198.51.100.4, 203.0.113.9", 2, "198.51.100.4"),
        ("192.0.2.1", "not an address", 1, ""),
        ("", "", None, ""),
        ("2001:DB8:0:0::1", "", None, "2001:db8::1"),
        ("::ffff:192.0.2.1", "", None, "192.0.2.1"),
    ],
)
def test_addresses(
    remote: str, forwarded: str, proxies: int | None, address: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr("core.audit.actors.api_settings.NUM_PROXIES", proxies)
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert client_address(request(REMOTE_ADDR=remote, **headers)) == address


def test_a_row_is_part_of_the_actions_transaction() -> None:
    with pytest.raises(InvalidInput):
        create_user_and_raise(InvalidInput())
    assert not User.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("error", "outcome", "told"),
    [
        (Conflict(), Outcome.REFUSED, "conflict"),
        (ZeroDivisionError(), Outcome.FAILED, "ZeroDivisionError"),
    ],
)
def test_what_does_not_come_off_leaves_a_row(error: Exception, outcome: str, told: str) -> None:
    with pytest.raises(type(error)):
        create_user_and_raise(error)
    assert not User.objects.exists()
    assert (entry().outcome, entry().details) == (outcome, {"error": told})


def test_what_changes_nothing_may_leave_none() -> None:
    with action(by_system("tests"), "user.update") as done:
        done.drop()
    assert not AuditEntry.objects.exists()


def test_details_are_plain_and_small() -> None:
    user = User.objects.create_user("ann")
    record(
        by_system("tests"),
        "note.create",
        id=user.id,
        number=1.5,
        many=list(range(1000)),
        long="x" * 10_000,
        bad="a\0b\ud800",
        nested={"flag": True, "none": None},
    )
    details = entry().details
    assert details["id"] == str(user.id)
    assert details["number"] == "1.5"
    assert len(details["many"]) == 100
    assert len(details["long"]) == 501
    assert details["bad"] == "ab?"
    assert details["nested"] == {"flag": True, "none": None}
    assert entry().mac == seals.mac(next(iter(data_keys.audit_keys().values())), entry())


def test_reading_again_within_a_minute_is_one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    ann, ben = User.objects.create_user("ann"), User.objects.create_user("ben")
    for user in (ann, ann, ben):
        actor = Actor(via=Via.TOKEN, user_id=user.id, credential="t")
        record_reading(actor, ("run", 1), fields=["context"])
    record_reading(Actor(via=Via.TOKEN, user_id=ann.id, credential="t"), ("run", 2))
    assert AuditEntry.objects.count() == 3
    # Travelling in time would take the ids along, which never fall behind.
    monkeypatch.setattr(recording, "READ_AGAIN", timedelta(seconds=-60))
    actor = Actor(via=Via.TOKEN, user_id=ann.id, credential="t")
    record_reading(actor, ("run", 1), fields=["context"])
    assert AuditEntry.objects.count() == 4


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workflow_audit_log SET username = 'eve'",
        "UPDATE workflow_audit_log SET mac = mac || ''  , details = '{}'",
        "UPDATE workflow_audit_log SET sequence = NULL, seal = NULL",
        "DELETE FROM workflow_audit_log",
        "TRUNCATE workflow_audit_log",
    ],
)
@pytest.mark.parametrize(
    "before",
    ["SELECT 1", "SELECT set_config('pgtrigger.ignore', '{pgtrigger_no_delete_69119}', true)"],
)
def test_triggers_refuse(statement: str, before: str) -> None:
    write(1)
    with pytest.raises(ProgrammingError, match="is refused"), transaction.atomic():
        execute(before, statement)
    assert AuditEntry.objects.count() == 1


def test_triggers_fire_in_replication_sessions_too() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tgenabled FROM pg_trigger"
            " WHERE tgrelid = 'workflow_audit_log'::regclass AND NOT tgisinternal"
        )
        assert cursor.fetchall() == [("A",)]


def test_a_sealed_row_cannot_be_sealed_again() -> None:
    write(1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workflow_audit_log SET sequence = 1, seal = 'x'")
    with pytest.raises(ProgrammingError, match="is refused"), transaction.atomic():
        AuditEntry.objects.update(sequence=2, seal="y")
