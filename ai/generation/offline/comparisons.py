"""Comparisons with numbers: what they say, how two of them are joined, where sentences are cut."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from ai.generation.offline import people, vocabulary

Operator = Literal["<", "<=", ">", ">=", "==", "!=", "between", "outside"]
Link = Literal["&&", "||"]

_N = r"(?:[€$£]|eur |usd |chf )?\s*(\d+(?:\.\d+)?)"
_NO_NUMBER = r"(?!\s*(?:than\s+)?(?:[€$£]|eur |usd |chf )?\s*\d)"
_COMPARATORS: tuple[tuple[Operator, str], ...] = (
    ("between", rf"\b(?:between|from) {_N}(?: \w+)? (?:and|to) {_N}"),
    (
        ">=",
        rf"\b{_N}\s*(?:\w+ )?(?:or|and) (?:more|above|over|higher|up|longer|later|older)\b{_NO_NUMBER}",
    ),
    (
        "<=",
        rf"\b{_N}\s*(?:\w+ )?(?:or|and) (?:less|below|under|fewer|lower|shorter|younger)\b{_NO_NUMBER}",
    ),
    (
        "<=",
        rf"(?:\b(?:no|not) (?:more|longer|higher|larger|greater|older|later|bigger) than|\bat most|\bup to"
        rf"|\ba maximum of|\bmaximum(?: of)?|\bnot (?:to )?exceed(?:ing)?|\bnot above|\bnot over|<=|≤"
        rf"|\bdoes(?: not|n't) exceed) {_N}",
    ),
    (
        ">=",
        rf"(?:\bat least|\b(?:no|not) (?:less|fewer|lower|shorter|younger|smaller) than|\ba minimum of"
        rf"|\bminimum(?: of)?|\bnot below|\bnot under|>=|≥|\bfrom) {_N}",
    ),
    (
        ">",
        rf"(?:\b(?:more|greater|higher|longer|larger|bigger|older|later|worth more|heavier|further) than"
        rf"|\bover|\babove|\bexceed(?:s|ing|ed)?|\bbeyond|\bpast|\btops?|>) {_N}",
    ),
    (
        "<",
        rf"(?:\b(?:less|lower|smaller|shorter|fewer|younger|earlier|lighter|cheaper|worth less) than|\bunder"
        rf"|\bbelow|\bbeneath|<) {_N}",
    ),
    ("!=", rf"(?:\b(?:is|are|be)(?: not|n't)|\bnot equal to|!=|\bother than) {_N}"),
    ("==", rf"(?:\bexactly|\bequals?(?: to)?|\b(?:is|are) precisely|={1, 2}) {_N}"),
)
_COMPILED = [(sign, re.compile(pattern, re.I)) for sign, pattern in _COMPARATORS]
_TURNED = re.compile(r"(?:\bnot|n't|\bcannot)\s+(?:be\s+)?(?:of\s+)?$", re.I)
_JOINT = re.compile(r"\s*(?:[\w%€]+\s*)?,?\s*\b(?P<link>and|but|yet|with|or)\b(?P<rest>.*)$", re.I)
OPPOSITES: dict[Operator, Operator] = {
    "<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==", "between": "outside",
    "outside": "between",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """An operator and its numbers, and where they stand with what turns them round."""

    operator: Operator
    found: re.Match[str]
    start: int

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(float(value) for value in self.found.groups() if value)


def comparisons(chunk: str) -> list[Comparison]:
    """The comparisons with numbers of a part of a sentence, in order."""
    kept: list[Comparison] = []
    for sign, pattern in _COMPILED:
        for found in pattern.finditer(chunk):
            if any(found.start() < k.found.end() and found.end() > k.found.start() for k in kept):
                continue
            turned = _TURNED.search(chunk[: found.start()])
            kept.append(
                Comparison(
                    operator=OPPOSITES[sign] if turned else sign,
                    found=found,
                    start=turned.start() if turned else found.start(),
                )
            )
    return sorted(kept, key=lambda comparison: comparison.start)


def joint(between: str) -> Link | None:
    """How two comparisons with these words between them are joined, or None."""
    found = _JOINT.match(between)
    if found is None or len(found["rest"].split()) > 6 or people.deciders(between):
        return None
    if re.search(rf"\b(?:{vocabulary.SENDING_TO}|is|are)\s+(?:to|by)\b", found["rest"], re.I):
        return None
    return "||" if found["link"].lower() == "or" else "&&"


def parts(sentence: str) -> list[str]:
    """A sentence in pieces, each with one condition at most where its commas allow that."""
    # Two bounds of one value stay together: `above 5 but below 9`, `at least 5, and at most 9`.
    bounds = comparisons(sentence)
    for one, other in pairwise(bounds):
        start, end = one.found.end(), other.start
        between = sentence[start:end]
        if re.fullmatch(
            r"\s*(?:[\w%€]+\s*)?,?\s*(?:and|but|yet)\s*(?:also |is |it is )*", between, re.I
        ):
            joined = re.sub(r",|\b(?:but|yet)\b", "", between).replace(" and", "").rstrip()
            sentence = sentence[:start] + f"{joined} and".ljust(end - start) + sentence[end:]
    pieces = re.split(
        r"(?:\s*[,;]|:(?=\s))\s*(?:and |but |or |then )?|\s+(?=\b(?:otherwise|but)\b)|(?<!thing)(?<!one)(?<!body)\s+(?=\belse\b)|\s+and (?=if\b)|\s+\bwhile\b\s+",
        sentence,
    )
    found = []
    for piece in pieces:
        if piece and piece.strip():
            found += _apart(piece.strip())
    return found


def _apart(piece: str) -> list[str]:
    """A piece in two where two comparisons stand in it that belong to two statements."""
    for one, other in pairwise(comparisons(piece)):
        between = piece[one.found.end() : other.start]
        if joint(between) is None and (cut := list(re.finditer(r"\s+and\s+", between))):
            at = one.found.end() + cut[-1].start()
            return [piece[:at], *_apart(piece[at:].strip().removeprefix("and "))]
    return [piece]
