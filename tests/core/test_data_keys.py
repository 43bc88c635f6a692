"""The data keys that a process holds: made once, looked at again, forgotten."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries, Settings

from core.encryption import INSTALLATION, Cipher, Owner, Place, Sealed, key_id
from core.errors import KeyDestroyed, KeyUnavailable
from core.keys import ring, store
from core.keys.ring import DataKeys, data_keys
from core.models import DataKey
from tests.support.keys import LockKeys, active_key
from tests.support.vault import VaultServer

PLACE = Place("workflow_executions", "0190-1", "context")
ORGANISATION = Owner("organisation", UUID(int=1))


def test_the_first_value_makes_the_key(own_keys: bytes) -> None:
    sealed = data_keys.seal(b"payload", place=PLACE)
    row = DataKey.objects.get()
    assert sealed.envelope()["kid"] == row.kid
    assert (row.owner, row.state, row.provider) == (INSTALLATION, "active", "env")
    assert row.wrapped.startswith(f"{key_id(own_keys)}:")
    assert data_keys.open(sealed, place=PLACE) == b"payload"


def test_threads_that_race_make_one_key(own_keys: bytes) -> None:
    rings = [DataKeys() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: each.seal(b"x", place=PLACE), rings))
    assert DataKey.objects.count() == 1


def test_a_key_outlives_the_transaction_in_which_it_was_made(own_keys: bytes) -> None:
    with transaction.atomic():
        sealed = data_keys.seal(b"payload", place=PLACE)
        transaction.set_rollback(True)
    data_keys.forget()
    assert data_keys.open(sealed, place=PLACE) == b"payload"


def test_a_broken_transaction_keeps_nobody_from_opening(own_keys: bytes) -> None:
    sealed = data_keys.seal(b"payload", place=PLACE)
    data_keys.forget()
    with transaction.atomic():
        with connection.cursor() as cursor, pytest.raises(IntegrityError):
            cursor.execute("INSERT INTO workflow_data_keys (kid) VALUES (NULL)")
        assert data_keys.open(sealed, place=PLACE) == b"payload"
        transaction.set_rollback(True)


def test_values_cost_no_query(
    own_keys: bytes,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data_keys.seal(b"", place=PLACE)
    monkeypatch.setattr(store, "_own_connection", None)  # would fail
    with django_assert_num_queries(0):
        for _ in range(1000):
            data_keys.open(data_keys.seal(b"", place=PLACE), place=PLACE)


def test_owners_have_keys_of_their_own(own_keys: bytes) -> None:
    sealed = [data_keys.seal(b"x", place=PLACE, owner=o) for o in (INSTALLATION, ORGANISATION)]
    assert len({each.envelope()["kid"] for each in sealed}) == 2
    assert [data_keys.open(each, place=PLACE) for each in sealed] == [b"x", b"x"]
    assert {row.owner for row in DataKey.objects.all()} == {INSTALLATION, ORGANISATION}


def test_a_key_moved_to_another_owner_or_name_does_not_open(own_keys: bytes) -> None:
    sealed = data_keys.seal(b"x", place=PLACE, owner=ORGANISATION)
    other = UUID(int=2)
    DataKey.objects.update(owner_id=other)
    data_keys.forget()
    with pytest.raises(KeyUnavailable, match="altered"):
        data_keys.open(sealed, place=PLACE)


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are looked at again before each use."""
    monkeypatch.setattr(ring, "REFRESH_SECONDS", -1)
    data_keys.expire()


def rotate_behind_the_back(row: DataKey) -> DataKey:
    DataKey.objects.filter(kid=row.kid).update(state="decrypt_only", rotated_at=Now())
    key = store.new_key(row.owner)
    return DataKey.objects.create(
        kid=key.kid,
        owner_kind=key.owner.kind,
        owner_id=key.owner.id,
        provider=key.provider,
        wrapped=key.wrapped,
    )


@pytest.mark.parametrize("owner", [INSTALLATION, ORGANISATION], ids=str)
def test_a_rotated_key_is_noticed(own_keys: bytes, stale: None, owner: Owner) -> None:
    sealed = data_keys.seal(b"x", place=PLACE, owner=owner)
    new = rotate_behind_the_back(active_key(owner))
    assert data_keys.seal(b"x", place=PLACE, owner=owner).envelope()["kid"] == new.kid
    assert data_keys.open(sealed, place=PLACE) == b"x", "the old one still opens"


def test_rows_are_looked_at_within_a_minute() -> None:
    assert ring.REFRESH_SECONDS <= 30


def test_a_destroyed_key_is_noticed(own_keys: bytes, stale: None) -> None:
    sealed = data_keys.seal(b"x", place=PLACE, owner=ORGANISATION)
    DataKey.objects.update(state="destroyed", wrapped="", destroyed_at=Now())
    for _ in range(2):
        with pytest.raises(KeyDestroyed, match="destroyed"):
            data_keys.open(sealed, place=PLACE)
        with pytest.raises(KeyDestroyed, match="organisation:0000"):
            data_keys.seal(b"x", place=PLACE, owner=ORGANISATION)
    assert DataKey.objects.count() == 1, "no new key takes the place of a destroyed one"


def test_keys_stay_while_the_database_is_away(
    own_keys: bytes, stale: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = data_keys.seal(b"x", place=PLACE)
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    assert data_keys.open(sealed, place=PLACE) == b"x"
    assert data_keys.seal(b"x", place=PLACE)


def test_a_lost_master_key_stops_and_comes_back(own_keys: bytes, lock_keys: LockKeys) -> None:
    sealed = data_keys.seal(b"x", place=PLACE)
    unlock = lock_keys()
    for _ in range(2):
        with pytest.raises(KeyUnavailable, match="not configured") as caught:
            data_keys.open(sealed, place=PLACE)
        assert not caught.value.permanent
        with pytest.raises(KeyUnavailable):
            data_keys.seal(b"x", place=PLACE)
    assert DataKey.objects.count() == 1, "no new key hides the loss"
    unlock()
    assert data_keys.open(sealed, place=PLACE) == b"x"


def test_a_key_nobody_knows(own_keys: bytes) -> None:
    stranger = Cipher("feedfacefeedface", b"s" * 32).seal(b"x", place=PLACE)
    with pytest.raises(KeyUnavailable, match="'feedfacefeedface' is not known here"):
        data_keys.open(stranger, place=PLACE)


def test_a_provider_that_is_down_is_not_asked_for_every_value(
    own_keys: bytes, settings: Settings, vault: VaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KEY_PROVIDER, settings.VAULT = "vault", vault.options()
    sealed = data_keys.seal(b"x", place=PLACE)
    data_keys.forget()
    vault.sealed, vault.asked = True, []
    for _ in range(5):
        with pytest.raises(KeyUnavailable, match="Vault does not answer"):
            data_keys.open(sealed, place=PLACE)
    assert len(vault.asked) == 1
    vault.sealed = False
    monkeypatch.setattr(ring, "monotonic", lambda: float("inf"))
    assert data_keys.open(sealed, place=PLACE) == b"x"


def test_what_the_master_key_sealed_itself_still_opens(own_keys: bytes) -> None:
    """Installations that are older than data keys."""
    old = Cipher(key_id(own_keys), own_keys).seal(b"old", place=PLACE)
    assert data_keys.open(old, place=PLACE) == b"old"
    assert data_keys.open(Sealed(old.text), place=PLACE) == b"old"
    assert data_keys.seal(b"new", place=PLACE).envelope()["kid"] != key_id(own_keys)


def test_a_forked_child_has_the_keys_and_a_lock_of_its_own(own_keys: bytes) -> None:
    sealed = data_keys.seal(b"x", place=PLACE)
    reader, writer = os.pipe()
    with data_keys._lock:
        child = os.fork()
        if child == 0:
            try:
                data_keys._refused = {}
                opened = data_keys.open(sealed, place=PLACE)
                free = data_keys._lock.acquire(timeout=1)
                os.write(writer, opened if free else b"locked")
            finally:
                os._exit(0)
    os.close(writer)
    assert os.read(reader, 10) == b"x"
    os.waitpid(child, 0)
    os.close(reader)
