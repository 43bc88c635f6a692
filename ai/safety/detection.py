"""Everything in a text that must not leave, in one pass over each kind. Pure.

The work grows with the text's length: every pattern is bounded or tied to a mark, and what costs
more than a comparison is counted (`Checks`). Letters in other forms, fullwidth ones too, count as
plain ones (`folding`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ai.safety.accounts import cards, ibans
from ai.safety.contacts import emails, phones
from ai.safety.findings import Checks, Finding, Kind, apart
from ai.safety.folding import folded
from ai.safety.identities import identities
from ai.safety.labels import Labels
from ai.safety.secrets import exactly, secrets

BUILT_IN = (Kind.SECRET, Kind.EMAIL, Kind.IBAN, Kind.NATIONAL_ID, Kind.CARD, Kind.PHONE)
MAX_CHECKS = 1_000
"""Telephone and national numbers of one text that are looked up; beyond it the form decides."""


def find(
    text: str, *, kinds: Collection[Kind] = BUILT_IN, own: Iterable[str] = ()
) -> list[Finding]:
    """Values of these kinds, in the order of the text, none overlapping another.

    Args:
        own: values that are secrets wherever they stand, whatever the kinds.
    """
    checks, own = Checks(MAX_CHECKS), tuple(own)
    found = _found(text, kinds, own, checks)
    if plain := folded(text):
        found += [plain.back(each) for each in _found(plain.text, kinds, own, checks)]
    return apart(found)


def _found(text: str, kinds: Collection[Kind], own: Iterable[str], checks: Checks) -> list[Finding]:
    found = list(secrets(text, own) if Kind.SECRET in kinds else exactly(text, own))
    if Kind.EMAIL in kinds:
        found += emails(text)
    if Kind.IBAN in kinds:
        found += ibans(text)
    if Kind.CARD in kinds:
        found += cards(text)
    if Kind.NATIONAL_ID in kinds or Kind.PHONE in kinds:
        labels = Labels(text)
        if Kind.NATIONAL_ID in kinds:
            found += identities(text, labels, checks)
        if Kind.PHONE in kinds:
            found += phones(text, labels, checks)
    return found
