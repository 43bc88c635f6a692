"""The data keys that this process has unwrapped: what seals and opens every value.

A key is asked for once. Rows are looked at again every REFRESH_SECONDS, so that every process seals
under a rotated key, and has forgotten a destroyed one, within a minute and without a query of its
own for a value.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Hashable, Mapping
from time import monotonic
from types import MappingProxyType
from typing import Any

from django.core.signals import setting_changed
from django.db import InterfaceError, OperationalError

from core.encryption import AUDIT, INSTALLATION, KEY_BYTES, Cipher, Owner, Place, Sealed, key_id
from core.errors import KeyDestroyed, KeyUnavailable
from core.keys import providers, store

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 20.0
_RETRY_SECONDS = 5.0  # until a key that was not to be had is asked for again
_KEPT = 4096


class DataKeys:
    """Thread-safe: what is looked up is never changed in place, only replaced, under a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ciphers: dict[str, Cipher] = {}
        self._legacy: dict[str, Cipher] = {}
        self._active: dict[Owner, Cipher] = {}
        self._audit: dict[str, bytes] = {}
        self._refused: dict[Hashable, tuple[float, KeyUnavailable]] = {}
        self._fresh_until = 0.0

    def seal(self, plaintext: bytes, *, place: Place, owner: Owner = INSTALLATION) -> Sealed:
        """Encrypt under the owner's active key, bound to `place`.

        Raises KeyUnavailable where the provider does not give the key, KeyDestroyed where the
        owner's keys are gone.
        """
        if monotonic() > self._fresh_until:
            self._refresh()
        cipher = self._active.get(owner)
        if cipher is None:
            cipher = self._activate(owner)
        return cipher.seal(plaintext, place=place)

    def open(self, sealed: Sealed, *, place: Place) -> bytes:
        """Decrypt what was sealed for `place`, under whichever key.

        Raises KeyUnavailable where the key is unknown or its provider does not give it,
        KeyDestroyed, or DecryptionFailed where the value was altered or comes from another place.
        """
        if monotonic() > self._fresh_until:
            self._refresh()
        envelope = sealed.envelope()
        kid = envelope["kid"]
        cipher = self._ciphers.get(kid)
        if cipher is None:
            cipher = self._find(kid)
        return cipher.open(envelope["ct"], place=place)

    def active_kid(self, owner: Owner = INSTALLATION) -> str:
        """The name of the key that seals for this owner now."""
        if monotonic() > self._fresh_until:
            self._refresh()
        return (self._active.get(owner) or self._activate(owner)).kid

    def audit_keys(self) -> Mapping[str, bytes]:
        """The keys that prove the audit log's rows, by their ids: the active one first. They serve
        nothing else.
        """
        if not self._audit:
            with self._lock:
                stored = store.of_owner(AUDIT, _first_audit_key)
                self._audit = {key.kid: key.unwrap() for key in stored}
        return MappingProxyType(self._audit)

    def expire(self) -> None:
        """Looks at the rows before the next use."""
        self._refused = {}
        self._fresh_until = 0.0

    def forget(self) -> None:
        """Drops every key."""
        with self._lock:
            self._ciphers, self._legacy, self._active, self._audit = {}, {}, {}, {}
        self.expire()

    def after_fork(self) -> None:
        """A thread of the parent may have held the lock; the keys themselves are still good."""
        self._lock = threading.Lock()

    def _refresh(self) -> None:
        """Drops what was destroyed or rotated. While one thread does it the others go on."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._fresh_until = monotonic() + REFRESH_SECONDS
            if not self._ciphers:
                return
            try:
                stored = store.known(self._ciphers, self._active)
            except (OperationalError, InterfaceError) as error:
                logger.warning("The data keys could not be looked at: %s", error)
                self._fresh_until = monotonic() + _RETRY_SECONDS
                return
            usable = {key.kid for key in stored if key.state != store.DESTROYED}
            active = {key.owner: key.kid for key in stored if key.state == store.ACTIVE}
            kept = {kid: cipher for kid, cipher in self._ciphers.items() if kid in usable}
            self._ciphers = kept if len(kept) <= _KEPT else {}
            self._active = {
                owner: cipher
                for owner, cipher in self._active.items()
                if active.get(owner) == cipher.kid and cipher.kid in self._ciphers
            }
        finally:
            self._lock.release()

    def _activate(self, owner: Owner) -> Cipher:
        with self._lock:
            if (cipher := self._active.get(owner)) is not None:
                return cipher
            self._check_refused(owner)
            try:
                newest = store.of_owner(owner)[0]
                if newest.state == store.DESTROYED:
                    raise KeyDestroyed(f"The encryption keys of {owner} were destroyed.")
                cipher = self._unwrapped(newest)
            except KeyUnavailable as error:
                self._refuse(owner, error)
                raise
            self._active = {**self._active, owner: cipher}
            return cipher

    def _find(self, kid: str) -> Cipher:
        with self._lock:
            if (cipher := self._ciphers.get(kid) or self._legacy.get(kid)) is not None:
                return cipher
            self._check_refused(kid)
            try:
                key = store.find(kid)
                if key is not None:
                    return self._unwrapped(key)
                cipher = providers.legacy_cipher(kid)
                if cipher is None:
                    raise KeyUnavailable(f"The encryption key {kid[:16]!r} is not known here.")
            except KeyUnavailable as error:
                self._refuse(kid, error)
                raise
            self._legacy = {**self._legacy, kid: cipher}
            return cipher

    def _unwrapped(self, key: store.StoredKey) -> Cipher:
        if (cipher := self._ciphers.get(key.kid)) is not None:
            return cipher
        if key.state == store.DESTROYED:
            raise KeyDestroyed(f"The encryption key {key.kid!r} was destroyed.")
        cipher = Cipher(key.kid, key.unwrap())
        self._ciphers = {**self._ciphers, key.kid: cipher}
        return cipher

    def _check_refused(self, what: Hashable) -> None:
        until, error = self._refused.get(what, (0.0, None))
        if error is not None and monotonic() < until:
            raise type(error)(error.message)

    def _refuse(self, what: Hashable, error: KeyUnavailable) -> None:
        logger.warning("%s", error.message)
        refused = self._refused if len(self._refused) < _KEPT else {}
        self._refused = {**refused, what: (monotonic() + _RETRY_SECONDS, error)}


data_keys = DataKeys()
"""Of this process."""


def _first_audit_key(owner: Owner) -> store.StoredKey:
    # Rows that are older than data keys are proved by a key derived from the master key.
    key = providers.derived_audit_key() or os.urandom(KEY_BYTES)
    return store.new_key(owner, kid=key_id(key), key=key)


def _forget_changed(*, setting: str, **_: Any) -> None:
    if setting in {"DB_ENCRYPTION_KEY", "DATA_DIR", "KEY_PROVIDER", "VAULT"}:
        data_keys.forget()


os.register_at_fork(after_in_child=data_keys.after_fork)
setting_changed.connect(_forget_changed)
