"""Keys as text: in a variable, or in a file of mode 0600 that is made at the first start."""

from __future__ import annotations

import os
import tempfile
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from core.encryption import KEY_BYTES

KEY_FILE = "encryption.key"
HOW_TO_MAKE = "openssl rand -base64 32"


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


def decode_keys(text: str, *, source: str) -> list[bytes]:
    """One or more keys, by comma or one a line; the first is the one to use."""
    words = text.replace(",", "\n").split()
    return [decode_key(word, source=source) for word in words or [""]]


def read_keys(path: Path) -> list[bytes]:
    """The keys in a file that nobody but its owner can read."""
    if path.stat().st_mode & 0o077:
        raise ImproperlyConfigured(
            f"{path} can be read by others than its owner. Run: chmod 600 {path}"
        )
    return decode_keys(path.read_text(encoding="ascii", errors="replace"), source=str(path))


def read_or_make_keys(path: Path) -> list[bytes]:
    """The keys in `path` (mode 0600); one is made first where there is no file.

    Any number of processes may race: the key that `link` puts in place first is everybody's.
    """
    if not path.exists():
        _make_key_file(path)
    return read_keys(path)


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
