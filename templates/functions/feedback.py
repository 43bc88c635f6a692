"""Sorting customers' feedback by words and ratings, as a function for workflows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from engine.functions import workflow_function

NEGATIVE = 2  # stars, of five, and fewer
OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    """What a customer wrote, with one to five stars."""

    id: str
    customer: str
    rating: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SortedFeedback:
    """A feedback with what was found in it; `topics` is never empty."""

    id: str
    customer: str
    rating: int
    text: str
    topics: list[str]
    negative: bool
    urgent: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedbackFigures:
    """All feedback, the worst first, and figures of the whole; `topics` counts by topic."""

    items: list[SortedFeedback]
    count: int
    average_rating: float
    negative_share: float
    topics: dict[str, int]


@workflow_function("feedback.sort", pure=True)
def sort_feedback(
    items: list[Feedback], topics: dict[str, list[str]], urgent_words: list[str]
) -> FeedbackFigures:
    """Finds topics and urgent cases by the words that a feedback holds, whatever their case.

    Args:
        topics: topic -> words; a word also stands for longer ones that begin with it.
        urgent_words: with one of them, a negative feedback is urgent.
    """
    patterns = {topic: _pattern(words) for topic, words in topics.items()}
    urgent = _pattern(urgent_words)
    found = [
        SortedFeedback(
            id=item.id,
            customer=item.customer,
            rating=item.rating,
            text=item.text,
            topics=[topic for topic, words in patterns.items() if words.search(item.text)]
            or [OTHER],
            negative=item.rating <= NEGATIVE,
            urgent=item.rating <= NEGATIVE and urgent.search(item.text) is not None,
        )
        for item in items
    ]
    found.sort(key=lambda item: (item.rating, item.id))
    counts = Counter(topic for item in found for topic in item.topics)
    return FeedbackFigures(
        items=found,
        count=len(found),
        average_rating=fmean(item.rating for item in found) if found else 0.0,
        negative_share=fmean(item.negative for item in found) if found else 0.0,
        topics=dict(counts.most_common()),
    )


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    alternatives = "|".join(map(re.escape, words))
    # Without words, a pattern that nothing matches.
    return re.compile(rf"\b(?:{alternatives})" if alternatives else r"(?!)", re.IGNORECASE)
