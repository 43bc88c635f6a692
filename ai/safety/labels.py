"""The words in front of a number that say what it is: `Tel.`, `"phone"`, `SSN`, `Order`. Pure.

A label counts for what follows on its line within forty characters, unless another label stands
nearer: in `Phone of order 4711234567` the number is an order's.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache

REACH = 40
ANY = "any"
"""The number of some office, of whatever country."""

PHONE = "phone"
THING = "thing"

_PHONE = """
    phone phones phonenumber tel tél telf tlf tlfn call ring dial cell fax telefax mob handy gsm
    sms whatsapp hotline móvil movil portable mobile mobil natel gsm тел моб τηλ
"""
_PHONE_STARTS = (
    *(
        "telef",
        "teléf",
        "téléph",
        "telep",
        "cellul",
        "celul",
        "rufnum",
        "puhelin",
        "handynum",
        "mobiln",
    ),
    *("mobilt", "faxnum", "телефон", "мобильн", "мобільн", "τηλέφ", "phone", "mobiele"),
)
_THING = """
    order orders invoice commande rechnung ticket part parts sku period sales budget request ean
    gtin isbn issn version server commit tracking vat ust lei bic size values value prices price
    postcode zip plz room score reference ref aktenzeichen serial batch article artikel contract
    vertrag item items product produkt factura pedido bestelling id ids uuid pid tid ts epoch total
    amount betrag summe date datum created updated port page kunde customer case lot model umsatz
    isin cusip wkn pedidos fattura ordine
"""
_THING_STARTS = ("bestell", "kunden", "sendungs", "rechnungs", "auftrag", "vorgang", "artikelnum")

# What a label is the label of: names of modules of python-stdnum.
_IDENTITY = {
    "ssn": "us.ssn us.itin", "itin": "us.itin us.ssn", "taxpayer": ANY, "social": ANY,
    "insurance": ANY, "security": ANY, "sécurité": ANY, "seguridad": ANY, "fiscal": ANY,
    "fiscale": ANY, "tax": ANY, "national": ANY, "nationale": ANY, "identity": ANY, "steuer": ANY,
    "nhs": "gb.nhs", "utr": "gb.utr", "idnr": "de.idnr", "tin": ANY, "nif": "pt.nif es.nif",
    "bsn": "nl.bsn", "burgerservicenummer": "nl.bsn", "sofinummer": "nl.bsn", "sv": "at.vnr",
    "svnr": "at.vnr", "personnummer": "se.personnummer no.fodselsnummer",
    "personnr": "se.personnummer", "cpr": "dk.cpr", "fødselsnummer": "no.fodselsnummer",
    "fødselsnr": "no.fodselsnummer", "isikukood": "ee.ik", "asmens": "lt.asmens",
    "personas": "lv.pvn", "pesel": "pl.pesel", "cnp": "ro.cnp", "егн": "bg.egn", "egn": "bg.egn",
    "oib": "hr.oib", "αμκα": "gr.amka", "amka": "gr.amka", "pps": "ie.pps", "ppsn": "ie.pps",
    "contribuinte": "pt.nif", "kimlik": "tr.tckimlik", "рнокпп": "ua.rntrc", "іпн": "ua.rntrc",
    "инн": "ru.inn", "zehut": "il.idnr", "זהות": "il.idnr", "aadhaar": "in_.aadhaar",
    "uidai": "in_.aadhaar", "pan": "in_.pan", "permanent": "in_.pan", "mynumber": "jp.in_",
    "my number": "jp.in_", "nric": "my.nric", "mykad": "my.nric", "tfn": "au.tfn",
    "sin": "ca.sin", "nas": "ca.sin", "cpf": "br.cpf", "rut": "cl.rut",
    "cuit": "ar.cuit", "cuil": "ar.cuit", "id number": "za.idnr", "sa id": "za.idnr",
    "rodné": "cz.rc", "numeric": "ro.cnp", "bürgernummer": ANY, "personalausweis": ANY,
}  # fmt: skip
_IDENTITY_STARTS = ("steuer", "sozialversicherung", "rijksregister", "identifica")
# Scripts without spaces between words: looked for as they stand.
_UNSPACED = {
    "電話": PHONE, "电话": PHONE, "手机": PHONE, "携帯": PHONE, "전화": PHONE, "휴대폰": PHONE,
    "โทร": PHONE, "マイナンバー": "jp.in_", "個人番号": "jp.in_", "身份证": "cn.ric",
}  # fmt: skip

_WORD = re.compile(
    "(?P<unspaced>" + "|".join(_UNSPACED) + r")|[^\W\d_\u0e00-\u0eff\u3040-\u9fff\uac00-\ud7af]+"
)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NEW_LINE = re.compile(r"[\r\n]")


class Labels:
    """Every label of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: list[int] = []
        self._meanings: list[str] = []
        before = ""
        for word in _WORD.finditer(text):
            said = word[0]
            meaning = _UNSPACED.get(said) or _meaning(said)
            pair = f"{before} {said}".lower()
            meaning = _IDENTITY.get(pair, meaning)
            if said.lower() in _OF_IT and _meaning(before) not in ("", PHONE, THING):
                meaning = _meaning(before)
            before = said
            if meaning:
                self._ends.append(word.end())
                self._meanings.append(meaning)

    def of(self, start: int, *, reach: int = REACH) -> str:
        """What the nearest label before a place says; "" where there is none on its line."""
        at = bisect_right(self._ends, start) - 1
        if at < 0 or start - self._ends[at] > reach:
            return ""
        between = self._text[self._ends[at] : start]
        if _NEW_LINE.search(between) and between.strip(" \t\r\n:=\"'*|-"):
            return ""
        return self._meanings[at]

    def identities(self) -> list[tuple[int, str]]:
        """Where labels of national numbers end, and of which modules each is."""
        return [
            (end, meaning)
            for end, meaning in zip(self._ends, self._meanings, strict=True)
            if meaning not in (PHONE, THING)
        ]


@lru_cache(maxsize=20_000)
def _meaning(word: str) -> str:
    if len(word) > 40:
        return ""
    lower = word.lower()
    if found := _EXACT.get(lower):
        return found
    for meaning, starts in _STARTS:
        if lower.startswith(starts):
            return meaning
    for part in reversed(_HUMP.split(word)[:4]):
        if part != word and (found := _EXACT.get(part.lower())) and part.lower() != "id":
            return found
    return ""


_EXACT = dict.fromkeys(_PHONE.split(), PHONE) | dict.fromkeys(_THING.split(), THING) | _IDENTITY
_OF_IT = {"id", "ids", "reference", "ref"}
"""What is a thing's, unless it follows the name of an office's number: `tax ID`."""
_STARTS = ((PHONE, _PHONE_STARTS), (THING, _THING_STARTS), (ANY, _IDENTITY_STARTS))
