from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import replace

import pytest

from core.encryption import Cipher, Place, Sealed, key_id
from core.errors import DecryptionFailed

KID = "0123456789abcdef"
CIPHER = Cipher(KID, b"n" * 32)
PLACE = Place("workflow_executions", "0190-1", "context")


def opened(sealed: Sealed, place: Place = PLACE) -> bytes:
    return CIPHER.open(sealed.envelope()["ct"], place=place)


@pytest.mark.parametrize("plaintext", [b"", b"x", b"\0\xff" * 1000, b"a" * 5_000_000])
def test_a_value_comes_back(plaintext: bytes) -> None:
    assert opened(CIPHER.seal(plaintext, place=PLACE)) == plaintext


def test_the_envelope_is_the_documented_one() -> None:
    sealed = CIPHER.seal(b"payload", place=PLACE)
    envelope = json.loads(sealed.text)
    assert set(envelope) == {"enc", "kid", "ct"}
    assert (envelope["enc"], envelope["kid"]) == (1, KID)
    assert len(b64decode(envelope["ct"])) == 12 + len(b"payload") + 16


def test_every_sealing_has_its_own_nonce() -> None:
    nonces = {b64decode(CIPHER.seal(b"", place=PLACE).envelope()["ct"])[:12] for _ in range(1000)}
    assert len(nonces) == 1000


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(PLACE, table="workflow_step_executions"),
        replace(PLACE, pk="0190-2"),
        replace(PLACE, column="results"),
    ],
    ids=["table", "row", "column"],
)
def test_a_ciphertext_that_moved_cannot_be_opened(elsewhere: Place) -> None:
    with pytest.raises(DecryptionFailed, match="altered or moved"):
        opened(CIPHER.seal(b"secret", place=PLACE), elsewhere)


def test_any_changed_byte_is_found() -> None:
    envelope = CIPHER.seal(b"secret", place=PLACE).envelope()
    content = b64decode(envelope["ct"])
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        forged = Sealed(json.dumps(envelope | {"ct": b64encode(changed).decode()}))
        with pytest.raises(DecryptionFailed):
            opened(forged)


NO_ENVELOPES = [
    "plaintext",
    '{"amount": 1}',
    "null",
    "[]",
    '{"enc": 2, "kid": "00000000", "ct": ""}',
    '{"enc": 1, "kid": 5, "ct": ""}',
    '{"enc": 1, "kid": "00000000"}',
    "[" * 100_000,
]


@pytest.mark.parametrize("text", NO_ENVELOPES)
def test_plaintext_is_never_returned(text: str) -> None:
    with pytest.raises(DecryptionFailed, match="without an envelope") as caught:
        opened(Sealed(text))
    assert "plaintext" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "AAAA", "not base64!", "é", "AAAA" * 9])
def test_a_broken_ciphertext_is_a_permanent_error(content: str) -> None:
    text = json.dumps({"enc": 1, "kid": KID, "ct": content})
    with pytest.raises(DecryptionFailed) as caught:
        opened(Sealed(text))
    assert caught.value.permanent


@pytest.mark.parametrize("key", [b"", b"short", b"n" * 33])
def test_a_key_has_32_bytes(key: bytes) -> None:
    with pytest.raises(ValueError, match="key"):
        Cipher(KID, key)


def test_a_master_key_has_a_public_name() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}", key_id(b"n" * 32))
    assert key_id(b"n" * 32) != key_id(b"o" * 32)


def test_reprs_show_neither_key_nor_content() -> None:
    sealed = CIPHER.seal(b"x", place=PLACE)
    assert repr(CIPHER) == f"<Cipher {KID}>"
    assert repr(sealed) == str(sealed) == "Sealed()"
