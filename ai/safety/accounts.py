"""Bank accounts (IBAN) and payment cards, by their check digits. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import iban, luhn

from ai.safety.findings import Finding, Kind

# Length of an IBAN by country (SWIFT's registry).
_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27,
    "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22,
    "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28,
    "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
# The end of a line within a number, also as JSON writes it, or in a mail that is quoted.
_BREAK = r"[ \t\u00a0.-]{0,4}(?:\r?\n|(?:\\r)?\\n)[ \t\u00a0>]{0,8}"
_GAP = rf"(?:{_BREAK}|[ \u00a0.-])"
_IN_IBAN = re.compile(_GAP)
_IBAN = re.compile(
    rf"(?<![A-Za-z0-9])([A-Za-z]{{2}}){_GAP}?(?!0[01]|99)\d\d(?={_GAP}?[A-Za-z0-9])", re.ASCII
)


def _grouped(gap: str) -> str:
    """Cards in groups that one sign parts, or the end of a line."""
    gap = f"(?:{_BREAK}|{gap})"
    return (
        rf"\d{{4}}{gap}\d{{4}}{gap}\d{{4}}{gap}\d{{4}}(?:{gap}\d{{1,3}})?"
        rf"|\d{{4}}{gap}\d{{6}}{gap}\d{{4,5}}"
    )


_CARDS = [
    re.compile(rf"(?<![\w+])(?<!\d[.,])(?=({form})(?!\w|\.\d))")
    for form in (
        "|".join(map(_grouped, ("[ \u00a0]", "-", r"\."))),
        r"\d{12,19}",
        # Behind a word: lines that begin with numbers are the rows of a column.
        rf"(?<=[ :=(])\d{{4,15}}{_BREAK}\d{{4,15}}",
    )
]
_LINE_END = re.compile(r"\n|\\n")
_LAST_GROUP = re.compile(r"\D{1,20}\d{1,3}\Z")
# First digits -> lengths (ISO/IEC 7812; the brands' own ranges).
_BRANDS = (
    (re.compile(r"4"), {16, 19}),
    (re.compile(r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)"), {16}),
    (re.compile(r"3[47]"), {15}),
    (re.compile(r"6011|64[4-9]|65"), {16, 19}),
    (re.compile(r"35(?:2[89]|[3-8])"), {16}),
    (re.compile(r"30[0-5]|36|3[89]"), {14}),
    (re.compile(r"62"), {16, 17, 18, 19}),
    (re.compile(r"5018|5020|5038|5893|6304|6759|676[1-3]"), {12, 13, 14, 15, 16, 17, 18, 19}),
)


def ibans(text: str) -> Iterator[Finding]:
    """IBANs, in one piece or in groups, in either case."""
    for found in _IBAN.finditer(text):
        length = _LENGTHS.get(found[1].upper())
        if length is None:
            continue
        number, end = _taken(text, found.start(), length)
        if number and iban.is_valid(number, check_country=False):
            yield Finding(Kind.IBAN, found.start(), end)


def _taken(text: str, start: int, length: int) -> tuple[str, int]:
    """So many letters and digits, single gaps between them, and where they end; "" if there are
    fewer.
    """
    number, position = "", start
    while len(number) < length:
        if gap := _IN_IBAN.match(text, position):
            position = gap.end()
        character = text[position : position + 1]
        if not (character.isascii() and character.isalnum()):
            return "", start
        number += character
        position += 1
    following = text[position : position + 1]
    return ("", start) if following.isalnum() else (number, position)


def cards(text: str) -> Iterator[Finding]:
    """Numbers of a known brand whose check digit is right."""
    for form in _CARDS:
        for found in form.finditer(text):
            if length := _card_length(found[1]):
                yield Finding(Kind.CARD, found.start(1), found.start(1) + length)


def _card_length(written: str) -> int:
    """How much of it is a card's number: all, or all but a last group (12/28 follows); or 0."""
    if len(_LINE_END.findall(written)) > 1:
        return 0  # a column
    for part in dict.fromkeys((written, _LAST_GROUP.sub("", written))):
        number = re.sub(r"\D", "", part)
        brand = any(len(number) in sizes and start.match(number) for start, sizes in _BRANDS)
        if brand and luhn.is_valid(number):
            return len(part)
    return 0
