from __future__ import annotations

from base64 import b64encode

import pytest
from django.db import connection
from pytest_django import Settings

from tests.core.notes import Note

KEY = bytes(range(32))


@pytest.fixture(autouse=True)
def known_key(settings: Settings) -> None:
    settings.DB_ENCRYPTION_KEY = b64encode(KEY).decode()


@pytest.fixture
def notes(db: None) -> type[Note]:
    """The table of the tests' own model, gone with the test's transaction."""
    with connection.schema_editor(atomic=False) as editor:
        editor.create_model(Note)
    return Note
