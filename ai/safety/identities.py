"""National numbers of persons: social security, tax, registers. By python-stdnum. Pure.

A form that is distinctive counts wherever it stands, if its check digits are right. Plain digits
count behind a label only: one nine-digit number in ten has right check digits somewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module

from ai.safety.findings import Checks, Finding, Kind
from ai.safety.labels import ANY, REACH, THING, Labels

_Valid = Callable[[str], bool]

_NINO = r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]"
_CF = "[0-9LMNP-V]"
_NO_PREFIX = {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}

# Forms that say what they are. Those in the second list have no check digit.
_DISTINCTIVE: tuple[tuple[str, str], ...] = (
    (r"[12][ ]?\d\d[ ]?\d\d[ ]?\d[\dAB][ ]?\d{3}[ ]?\d{3}[ ]?\d\d", "fr.nir"),
    (rf"[A-Z]{{6}}{_CF}{{2}}[A-EHLMPRST]{_CF}{{2}}[A-Z]{_CF}{{3}}[A-Z]", "it.codicefiscale"),
    (r"\d{8}[- ]?[A-HJ-NP-TV-Z]", "es.dni"),
    (r"[XYZ][- ]?\d{7}[- ]?[A-HJ-NP-TV-Z]", "es.nie"),
    (r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d", "be.nn"),
    (r"756\.?\d{4}\.?\d{4}\.?\d\d", "ch.ssn"),
    (r"[0-3]\d[01]\d{3}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]", "fi.hetu"),
    (r"\d{6}/\d{3,4}", "cz.rc"),
    (r"\d{6}(?:18|19|20)\d\d[01]\d[0-3]\d{4}[0-9X]", "cn.ric"),
    (r"\d{6}-[1-8]\d{6}", "kr.rrn"),
    (r"\d-\d{4}-\d{5}-\d\d-\d", "th.pin"),
    (r"\d{3}\.\d{3}\.\d{3}-\d\d", "br.cpf"),
    (r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d", "mx.curp"),
    (r"2[03457]-\d{8}-\d", "ar.cuit"),
    (r"\d{1,2}\.\d{3}\.\d{3}-[\dK]", "cl.rut"),
)  # fmt: skip
_UNCHECKED: tuple[tuple[str, str], ...] = (
    (r"\d{3}-\d\d-\d{4}", "us.ssn"),
    (r"9\d\d-\d\d-\d{4}", "us.itin"),
    (_NINO, "nino"),
)

# Forms behind a label, without their gaps.
_LABELLED: tuple[tuple[str, str], ...] = (
    (r"\d{9}", "us.ssn nl.bsn il.idnr au.tfn ca.sin pt.nif us.itin"),
    (r"\d{10}", "gb.nhs gb.utr at.vnr se.personnummer dk.cpr bg.egn ua.rntrc cz.rc"),
    (
        r"\d{11}",
        "de.idnr no.fodselsnummer ee.ik lt.asmens lv.pvn pl.pesel hr.oib gr.amka tr.tckimlik"
        " br.cpf be.nn ar.cuit",
    ),
    (r"\d{12}", "in_.aadhaar jp.in_ se.personnummer my.nric ru.inn"),
    (r"\d{13}", "ro.cnp za.idnr ch.ssn th.pin kr.rrn"),
    (r"\d{7}[A-W][A-IW]?", "ie.pps"),
    (r"[A-Z]{3}[ABCFGHLJPTK][A-Z]\d{4}[A-Z]", "in_.pan"),
    (r"\d{7,8}[\dK]", "cl.rut"),
)
_SIGNED = {"se.personnummer", "lv.pvn", "fi.hetu"}
"""Whose gap belongs to the number."""
_CANDIDATE = re.compile(
    r"(?<!\w)(?<!\d[.,])[A-Za-z]{0,5}\d[\dA-Za-z]{0,19}+(?:[ \u00a0./-][\dA-Za-z]{1,14}+){0,5}",
    re.ASCII,
)
_GAP = re.compile(r"[ \u00a0./-]")
_ADJACENT = 8


def _pattern(form: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?<!\d[.,]){form}(?![\w]|-\d)", re.ASCII | re.IGNORECASE)


_DISTINCTIVE_FORMS = [(_pattern(form), name) for form, name in _DISTINCTIVE]
_UNCHECKED_FORMS = [(_pattern(form), name) for form, name in _UNCHECKED]
_LABELLED_FORMS = [(re.compile(form, re.I), names.split()) for form, names in _LABELLED]


def identities(text: str, labels: Labels, checks: Checks) -> Iterator[Finding]:
    """National numbers in distinctive forms, and any behind a label."""
    for pattern, name in _DISTINCTIVE_FORMS:
        for found in pattern.finditer(text):
            if _valid(name, found[0]):
                yield Finding(Kind.NATIONAL_ID, found.start(), found.end())
    for pattern, name in _UNCHECKED_FORMS:
        for found in pattern.finditer(text):
            if labels.of(found.start(), reach=_ADJACENT) != THING and _valid(name, found[0]):
                yield Finding(Kind.NATIONAL_ID, found.start(), found.end())
    for end, names in labels.identities():
        candidate = _CANDIDATE.search(text, end, min(end + REACH, len(text)))
        if candidate is None or labels.of(candidate.start()) != names:
            continue
        # The search saw a part of the text; the number may go on behind it.
        whole = _CANDIDATE.match(text, candidate.start()) or candidate
        length = _longest(whole[0], names, checks)
        if length:
            yield Finding(Kind.NATIONAL_ID, whole.start(), whole.start() + length)


def _longest(written: str, names: str, checks: Checks) -> int:
    """The length of the longest beginning that is a number of the label's kind; 0: none is."""
    ends = [len(written), *(gap.start() for gap in _GAP.finditer(written))]
    for end in sorted(ends, reverse=True):
        part = written[:end]
        compact = _GAP.sub("", part)
        for form, known in _LABELLED_FORMS:
            if not form.fullmatch(compact):
                continue
            if not checks():
                return end
            wanted = [name for name in known if names == ANY or name in names.split()]
            if any(_valid(name, part if name in _SIGNED else compact) for name in wanted):
                return end
    return 0


def _valid(name: str, number: str) -> bool:
    if name == "nino":
        return number[:2].upper() not in _NO_PREFIX
    return _validator(name)(number)


@lru_cache(maxsize=100)
def _validator(name: str) -> _Valid:
    valid: _Valid = import_module(f"stdnum.{name}").is_valid
    return valid
