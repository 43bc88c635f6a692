"""Where the encryption key comes from: DB_ENCRYPTION_KEY, or a file made at the first start."""

from __future__ import annotations

import os
import tempfile
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from core.encryption import KEY_BYTES, Keyring, key_id

KEY_FILE = "encryption.key"
HOW_TO_MAKE = "openssl rand -base64 32"
_AUDIT_PURPOSE = b"workflow-platform audit log 1"


def current_keyring() -> Keyring:
    """The keyring that the settings name, made once a process.

    Raises ImproperlyConfigured, which says how to make a key, where they name none that is valid.
    """
    return _keyring(settings.DB_ENCRYPTION_KEY, settings.DATA_DIR)


def audit_keys() -> Mapping[str, bytes]:
    """The keys that prove the audit log's rows, by their ids: the active one first.

    They are derived from the installation's key (HKDF, RFC 5869) and serve nothing else.
    """
    return _audit_keys(settings.DB_ENCRYPTION_KEY, settings.DATA_DIR)


def decode_key(text: str, *, source: str) -> bytes:
    """The 32 bytes of a key in base64. `source` names the place in the error message."""
    try:
        key = b64decode(text.strip(), validate=True)
    except (Base64Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ImproperlyConfigured(
            f"{source} must be {KEY_BYTES} random bytes in base64. Make one with: {HOW_TO_MAKE}"
        )
    return key


def read_or_make_key_file(path: Path) -> bytes:
    """The key in `path` (mode 0600), made first where there is none.

    Any number of processes may race: the key that `link` puts in place first is everybody's.
    """
    if not path.exists():
        _make_key_file(path)
    if path.stat().st_mode & 0o077:
        raise ImproperlyConfigured(
            f"{path} can be read by others than its owner. Run: chmod 600 {path}"
        )
    return decode_key(path.read_text(encoding="ascii", errors="replace"), source=str(path))


def _make_key_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp opens with O_EXCL and 0600; the file is complete and on disk before it has its name.
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        Path(draft).unlink()


@lru_cache(maxsize=8)
def _keyring(encoded: str, data_dir: Path) -> Keyring:
    return Keyring([_key(encoded, data_dir)])


@lru_cache(maxsize=8)
def _audit_keys(encoded: str, data_dir: Path) -> Mapping[str, bytes]:
    derive = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_AUDIT_PURPOSE)
    key = derive.derive(_key(encoded, data_dir))
    return MappingProxyType({key_id(key): key})


def _key(encoded: str, data_dir: Path) -> bytes:
    if encoded:
        return decode_key(encoded, source="DB_ENCRYPTION_KEY")
    return read_or_make_key_file(data_dir / KEY_FILE)
