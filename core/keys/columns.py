"""Every encrypted column of the installed apps, as the jobs on keys see it: by pages, in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection
from psycopg import sql

from core.encryption import Place, Sealed
from core.fields import EncryptedField, EncryptedTextField

PAGE_BYTES = 4 * 1024 * 1024

# The key's name without reading the rest of a text; of jsonb the whole value has to be read.
_KID_OF_TEXT = """substring(left({column}, 64) from '"kid":"([^"]*)"')"""
_KID_OF_JSON = "{column} ->> 'kid'"

_PAGE = """
SELECT {pk}, {kid}, pg_column_size({column})
  FROM {table}
 WHERE {column} IS NOT NULL AND (%s::text IS NULL OR {pk} > %s::text::{pk_type})
 ORDER BY {pk}
 LIMIT %s
"""
_EDGES = """
(SELECT {pk} FROM {table} WHERE {column} IS NOT NULL ORDER BY {pk} LIMIT %s) UNION
(SELECT {pk} FROM {table} WHERE {column} IS NOT NULL ORDER BY {pk} DESC LIMIT %s)
"""
_READ = "SELECT {pk}, {kid}, {column}::text FROM {table} WHERE {pk} = ANY(%s)"

# Rows that somebody else has locked are left alone, and so are those that got a new value since it
# was read. NO KEY: the engine's own statements hold runs FOR KEY SHARE, and neither waits.
_REPLACE = """
WITH free AS (
    SELECT {pk} AS pk FROM {table} WHERE {pk} = ANY(%s) FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE {table} AS stored
   SET {name} = change.new::{type}
  FROM free JOIN unnest(%s::{pk_type}[], %s::text[], %s::text[]) AS change (pk, old, new) USING (pk)
 WHERE stored.{pk} = free.pk AND stored.{name} = change.old::{type}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One stored value: its row's primary key, its key's name, and what it takes on disk."""

    pk: Any
    kid: str | None
    size: int


class SealedColumn:
    """An encrypted field as a column of its table."""

    def __init__(self, field: EncryptedField) -> None:
        self._field = field
        meta = field.model._meta
        primary = meta.pk
        self.table: str = meta.db_table
        self.name: str = field.column or field.name
        column = sql.Identifier(self.table, self.name)
        kid = _KID_OF_TEXT if isinstance(field, EncryptedTextField) else _KID_OF_JSON
        self._parts: dict[str, sql.Composable] = {
            "table": sql.Identifier(self.table),
            "column": column,
            "name": sql.Identifier(self.name),
            "type": sql.SQL(str(field.db_type(connection))),
            "pk": sql.Identifier(primary.column or primary.name),
            "pk_type": sql.SQL(str(primary.rel_db_type(connection))),
            "kid": sql.SQL(kid).format(column=column),
        }

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"

    def place(self, pk: Any) -> Place:
        """What the value in the row `pk` is bound to."""
        return self._field.place(pk)

    def page(self, after: str | None, *, rows: int) -> list[Entry]:
        """The next values behind the primary key `after`: so many at most, and together no larger
        than PAGE_BYTES unless one alone is.
        """
        page: list[Entry] = []
        total = 0
        for pk, kid, size in self._ask(_PAGE, [after, after, rows]):
            total += size
            if page and total > PAGE_BYTES:
                break
            page.append(Entry(pk=pk, kid=kid, size=size))
        return page

    def edges(self, rows: int) -> list[Any]:
        """Primary keys of so many of the oldest and of the newest values."""
        return [pk for (pk,) in self._ask(_EDGES, [rows, rows])]

    def read(self, pks: Sequence[Any]) -> list[tuple[Any, str | None, Sealed]]:
        """(primary key, key's name, value) of these rows."""
        return [(pk, kid, Sealed(text)) for pk, kid, text in self._ask(_READ, [list(pks)]) if text]

    def replace(self, changes: Iterable[tuple[Any, Sealed, Sealed]]) -> int:
        """Writes (primary key, old, new) where the old value is still there and nobody has the row
        locked; how many that were.
        """
        pks, old, new = zip(*((pk, o.text, n.text) for pk, o, n in changes), strict=True)
        with connection.cursor() as cursor:
            cursor.execute(self._sql(_REPLACE), [list(pks), list(pks), list(old), list(new)])
            replaced: int = cursor.rowcount
        return replaced

    def _sql(self, text: str) -> sql.Composed:
        return sql.SQL(text).format(**self._parts)

    def _ask(self, text: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(self._sql(text), parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def sealed_columns() -> list[SealedColumn]:
    """The encrypted columns of every installed app, by table and name."""
    columns = [
        SealedColumn(field)
        for model in apps.get_models()
        if not model._meta.proxy
        for field in model._meta.local_fields
        if isinstance(field, EncryptedField)
    ]
    return sorted(columns, key=str)
