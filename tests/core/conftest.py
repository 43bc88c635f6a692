from __future__ import annotations

import pytest
from django.db import connection

from tests.core.notes import Note


@pytest.fixture
def notes(db: None) -> type[Note]:
    """The table of the tests' own model, gone with the test's transaction."""
    with connection.schema_editor(atomic=False) as editor:
        editor.create_model(Note)
    return Note
