"""Data keys are replaced, wrapped anew and destroyed; the audit log tells of it."""

from __future__ import annotations

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from core.audit.actors import by_system
from core.audit.models import AuditEntry
from core.encryption import AUDIT, INSTALLATION, Owner, Place, key_id
from core.errors import InvalidInput, KeyDestroyed, KeyUnavailable, NotFound
from core.keys import rotation, store
from core.keys.ring import data_keys
from core.models import DataKey
from core.tasks import rotate_keys
from tests.support.keys import LockKeys, active_key
from tests.support.vault import VaultServer

pytestmark = pytest.mark.usefixtures("own_keys")

PLACE = Place("workflow_executions", "0190-1", "context")
ACTOR = by_system("tests")
ORGANISATION = Owner("organisation", UUID(int=1))
PERSON = Owner("person", UUID(int=2))


def states(owner: Owner = INSTALLATION) -> list[str]:
    keys = DataKey.objects.filter(owner_kind=owner.kind, owner_id=owner.id)
    return list(keys.order_by("created_at").values_list("state", flat=True))


@pytest.mark.parametrize("owner", [INSTALLATION, ORGANISATION, PERSON], ids=str)
def test_a_new_key_seals_and_the_old_one_opens(owner: Owner) -> None:
    sealed = data_keys.seal(b"x", place=PLACE, owner=owner)
    before = active_key(owner)
    new = rotation.rotate(actor=ACTOR, owner=owner)
    assert states(owner) == ["decrypt_only", "active"]
    before.refresh_from_db()
    assert before.rotated_at is not None
    assert data_keys.seal(b"x", place=PLACE, owner=owner).envelope()["kid"] == new.kid
    assert data_keys.open(sealed, place=PLACE) == b"x"
    entry = AuditEntry.objects.get(action="key.rotate")
    assert (entry.object_id, entry.details) == (
        new.kid,
        {"owner": str(owner), "instead_of": before.kid},
    )


def test_whoever_comes_second_rotates_nothing() -> None:
    old = active_key()

    def rotate(_: int) -> str:
        try:
            return rotation.rotate(actor=ACTOR, instead_of=old.kid).kid
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        kids = set(pool.map(rotate, range(4)))
    assert kids == {active_key().kid}
    assert states() == ["decrypt_only", "active"]


def test_keys_rotate_after_thirty_days() -> None:
    data_keys.audit_keys()
    old, fresh = active_key(), active_key(ORGANISATION)
    DataKey.objects.exclude(kid=fresh.kid).update(created_at=Now() - timedelta(days=31))
    rotate_keys()
    rotate_keys()
    assert states() == ["decrypt_only", "active"]
    assert states(ORGANISATION) == ["active"]
    assert states(AUDIT) == ["active"]
    assert AuditEntry.objects.get(action="key.rotate").details["instead_of"] == old.kid


def test_beat_rotates_and_seals_anew() -> None:
    assert django_settings.KEY_ROTATION_DAYS == 30
    planned = {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()}
    assert {"core.rotate_keys", "core.reencrypt"} <= planned
    current_app.loader.import_default_modules()
    assert planned <= set(current_app.tasks)


def test_a_provider_that_is_away_rotates_nothing(lock_keys: LockKeys) -> None:
    active_key()
    DataKey.objects.update(created_at=Now() - timedelta(days=31))
    lock_keys()
    rotate_keys()
    with pytest.raises(KeyUnavailable):
        rotation.rotate(actor=ACTOR)
    assert states() == ["active"]


def test_the_audit_logs_key_stays() -> None:
    with pytest.raises(InvalidInput):
        rotation.rotate(actor=ACTOR, owner=AUDIT)


def test_the_audit_log_keeps_the_key_that_it_had(own_keys: bytes) -> None:
    [(kid, key)] = data_keys.audit_keys().items()
    assert kid == key_id(key) == DataKey.objects.get(owner_kind="audit").kid
    rotation.rotate(actor=ACTOR)
    data_keys.forget()
    assert dict(data_keys.audit_keys()) == {kid: key}


def test_a_new_master_key_takes_over(own_keys: bytes, settings: Settings) -> None:
    sealed = data_keys.seal(b"x", place=PLACE)
    assert data_keys.audit_keys()
    new = b64encode(b"n" * 32).decode()
    settings.DB_ENCRYPTION_KEY = f"{new},{settings.DB_ENCRYPTION_KEY}"
    assert rotation.rewrap(actor=ACTOR) == DataKey.objects.count() == 2
    settings.DB_ENCRYPTION_KEY = new
    assert data_keys.open(sealed, place=PLACE) == b"x"
    assert data_keys.audit_keys()
    assert AuditEntry.objects.get(action="key.rewrap").details == {"keys": 2}


def test_an_installation_moves_to_vault_and_back(settings: Settings, vault: VaultServer) -> None:
    sealed = [data_keys.seal(b"x", place=PLACE, owner=o) for o in (INSTALLATION, ORGANISATION)]
    own = settings.DB_ENCRYPTION_KEY
    settings.KEY_PROVIDER, settings.VAULT = "vault", vault.options()
    assert rotation.rotate(actor=ACTOR).provider == "vault"
    rotation.rewrap(actor=ACTOR)
    settings.DB_ENCRYPTION_KEY = ""
    assert set(DataKey.objects.values_list("provider", flat=True)) == {"vault"}
    assert [data_keys.open(each, place=PLACE) for each in sealed] == [b"x", b"x"]
    vault.rotate()
    rotation.rewrap(actor=ACTOR)
    vault.oldest = 2
    data_keys.forget()
    assert [data_keys.open(each, place=PLACE) for each in sealed] == [b"x", b"x"]
    settings.KEY_PROVIDER, settings.DB_ENCRYPTION_KEY = "env", own
    rotation.rewrap(actor=ACTOR)
    vault.close()
    data_keys.forget()
    assert [data_keys.open(each, place=PLACE) for each in sealed] == [b"x", b"x"]


def test_a_destroyed_key_takes_its_values_with_it_and_no_others() -> None:
    gone = data_keys.seal(b"x", place=PLACE, owner=ORGANISATION)
    rotation.rotate(actor=ACTOR, owner=ORGANISATION)
    gone_too = data_keys.seal(b"x", place=PLACE, owner=ORGANISATION)
    stays = [data_keys.seal(b"x", place=PLACE, owner=o) for o in (INSTALLATION, PERSON)]
    assert rotation.destroy(actor=ACTOR, owner=ORGANISATION) == 2
    assert rotation.destroy(actor=ACTOR, owner=ORGANISATION) == 0
    for sealed in (gone, gone_too):
        with pytest.raises(KeyDestroyed) as caught:
            data_keys.open(sealed, place=PLACE)
        assert isinstance(caught.value, KeyUnavailable)
    with pytest.raises(KeyDestroyed):
        data_keys.seal(b"x", place=PLACE, owner=ORGANISATION)
    with pytest.raises(KeyDestroyed):
        rotation.rotate(actor=ACTOR, owner=ORGANISATION)
    assert [data_keys.open(each, place=PLACE) for each in stays] == [b"x", b"x"]
    wrapped = DataKey.objects.filter(owner_id=ORGANISATION.id).values_list("wrapped", flat=True)
    assert list(wrapped) == ["", ""]
    entry = AuditEntry.objects.filter(action="key.destroy").earliest("id")
    assert (entry.object_kind, entry.object_id) == ("organisation", str(ORGANISATION.id))
    assert len(entry.details["keys"]) == 2


def test_what_cannot_be_destroyed() -> None:
    data_keys.seal(b"x", place=PLACE)
    data_keys.audit_keys()
    for owner in (INSTALLATION, AUDIT):
        with pytest.raises(InvalidInput):
            rotation.destroy(actor=ACTOR, owner=owner)
    with pytest.raises(NotFound):
        rotation.destroy(actor=ACTOR, owner=PERSON)
    assert {key.state for key in DataKey.objects.all()} == {"active"}


def test_a_key_destroyed_while_it_was_wrapped_anew_stays_destroyed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data_keys.seal(b"x", place=PLACE, owner=ORGANISATION)
    bind = store.binding

    def destroying(kid: str, owner: Owner) -> str:
        monkeypatch.setattr(store, "binding", bind)
        rotation.destroy(actor=ACTOR, owner=ORGANISATION)
        return bind(kid, owner)

    monkeypatch.setattr(store, "binding", destroying)
    rotation.rewrap(actor=ACTOR)
    assert DataKey.objects.get(owner_id=ORGANISATION.id).wrapped == ""
