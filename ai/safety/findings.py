"""What a text holds that must not leave: kinds, and places in the text. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of values that are replaced, in the order in which they win where they overlap."""

    SECRET = "secret"  # noqa: S105 # nosec B105 # pragma: allowlist secret - a kind
    EMAIL = "email"
    IBAN = "iban"
    NATIONAL_ID = "national_id"
    CARD = "card"
    PHONE = "phone"
    PERSON = "person"
    LOCATION = "location"
    GROUP = "group"


RANK = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Finding:
    """A value's place: `text[start:end]`."""

    kind: Kind
    start: int
    end: int


class Checks:
    """How often a text's candidates may still be looked at closely.

    Where none is left the form decides alone: a text that is made of candidates is redacted too
    much rather than too slowly.
    """

    def __init__(self, limit: int) -> None:
        self.left = limit

    def __call__(self) -> bool:
        """Takes one; False where none is left."""
        self.left -= 1
        return self.left >= 0


def apart(findings: Iterable[Finding]) -> list[Finding]:
    """The findings in the order of the text, without those that overlap a better one."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.start, RANK[f.kind], -f.end)):
        while kept and kept[-1].end > finding.start:
            if _better(kept[-1], finding):
                break
            kept.pop()
        else:
            kept.append(finding)
    return kept


def merged(text: str, findings: list[Finding], further: Iterable[Finding]) -> list[Finding]:
    """Findings that do not overlap, and the words that further ones hold besides them, in order."""
    pieces: list[Finding] = []
    for each in further:
        start = each.start
        for known in findings:
            if known.start >= each.end:
                break
            if known.end > start:
                pieces.append(Finding(each.kind, start, known.start))
                start = known.end
        pieces.append(Finding(each.kind, start, each.end))
    words = (_words(text, piece) for piece in pieces)
    return apart([*findings, *(each for each in words if each.end > each.start)])


def _words(text: str, piece: Finding) -> Finding:
    """The piece from its first word to its last."""
    start, end = piece.start, piece.end
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    return Finding(piece.kind, start, end)


def _better(one: Finding, other: Finding) -> bool:
    def key(finding: Finding) -> tuple[int, int]:
        return RANK[finding.kind], finding.start - finding.end

    return key(one) <= key(other)
