"""AES-256-GCM envelopes for values at rest. Pure: keys come from `core.keys`.

Format 1: ``{"enc": 1, "kid": "<key id>", "ct": "<base64 of nonce + ciphertext + tag>"}``. The
additional data is ``table|primary key|column|format|key id``, so that a ciphertext that is moved to
another row or column fails. The nonce is 96 random bits (NIST SP 800-38D, 8.2.2): a key is good
for 2^32 values.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import DecryptionFailed

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


class Owner(NamedTuple):
    """Whose values a key seals; `id` is None where there is only one.

    A tuple, since it is hashed for every value.
    """

    kind: str
    id: UUID | None

    def __str__(self) -> str:
        return self.kind if self.id is None else f"{self.kind}:{self.id}"


INSTALLATION = Owner("installation", None)
AUDIT = Owner("audit", None)


class Cipher:
    """Seals and opens under one key, which never leaves it. Thread-safe."""

    __slots__ = ("_aead", "kid")

    def __init__(self, kid: str, key: bytes) -> None:
        """`key`: 32 bytes; `kid`: the name under which it is found again."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"an encryption key has {KEY_BYTES} bytes, not {len(key)}")
        self.kid = kid
        self._aead = AESGCM(key)

    def __repr__(self) -> str:
        return f"<Cipher {self.kid}>"

    def seal(self, plaintext: bytes, *, place: Place) -> Sealed:
        """Encrypt, bound to `place`."""
        content = b64encode(self.encrypt(plaintext, _additional_data(place, self.kid)))
        return Sealed(f'{{"enc":{FORMAT},"kid":"{self.kid}","ct":"{content.decode("ascii")}"}}')

    def open(self, content: str, *, place: Place) -> bytes:
        """Decrypt the `ct` of an envelope that was sealed for `place` under this key.

        Raises DecryptionFailed where it was altered or comes from another place.
        """
        try:
            return self.decrypt(
                b64decode(content, validate=True), _additional_data(place, self.kid)
            )
        except (ValueError, InvalidTag):
            raise DecryptionFailed(
                f"The value {place} cannot be decrypted: it was altered or moved."
            ) from None

    def encrypt(self, plaintext: bytes, additional_data: bytes) -> bytes:
        """Nonce, ciphertext and tag in one."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plaintext, additional_data)

    def decrypt(self, content: bytes, additional_data: bytes) -> bytes:
        """The plaintext of `encrypt`. Raises InvalidTag or ValueError where anything differs."""
        if len(content) < _NONCE_BYTES + _TAG_BYTES:
            raise ValueError("too short")
        return self._aead.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], additional_data)


def key_id(key: bytes) -> str:
    """The public name of a master key: 8 hex digits that tell nothing about it."""
    return sha256(b"workflow-platform encryption key id\0" + key).hexdigest()[:8]


def derive_key(master: bytes, purpose: bytes) -> bytes:
    """A key for one purpose, from which nothing follows about the master key or others (HKDF,
    RFC 5869).
    """
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(master)


def _additional_data(place: Place, kid: str) -> bytes:
    return f"{place.table}|{place.pk}|{place.column}|{FORMAT}|{kid}".encode()
