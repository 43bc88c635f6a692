"""Which documents a text is nearest to, by the words that they share (Okapi BM25). Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

K1, B = 1.2, 0.75
"""The usual constants (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009)."""

_WORD = re.compile(r"[^\W_]{3,}")
_COMMON = frozenset(
    ("and", "are", "for", "from", "has", "have", "its", "not", "one", "that", "the", "then", "this")
)


def terms(text: str) -> list[str]:
    """The telling words of a text, without plural endings."""
    found = (word for word in _WORD.findall(text.lower()) if word not in _COMMON)
    return [word[:-1] if word.endswith("s") and not word.endswith("ss") else word for word in found]


def scores(query: str, documents: Sequence[str]) -> list[float]:
    """One score for each document, 0 where it shares no word with the query."""
    counted = [Counter(terms(document)) for document in documents]
    lengths = [sum(counts.values()) for counts in counted]
    mean = sum(lengths) / len(lengths) if lengths else 0.0
    wanted = dict.fromkeys(terms(query))
    found = {word: sum(word in counts for counts in counted) for word in wanted}
    return [
        sum(
            math.log(1 + (len(counted) - found[word] + 0.5) / (found[word] + 0.5))
            * counts[word]
            * (K1 + 1)
            / (counts[word] + K1 * (1 - B + B * length / (mean or 1.0)))
            for word in wanted
            if word in counts
        )
        for counts, length in zip(counted, lengths, strict=True)
    ]
