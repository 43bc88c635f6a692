from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import replace

import pytest

from core.encryption import Keyring, Place, Sealed, key_id
from core.errors import DecryptionFailed, KeyUnavailable

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = Place("workflow_executions", "0190-1", "context")


@pytest.mark.parametrize("plaintext", [b"", b"x", b"\0\xff" * 1000, b"a" * 5_000_000])
def test_a_value_comes_back(plaintext: bytes) -> None:
    ring = Keyring([NEW])
    assert ring.open(ring.seal(plaintext, place=PLACE), place=PLACE) == plaintext


def test_the_envelope_is_the_documented_one() -> None:
    sealed = Keyring([NEW]).seal(b"payload", place=PLACE)
    envelope = json.loads(sealed.text)
    assert set(envelope) == {"enc", "kid", "ct"}
    assert (envelope["enc"], envelope["kid"]) == (1, key_id(NEW))
    assert re.fullmatch(r"[0-9a-f]{8}", envelope["kid"])
    assert len(b64decode(envelope["ct"])) == 12 + len(b"payload") + 16


def test_every_sealing_has_its_own_nonce() -> None:
    ring = Keyring([NEW])
    nonces = {b64decode(ring.seal(b"", place=PLACE).envelope()["ct"])[:12] for _ in range(1000)}
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
    ring = Keyring([NEW])
    with pytest.raises(DecryptionFailed, match="altered or moved"):
        ring.open(ring.seal(b"secret", place=PLACE), place=elsewhere)


def test_any_changed_byte_is_found() -> None:
    ring = Keyring([NEW])
    envelope = ring.seal(b"secret", place=PLACE).envelope()
    content = b64decode(envelope["ct"])
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        forged = Sealed(json.dumps(envelope | {"ct": b64encode(changed).decode()}))
        with pytest.raises(DecryptionFailed):
            ring.open(forged, place=PLACE)


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
        Keyring([NEW]).open(Sealed(text), place=PLACE)
    assert "plaintext" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "AAAA", "not base64!", "é", "AAAA" * 9])
def test_a_broken_ciphertext_is_a_permanent_error(content: str) -> None:
    text = json.dumps({"enc": 1, "kid": key_id(NEW), "ct": content})
    with pytest.raises(DecryptionFailed) as caught:
        Keyring([NEW]).open(Sealed(text), place=PLACE)
    assert caught.value.permanent


def test_a_missing_key_is_not_permanent() -> None:
    sealed = Keyring([OLD]).seal(b"x", place=PLACE)
    with pytest.raises(KeyUnavailable) as caught:
        Keyring([NEW]).open(sealed, place=PLACE)
    assert not caught.value.permanent
    assert key_id(OLD) in caught.value.message


def test_old_keys_open_and_the_first_one_seals() -> None:
    sealed = Keyring([OLD]).seal(b"x", place=PLACE)
    ring = Keyring([NEW, OLD])
    assert ring.open(sealed, place=PLACE) == b"x"
    assert ring.seal(b"x", place=PLACE).envelope()["kid"] == key_id(NEW)


@pytest.mark.parametrize("keys", [[], [b"short"], [NEW, b"n" * 33]])
def test_a_keyring_takes_keys_of_32_bytes(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="key"):
        Keyring(keys)


def test_reprs_show_neither_key_nor_content() -> None:
    ring = Keyring([NEW])
    sealed = ring.seal(b"x", place=PLACE)
    assert repr(ring) == f"<Keyring {key_id(NEW)}>"
    assert repr(sealed) == str(sealed) == "Sealed()"
