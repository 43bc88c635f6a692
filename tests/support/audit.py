"""Lets tests empty the audit log between them, and forge it, as only the table's owner can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations

from core.audit import anchors

TABLE = "workflow_audit_log"
_OFF = f"ALTER TABLE {TABLE} DISABLE TRIGGER USER"
_ON = f"""
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT tgname FROM pg_trigger
               WHERE tgrelid = '{TABLE}'::regclass AND NOT tgisinternal
  LOOP
    EXECUTE format('ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER %I', name);
  END LOOP;
END $$
"""  # noqa: S608 - composed of a constant


@pytest.fixture(scope="session", autouse=True)
def emptied_between_tests() -> Iterator[None]:
    """Tests that commit end with TRUNCATE of every table, which the log's triggers refuse."""
    flush = DatabaseOperations.execute_sql_flush

    def without_triggers(self: Any, sql_list: Iterable[str]) -> None:
        statements = list(sql_list)
        if any(TABLE in statement for statement in statements):
            statements = [_OFF, *statements, _ON]
        flush(self, statements)
        if statements[:1] == [_OFF]:
            anchors.path().unlink(missing_ok=True)  # the emptied log is none that was cut

    DatabaseOperations.execute_sql_flush = without_triggers  # type: ignore[method-assign]
    yield
    DatabaseOperations.execute_sql_flush = flush  # type: ignore[method-assign]


@contextmanager
def as_owner() -> Iterator[Any]:
    """A cursor of somebody who owns the table and has switched its triggers off."""
    with connection.cursor() as cursor:
        cursor.execute(_OFF)
        yield cursor
        cursor.execute(_ON)
