"""The row of a call, written by one prepared statement: the ORM takes longer to say it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.db import connection, models

from ai.models import AIStepExecution
from engine.statements import execute

WORKER_LOST = "worker_lost"
"""The error of a call whose worker did not tell what became of it."""


def insert(row: AIStepExecution) -> None:
    """Writes the row, unless it is there already; a worker that was not lost after all is right."""
    statement, fields = _statement()
    values = {
        field.attname: field.get_db_prep_save(field.pre_save(row, add=True), connection)
        for field in fields
    }
    execute(statement, **values)


@lru_cache(maxsize=1)
def _statement() -> tuple[str, tuple[models.Field[Any, Any], ...]]:
    """The statement, and the fields that it takes; the database fills in the others."""
    meta = AIStepExecution._meta
    fields = tuple(field for field in meta.concrete_fields if not field.has_db_default())
    columns = ", ".join(field.attname for field in fields)
    values = ", ".join(f"%({field.attname})s::{field.db_type(connection)}" for field in fields)
    told = ", ".join(f"{field.attname} = excluded.{field.attname}" for field in fields)
    statement = f"""
    INSERT INTO {meta.db_table} AS row ({columns}) VALUES ({values})
        ON CONFLICT (id) DO UPDATE SET {told}
     WHERE row.error_code = '{WORKER_LOST}' AND excluded.error_code <> row.error_code
    """  # noqa: S608 # nosec B608 # names of a model
    return statement, fields
