"""Who wraps data keys: a master key of the environment or of a file, or Vault."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from core.encryption import Cipher, derive_key, key_id
from core.errors import KeyUnavailable
from core.keys.files import KEY_FILE, decode_keys, read_keys, read_or_make_keys
from core.keys.vault import Vault

_WRAPPING = b"workflow-platform wrapping of data keys"
_AUDIT = b"workflow-platform audit log 1"


class KeyProvider(Protocol):
    """Wraps data keys. `bound_to` says which one it is: a wrapped key opens under no other name.

    Every method raises KeyUnavailable where the provider cannot do it now.
    """

    def wrap(self, key: bytes, *, bound_to: str) -> str:
        """The key, encrypted under the newest master key."""
        ...

    def unwrap(self, wrapped: str, *, bound_to: str) -> bytes:
        """The key that `wrap` was given."""
        ...


class MasterKeys:
    """Wraps by AES-256-GCM under master keys that the platform itself holds: the first wraps, the
    others only unwrap.

    A wrapped key is `<master key id>:<base64>`. What wraps is derived from the master key (HKDF,
    RFC 5869), which may itself have sealed values of installations that are older than data keys.
    """

    def __init__(self, masters: Sequence[bytes], *, source: str) -> None:
        self._source = source
        self._ciphers = {key_id(master): _wrapping(master) for master in masters}
        self._first = key_id(masters[0])

    @property
    def ids(self) -> frozenset[str]:
        """The ids of its keys."""
        return frozenset(self._ciphers)

    def wrap(self, key: bytes, *, bound_to: str) -> str:
        content = self._ciphers[self._first].encrypt(key, bound_to.encode())
        return f"{self._first}:{b64encode(content).decode('ascii')}"

    def unwrap(self, wrapped: str, *, bound_to: str) -> bytes:
        name, _, content = wrapped.partition(":")
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise KeyUnavailable(f"{self._source} does not hold the master key {name!r}.")
        try:
            return cipher.decrypt(b64decode(content, validate=True), bound_to.encode())
        except (ValueError, InvalidTag):
            raise KeyUnavailable("A wrapped data key was altered.") from None


def current_name() -> str:
    """The provider that new data keys are wrapped by: `env`, `file` or `vault`."""
    chosen: str = settings.KEY_PROVIDER
    return chosen or ("env" if settings.DB_ENCRYPTION_KEY else "file")


def provider(name: str) -> KeyProvider:
    """The provider of that name, as the settings describe it; made once.

    Raises KeyUnavailable where they do not (any more).
    """
    if name == "vault":
        return _vault(**settings.VAULT)
    if name == "env" and settings.DB_ENCRYPTION_KEY:
        return _environment(settings.DB_ENCRYPTION_KEY)
    if name == "file":
        path = settings.DATA_DIR / KEY_FILE
        if path.exists():
            return _file(path, path.stat().st_mtime_ns)
        if current_name() == "file":
            raise KeyUnavailable(
                f"{KEY_FILE} is not in DATA_DIR, and what is stored needs the master key in it."
            )
    raise KeyUnavailable(f"The key provider {name!r} is not configured.")


def make_master_key() -> None:
    """Makes the file of the provider `file` where it is that one and there is none.

    Only for a database without data keys: those that it has need the master key that wrapped them.
    """
    if current_name() == "file":
        read_or_make_keys(settings.DATA_DIR / KEY_FILE)


def held(name: str) -> frozenset[str]:
    """The ids of the master keys that the provider `env` or `file` holds here."""
    try:
        found = provider(name)
    except (KeyUnavailable, ImproperlyConfigured, OSError):
        return frozenset()
    return found.ids if isinstance(found, MasterKeys) else frozenset()


def legacy_cipher(kid: str) -> Cipher | None:
    """The cipher of a master key that sealed values itself, before there were data keys."""
    return next((Cipher(kid, master) for master in _masters() if key_id(master) == kid), None)


def derived_audit_key() -> bytes | None:
    """The key that proved the audit log before there were data keys; None without master key."""
    masters = _masters()
    return derive_key(masters[0], _AUDIT) if masters else None


def forget() -> None:
    """Reads keys and settings anew at the next use, over new connections."""
    for made in (_environment, _file, _vault):
        made.cache_clear()


@lru_cache(maxsize=1)
def _environment(text: str) -> MasterKeys:
    masters = decode_keys(text, source="DB_ENCRYPTION_KEY")
    return MasterKeys(masters, source="DB_ENCRYPTION_KEY")


@lru_cache(maxsize=1)
def _file(path: Path, changed: int) -> MasterKeys:
    return MasterKeys(read_keys(path), source=path.name)


@lru_cache(maxsize=1)
def _vault(**options: Any) -> Vault:
    return Vault(**options)


def _masters() -> list[bytes]:
    """Every master key that the platform itself holds."""
    masters: list[bytes] = []
    if text := settings.DB_ENCRYPTION_KEY:
        masters += decode_keys(text, source="DB_ENCRYPTION_KEY")
    if (path := settings.DATA_DIR / KEY_FILE).exists():
        masters += read_keys(path)
    return masters


def _wrapping(master: bytes) -> Cipher:
    return Cipher(key_id(master), derive_key(master, _WRAPPING))


def _forget_changed(*, setting: str, **_: Any) -> None:
    if setting in {"DB_ENCRYPTION_KEY", "DATA_DIR", "KEY_PROVIDER", "VAULT"}:
        forget()


# A socket to Vault is not to be shared with a forked child.
os.register_at_fork(after_in_child=forget)
setting_changed.connect(_forget_changed)
