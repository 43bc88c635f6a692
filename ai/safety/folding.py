"""Letters, digits and signs in other forms (fullwidth, mathematical) as plain ones. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

from ai.safety.findings import Finding

_OTHER = re.compile(r"[^\x00-\xa0]")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in plain forms, and for each of its characters the place that it has in the text."""

    text: str
    places: list[int]

    def back(self, finding: Finding) -> Finding:
        """What was found in the plain text, as a place in the text itself."""
        start, last = self.places[finding.start], self.places[finding.end - 1]
        return replace(finding, start=start, end=last + 1)


def folded(text: str) -> Folded | None:
    """The text with what Unicode (NFKC) takes for plain ASCII written so; None where it is."""
    pieces: list[str] = []
    places: list[int] = []
    done = 0
    for found in _OTHER.finditer(text):
        plain = _plain(found[0])
        if not plain:
            continue
        at = found.start()
        pieces += (text[done:at], plain)
        places += range(done, at)
        places += [at] * len(plain)
        done = at + 1
    if not done:
        return None
    pieces.append(text[done:])
    places += range(done, len(text))
    return Folded("".join(pieces), places)


@lru_cache(maxsize=5_000)
def _plain(character: str) -> str:
    """What the character stands for; nothing where that is no ASCII."""
    plain = unicodedata.normalize("NFKC", character)
    return plain if plain.isascii() else ""
