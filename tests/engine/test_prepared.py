"""Statements below cursors: values, transactions, broken connections, plans that are made anew."""

from __future__ import annotations

import os
import socket
import time
from types import SimpleNamespace
from uuid import UUID

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus

from core.ids import uuid7
from engine import prepared, statements

_ECHO = "SELECT %(text)s::text, %(id)s::uuid, %(ids)s::uuid[], %(no)s::int, %(text)s || '!'"
_NOTE = "INSERT INTO noted (word) VALUES (%(word)s::text) RETURNING word"


@pytest.fixture
def table(transactional_db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE noted (word text UNIQUE)")


def raw() -> psycopg.Connection[tuple[object, ...]]:
    connection.ensure_connection()
    found: psycopg.Connection[tuple[object, ...]] = connection.connection
    return found


@pytest.mark.django_db
def test_values_go_there_and_back() -> None:
    pk = uuid7()
    rows = statements.execute(_ECHO, text="ä'\"", id=pk, ids=[pk, UUID(int=0)], no=None)
    assert rows == [("ä'\"", pk, [pk, UUID(int=0)], None, "ä'\"!")]


@pytest.mark.usefixtures("table")
def test_it_takes_part_in_a_transaction() -> None:
    with transaction.atomic():
        statements.execute(_NOTE, word="gone")
        transaction.set_rollback(True)
    statements.execute(_NOTE, word="stays")
    with connection.cursor() as cursor:
        cursor.execute("SELECT word FROM noted")
        assert cursor.fetchall() == [("stays",)]


@pytest.mark.usefixtures("table")
def test_errors_are_djangos() -> None:
    statements.execute(_NOTE, word="once")
    with pytest.raises(IntegrityError, match="noted_word_key"):
        statements.execute(_NOTE, word="once")
    with transaction.atomic():
        with pytest.raises(IntegrityError), transaction.atomic():
            statements.execute(_NOTE, word="once")
        statements.execute(_NOTE, word="twice")


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_is_an_operational_error() -> None:
    with psycopg.connect(raw().info.dsn, password=raw().info.password, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [raw().info.backend_pid])
    with pytest.raises(OperationalError):
        statements.execute("SELECT 1")
    connection.close()
    assert statements.execute("SELECT 1") == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_plans_are_made_anew_and_the_old_ones_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    for age in (0, 0, 1, 5, 60):
        monkeypatch.setattr(prepared, "_STARTED", time.monotonic() - age)
        assert statements.execute("SELECT 42") == [(42,)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 42'")
        assert cursor.fetchone() == (1,)


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_amid_a_statement_counts_as_broken() -> None:
    with socket.socket(fileno=os.dup(raw().pgconn.socket)) as shared:
        shared.shutdown(socket.SHUT_RDWR)
    with pytest.raises(OperationalError):
        statements.execute("SELECT %(n)s::int", n=1)
    connection.close()


def test_what_the_library_says_of_a_connection_counts_as_broken() -> None:
    # Its status may not have changed yet.
    class Result:
        status = ExecStatus.FATAL_ERROR

        def error_field(self, field: DiagnosticField) -> None:
            return None

        def get_error_message(self) -> str:
            return "server closed the connection unexpectedly"

    with pytest.raises(psycopg.OperationalError, match="closed"):
        prepared._check(SimpleNamespace(status=ConnStatus.OK), Result())  # type: ignore[arg-type]
