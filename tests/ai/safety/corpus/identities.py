"""National numbers of persons, in the forms in which people and offices write them.

The check digits are those of python-stdnum's modules: forms are drawn until one is valid.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CONSONANTS = "BCDFGLMNPRSTVZ"


@dataclass(frozen=True, slots=True)
class Identity:
    """One kind of number.

    Attributes:
        valid: stdnum's module; "" where it has none.
        form: `n` a digit, `l` a letter, `c` a consonant, `yy`/`YYYY`/`mm`/`dd` a date of birth,
            `[AB]` one of these characters; the rest stands for itself.
        labels: what people write in front of it.
        bare: the form alone says what it is.
    """

    country: str
    valid: str
    form: str
    labels: tuple[str, ...]
    bare: bool = False


def _of(country: str, valid: str, labels: str, *forms: str, bare: bool = False) -> list[Identity]:
    names = tuple(label.strip() for label in labels.split("|"))
    return [Identity(country, valid, form, names, bare) for form in forms]


IDENTITIES: list[Identity] = [
    *_of("US", "us.ssn", "SSN | Social Security Number | social security no.", "nnn-nn-nnnn", bare=True),
    *_of("US", "us.ssn", "SSN | Social Security Number", "nnnnnnnnn"),
    *_of("US", "us.itin", "ITIN | Taxpayer ID", "9nn-[5678]n-nnnn"),
    *_of("GB", "", "NI number | National Insurance number | NINO", "[ABCEGHJKLMNOPRSTWXY][ABCEGHJKLMNPRSTWXYZ] nn nn nn [ABCD]", "[ABCEGHJKLMNOPRSTWXY][ABCEGHJKLMNPRSTWXYZ]nnnnnn[ABCD]", bare=True),
    *_of("GB", "gb.nhs", "NHS number | NHS no.", "nnn nnn nnnn", "nnnnnnnnnn"),
    *_of("GB", "gb.utr", "UTR | Unique Taxpayer Reference", "nnnnnnnnnn"),
    *_of("DE", "de.idnr", "Steuer-ID | Steueridentifikationsnummer | IdNr. | Steuerliche Identifikationsnummer | tax ID", "nn nnn nnn nnn", "nnnnnnnnnnn"),
    *_of("FR", "fr.nir", "numéro de sécurité sociale | NIR | N° de sécurité sociale", "[12] yy mm [0-8]n nnn nnn nn", "[12]yymm[0-8]nnnnnnnnn", bare=True),
    *_of("IT", "it.codicefiscale", "codice fiscale | C.F.", "ccccccnn[ABCDEHLMPRST][0-3]n[A-M]nnnl", bare=True),
    *_of("ES", "es.dni", "DNI | NIF", "nnnnnnnnl", "nnnnnnnn-l", bare=True),
    *_of("ES", "es.nie", "NIE", "[XYZ]nnnnnnnl", "[XYZ]-nnnnnnn-l", bare=True),
    *_of("NL", "nl.bsn", "BSN | burgerservicenummer | sofinummer", "nnnnnnnnn", "nnnn.nn.nnn"),
    *_of("BE", "be.nn", "rijksregisternummer | numéro de registre national", "yy.mm.dd-nnn.nn", bare=True),
    *_of("AT", "at.vnr", "SV-Nummer | Sozialversicherungsnummer | SVNR", "nnnn ddmmyy", "nnnnddmmyy"),
    *_of("CH", "ch.ssn", "AHV-Nummer | AHV-Nr. | numéro AVS", "756.nnnn.nnnn.nn", bare=True),
    *_of("SE", "se.personnummer", "personnummer | Personnr", "yymmdd-nnnn", "YYYYmmdd-nnnn"),
    *_of("DK", "dk.cpr", "CPR-nummer | CPR-nr. | CPR", "ddmmyy-nnnn", "ddmmyynnnn"),
    *_of("NO", "no.fodselsnummer", "fødselsnummer | fødselsnr.", "ddmmyynnnnn", "ddmmyy nnnnn"),
    *_of("FI", "fi.hetu", "henkilötunnus | HETU", "ddmmyy-nnn[0-9A-FHJ-NPR-Y]", "ddmmyyAnnn[0-9A-FHJ-NPR-Y]", bare=True),
    *_of("EE", "ee.ik", "isikukood", "[3456]yymmddnnnn"),
    *_of("LT", "lt.asmens", "asmens kodas", "[3456]yymmddnnnn"),
    *_of("LV", "lv.pvn", "personas kods", "ddmmyy-[012]nnnn"),
    *_of("PL", "pl.pesel", "PESEL | numer PESEL", "yymmddnnnnn"),
    *_of("CZ", "cz.rc", "rodné číslo | r. č.", "yymmdd/nnnn", bare=True),
    *_of("SK", "cz.rc", "rodné číslo", "yymmdd/nnnn"),
    *_of("RO", "ro.cnp", "CNP | cod numeric personal", "[1256]yymmddnnnnnn"),
    *_of("BG", "bg.egn", "ЕГН | EGN", "yymmddnnnn"),
    *_of("HR", "hr.oib", "OIB", "nnnnnnnnnnn"),
    *_of("GR", "gr.amka", "ΑΜΚΑ | AMKA", "ddmmyynnnnn"),
    *_of("IE", "ie.pps", "PPS number | PPSN", "nnnnnnn[A-W]", "nnnnnnn[A-W][AH]"),
    *_of("PT", "pt.nif", "NIF | contribuinte | número de contribuinte", "[123]nnnnnnnn", "[123]nn nnn nnn"),
    *_of("TR", "tr.tckimlik", "T.C. Kimlik No | TC Kimlik", "[1-9]nnnnnnnnnn"),
    *_of("UA", "ua.rntrc", "РНОКПП | ІПН", "nnnnnnnnnn"),
    *_of("IL", "il.idnr", "Teudat Zehut | מספר זהות", "nnnnnnnnn"),
    *_of("ZA", "za.idnr", "ID number | SA ID number", "yymmddnnnn[01]8n", "yymmdd nnnn [01]8n"),
    *_of("IN", "in_.aadhaar", "Aadhaar | Aadhaar number | UIDAI", "[2-9]nnn nnnn nnnn", "[2-9]nnnnnnnnnnn"),
    *_of("IN", "in_.pan", "PAN | Permanent Account Number", "lllPlnnnnl"),
    *_of("CN", "cn.ric", "身份证号 | 身份证号码 | resident ID", "110101YYYYmmddnnn[0-9X]", "440306YYYYmmddnnn[0-9X]", "310104YYYYmmddnnn[0-9X]", bare=True),
    *_of("JP", "jp.in_", "マイナンバー | 個人番号 | My Number", "nnnnnnnnnnnn", "nnnn nnnn nnnn"),
    *_of("KR", "kr.rrn", "주민등록번호 | RRN", "yymmdd-[12]nnnnnn", bare=True),
    *_of("MY", "my.nric", "NRIC | MyKad", "yymmdd-14-nnnn"),
    *_of("TH", "th.pin", "เลขประจำตัวประชาชน | Thai ID", "[1-8]-nnnn-nnnnn-nn-n", bare=True),
    *_of("AU", "au.tfn", "TFN | Tax File Number", "nnn nnn nnn", "nnnnnnnnn"),
    *_of("CA", "ca.sin", "SIN | Social Insurance Number | NAS", "[1-7]nn nnn nnn", "[1-7]nn-nnn-nnn"),
    *_of("BR", "br.cpf", "CPF", "nnn.nnn.nnn-nn", bare=True),
    *_of("BR", "br.cpf", "CPF", "nnnnnnnnnnn"),
    *_of("MX", "mx.curp", "CURP", "[A-Z][AEIOU][A-Z][A-Z]yymmdd[HM][DNJ][FLC]ccc[0-9]n", bare=True),
    *_of("AR", "ar.cuit", "CUIL | CUIT", "2[037]-nnnnnnnn-n", bare=True),
    *_of("CL", "cl.rut", "RUT | RUN", "[12]n.nnn.nnn-[0-9K]", bare=True),
]  # fmt: skip

_TOKEN = re.compile(r"\[([^]]+)\]|YYYY|yy|mm|dd|[nlc]|.", re.DOTALL)


def identity(chance: random.Random) -> tuple[Identity, str]:
    """A kind of number, and one of its numbers."""
    kind = chance.choice(IDENTITIES)
    valid: Callable[[str], bool] = (
        import_module(f"stdnum.{kind.valid}").is_valid if kind.valid else _is_nino
    )
    for _ in range(20_000):
        number = _drawn(chance, kind.form)
        if valid(number):
            return kind, number
    raise LookupError(f"no number of {kind.country} {kind.form} is valid")


def _drawn(chance: random.Random, form: str) -> str:
    year, month, day = chance.randint(1945, 1999), chance.randint(1, 12), chance.randint(1, 28)
    dates = {"YYYY": f"{year}", "yy": f"{year % 100:02}", "mm": f"{month:02}", "dd": f"{day:02}"}
    parts = []
    for token in _TOKEN.finditer(form):
        text = token[0]
        if token[1]:
            parts.append(chance.choice(_members(token[1])))
        elif text in dates:
            parts.append(dates[text])
        elif text in "nlc":
            parts.append(chance.choice({"n": "0123456789", "l": LETTERS, "c": CONSONANTS}[text]))
        else:
            parts.append(text)
    return "".join(parts)


def _members(text: str) -> str:
    """`A-D7` as ABCD7."""
    return re.sub(r"(.)-(.)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), text)


def _is_nino(number: str) -> bool:
    """HMRC's rules for a National Insurance number's prefix."""
    return number[:2] not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}
