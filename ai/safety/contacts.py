"""E-mail addresses and telephone numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers

from ai.safety.findings import Checks, Finding, Kind
from ai.safety.labels import PHONE, THING, Labels

_LOCAL = r"\w.+'&~\u0300-\u036f-"
_EMAIL = re.compile(
    rf"(?<![\w.+&~\u0300-\u036f-])[\w+&~][{_LOCAL}]{{0,63}}+(?:@|%40)"
    r"(?:[\w\u0300-\u036f-]{1,63}+\.){1,8}(?:xn--[a-zA-Z0-9-]{2,59}|[^\W\d_]{2,24})(?![\w-])"
)
# Before a per cent sign the class above would have taken the digits of `%40`.
_GAP = r"[ \u00a0.()/-]"
_NUMBER = rf"\d(?:{_GAP}{{0,3}}\d){{5,16}}"
_INTERNATIONAL = re.compile(rf"(?<![\w+])(?:\+{_GAP}{{0,2}}|00(?=[1-9 ])){_NUMBER}(?!\d)")
_AMERICAN = re.compile(
    r"(?<![\w.+-])(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-.])[2-9]\d\d[-.]\d{4}(?![\w-])"
)
_LABELLED = re.compile(rf"(?<![\w+])(?<!\d[.,])\(?{_NUMBER}(?!\d)")
_DATE = re.compile(r"(?:19|20)\d\d[-./ ]?[01]\d[-./ ]?[0-3]\d\b|\d\d[./][01]\d[./](?:19|20)\d\d\b")
_DATE_BEHIND = re.compile(r"[ \u00a0](?:19|20)\d\d[-./][01]\d")

REGIONS = (
    *("US", "GB", "DE", "FR", "ES", "IT", "IN", "CN", "BR", "NL", "BE", "AT", "CH", "IE", "PT"),
    *("SE", "NO", "DK", "FI", "PL", "CZ", "SK", "HU", "RO", "BG", "HR", "GR", "EE", "LV", "LT"),
    *("UA", "TR", "IL", "AE", "SA", "EG", "ZA", "NG", "KE", "PK", "BD", "JP", "KR", "TW", "HK"),
    *("SG", "MY", "TH", "VN", "ID", "PH", "AU", "NZ", "CA", "AR", "CL", "CO", "PE", "MX", "LU"),
    *("RU", "RS", "SI", "MA", "GH", "LK", "EC", "VE", "CY", "MT", "IS"),
)
"""Whose national forms are known behind a label."""


def emails(text: str) -> Iterator[Finding]:
    """Addresses, also with accents and with a percent-encoded @."""
    for found in _EMAIL.finditer(text):
        yield Finding(Kind.EMAIL, found.start(), found.end())


def phones(text: str, labels: Labels, checks: Checks) -> Iterator[Finding]:
    """Numbers in international and in North American form; national ones behind a label."""
    for found in _INTERNATIONAL.finditer(text):
        written = found[0]
        if written[0] != "+" and labels.of(found.start()) != PHONE:
            continue
        end = _longest(written, (None,), checks)
        if end:
            yield Finding(Kind.PHONE, found.start(), found.start() + end)
    for found in _AMERICAN.finditer(text):
        if labels.of(found.start()) != THING and _longest(found[0], ("US", "CA"), checks):
            yield Finding(Kind.PHONE, found.start(), found.end())
    for found in _LABELLED.finditer(text):
        if labels.of(found.start()) != PHONE or _DATE.match(found[0]):
            continue
        end = _longest(found[0], REGIONS, checks)
        if end:
            yield Finding(Kind.PHONE, found.start(), found.start() + end)


def _longest(written: str, regions: tuple[str | None, ...], checks: Checks) -> int:
    """The length of the longest beginning that is a number somewhere; 0 where none is."""
    date = _DATE_BEHIND.search(written)
    if date:
        written = written[: date.start()]
    ends = [len(written)]
    ends += [m.start() for m in re.finditer(rf"{_GAP}+", written) if m.start() > 6][::-1]
    for end in ends:
        part = written[:end]
        if not checks():
            return end
        if _exists(_dialled(part), regions):
            return end
    return 0


def _dialled(written: str) -> str:
    digits = "".join(character for character in written.replace("(0)", "") if character.isdigit())
    if written.startswith("+"):
        return f"+{digits}"
    return f"+{digits[2:]}" if digits.startswith("00") else digits


@lru_cache(maxsize=10_000)
def _exists(dialled: str, regions: tuple[str | None, ...]) -> bool:
    for region in (None,) if dialled.startswith("+") else regions:
        try:
            number = phonenumbers.parse(dialled, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return True
    return False
