"""Data keys in tests: they outlive the emptying of tables, and can be out of reach for a while."""

from __future__ import annotations

import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management.color import Style
from django.db import connection
from pytest_django import Settings

from core.encryption import INSTALLATION, Owner
from core.keys.files import KEY_FILE, read_or_make_keys
from core.keys.ring import data_keys
from core.models import DataKey

Unlock = Callable[[], None]
LockKeys = Callable[[], Unlock]


@pytest.fixture(scope="session", autouse=True)
def _keys_outlive_flushes() -> None:
    """Leaves data keys where a test's end empties the tables: processes have them in memory."""
    flush = connection.ops.sql_flush

    def all_but_keys(style: Style, tables: Sequence[str], **options: Any) -> list[str]:
        kept = [table for table in tables if table != DataKey._meta.db_table]
        return flush(style, kept, **options)

    connection.ops.sql_flush = all_but_keys  # type: ignore[method-assign]


@pytest.fixture
def lock_keys(settings: Settings, tmp_path: Path) -> LockKeys:
    """Calling it takes the master key away from this process; what it returns brings it back."""

    def lock() -> Unlock:
        before = settings.DATA_DIR, settings.DB_ENCRYPTION_KEY, settings.KEY_PROVIDER
        settings.DATA_DIR = tmp_path / "nothing"
        settings.DB_ENCRYPTION_KEY = ""
        settings.KEY_PROVIDER = "env"

        def unlock() -> None:
            settings.DATA_DIR, settings.DB_ENCRYPTION_KEY, settings.KEY_PROVIDER = before

        return unlock

    return lock


@pytest.fixture
def own_keys(
    transactional_db: None, no_workers: None, settings: Settings, tmp_path: Path
) -> Iterator[bytes]:
    """No data keys at first, and a master key of the test's own, which it gets; the others' data
    keys are back afterwards.
    """
    stored = list(DataKey.objects.all())
    DataKey.objects.all().delete()
    master = b"m" * 32
    settings.DATA_DIR = tmp_path / "keys"
    settings.KEY_PROVIDER = ""
    settings.DB_ENCRYPTION_KEY = b64encode(master).decode()
    data_keys.forget()
    yield master
    DataKey.objects.all().delete()
    DataKey.objects.bulk_create(stored)
    data_keys.forget()


def move_data_dir(settings: Settings, folder: Path) -> None:
    """Lets DATA_DIR be another folder, with the same master key."""
    read_or_make_keys(settings.DATA_DIR / KEY_FILE)
    shutil.copy(settings.DATA_DIR / KEY_FILE, folder)
    settings.DATA_DIR = folder


def active_key(owner: Owner = INSTALLATION) -> DataKey:
    """The row of the key that seals for this owner."""
    return DataKey.objects.get(kid=data_keys.active_kid(owner))
