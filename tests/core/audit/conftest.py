from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from core.audit.actors import by_system
from core.audit.models import AuditEntry
from core.audit.recording import record
from tests.support.keys import move_data_dir


@pytest.fixture(autouse=True)
def own_folder(settings: Settings, tmp_path: Path) -> Path:
    """Keeps the note of the head out of the other tests' way."""
    move_data_dir(settings, tmp_path)
    return tmp_path


def write(number: int, start: int = 0) -> list[AuditEntry]:
    """Writes so many rows, and gives them."""
    for n in range(start, start + number):
        record(by_system("tests"), "note.create", ("note", n), number=n, text=f"note {n} \u00e4")
    return list(AuditEntry.objects.order_by("id"))[-number:]
