"""AES-256-GCM envelopes for values at rest. Pure: where keys come from is `core.keys`.

Format 1: ``{"enc": 1, "kid": "<key id>", "ct": "<base64 of nonce + ciphertext + tag>"}``. The
additional data is ``table|primary key|column|format|key id``, so that a ciphertext that is moved to
another row or column fails. The nonce is 96 random bits (NIST SP 800-38D, 8.2.2): a key is good
for 2^32 values.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import DecryptionFailed, KeyUnavailable

FORMAT = 1
KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted value as it is stored: its envelope as JSON text. The repr has no content."""

    text: str = field(repr=False)

    def envelope(self) -> dict[str, Any]:
        """The envelope's parts. Raises DecryptionFailed where the text is not an envelope."""
        try:
            parts = json.loads(self.text)
        except (ValueError, RecursionError):
            parts = None
        if (
            not isinstance(parts, dict)
            or parts.get("enc") != FORMAT
            or not isinstance(parts.get("kid"), str)
            or not isinstance(parts.get("ct"), str)
        ):
            raise DecryptionFailed(
                "A value that should be encrypted is stored without an envelope."
            )
        return parts


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lives; part of what its ciphertext is bound to."""

    table: str
    pk: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of {self.pk}"


class Keyring:
    """Seals with its first key, opens with any of its keys. Thread-safe; keys never leave it."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        """`keys`: 32 bytes each, the active one first."""
        self._ciphers: dict[str, AESGCM] = {}
        for key in keys:
            if len(key) != KEY_BYTES:
                raise ValueError(f"an encryption key has {KEY_BYTES} bytes, not {len(key)}")
            self._ciphers.setdefault(key_id(key), AESGCM(key))
        if not self._ciphers:
            raise ValueError("a keyring needs at least one key")
        self.active = next(iter(self._ciphers))

    def __repr__(self) -> str:
        return f"<Keyring {' '.join(self._ciphers)}>"

    def seal(self, plaintext: bytes, *, place: Place) -> Sealed:
        """Encrypt under the active key, bound to `place`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self.active].encrypt(
            nonce, plaintext, _additional_data(place, self.active)
        )
        content = b64encode(nonce + sealed).decode("ascii")
        return Sealed(f'{{"enc":{FORMAT},"kid":"{self.active}","ct":"{content}"}}')

    def open(self, sealed: Sealed, *, place: Place) -> bytes:
        """Decrypt what was sealed for `place`.

        Raises KeyUnavailable where this keyring lacks the key, DecryptionFailed where the value was
        altered or comes from another place.
        """
        envelope = sealed.envelope()
        kid = envelope["kid"]
        cipher = self._ciphers.get(kid)
        if cipher is None:
            raise KeyUnavailable(f"The encryption key {kid[:16]!r} ({place}) is not available now.")
        try:
            content = b64decode(envelope["ct"], validate=True)
            if len(content) < _NONCE_BYTES + _TAG_BYTES:
                raise ValueError("too short")
            return cipher.decrypt(
                content[:_NONCE_BYTES], content[_NONCE_BYTES:], _additional_data(place, kid)
            )
        except (ValueError, InvalidTag):
            raise DecryptionFailed(
                f"The value {place} cannot be decrypted: it was altered or moved."
            ) from None


def key_id(key: bytes) -> str:
    """The public name of a key: 8 hex digits that tell nothing about it."""
    return sha256(b"workflow-platform encryption key id\0" + key).hexdigest()[:8]


def _additional_data(place: Place, kid: str) -> bytes:
    return f"{place.table}|{place.pk}|{place.column}|{FORMAT}|{kid}".encode()
