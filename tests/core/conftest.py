from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest
from django.db import connection

from core.fields import EncryptedField
from core.keys.columns import SealedColumn
from tests.core.notes import Note


@pytest.fixture
def notes(db: None) -> type[Note]:
    """The table of the tests' own model, gone with the test's transaction."""
    with connection.schema_editor(atomic=False) as editor:
        editor.create_model(Note)
    return Note


@pytest.fixture
def stored_notes(own_keys: bytes) -> Iterator[list[SealedColumn]]:
    """The encrypted columns of the same table, which other processes see too."""
    with connection.schema_editor() as editor:
        editor.create_model(Note)
    meta = Note._meta
    names = ("content", "remark")
    yield [SealedColumn(cast(EncryptedField, meta.get_field(name))) for name in names]
    with connection.schema_editor() as editor:
        editor.delete_model(Note)
