"""What a draft does not carry of a requirement: every clause, word by word, against the steps.

The recognisers are not asked what they have read. The account is taken of what came out: a word,
a number or an address counts as carried only where the configuration of a step that comes of its
sentence has it, or where the step's type stands for it (`compute` and a step that computes). All
else is listed with its clause, so that nothing can be lost without a word of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ai.generation.offline import meanings
from ai.generation.offline.words import Text, normal, plain, stem
from core.json import JsonObject

_CLAUSES = re.compile(
    r"[;:]\s+|,?\s+(?=\b(?:but|unless|except|otherwise|whereas|while|although|before|until)\b)"
    r"|,\s+(?=(?:and|or|then|if|when|the|an?|it|they|he|she|we|please|let|have|ask|which|who)\b)"
    r"|\s+(?=and then\b)"
)
_TOKEN = re.compile(r"URL\d+|\d+(?:\.\d+)?|[^\W\d_]+(?:'[^\W\d_]+)?")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?!\w)")
# What only repeats the text to a reader, and does nothing.
_REPEATED = frozenset({"message", "noted", "outcome", "system", "ok_statuses", "examples"})
_LISTED = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """A clause that is not carried whole.

    Attributes:
        sentence: its number.
        clause: as it was written.
        words: what no step has of it; steps: those that carry the rest, none: nobody does.
        heads: it gives the draft its name.
    """

    sentence: int
    clause: str
    words: tuple[str, ...]
    steps: tuple[str, ...]
    heads: bool

    @property
    def reason(self) -> str:
        """Why it is listed."""
        if not self.steps:
            return "Only the draft's name says this." if self.heads else "No step does this."
        listed = ", ".join(f"'{word}'" for word in self.words[:_LISTED])
        more = " and more" if len(self.words) > _LISTED else ""
        named = ", ".join(f"'{step}'" for step in self.steps)
        return f"What comes of this, step {named}, does not have: {listed}{more}."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Carrier:
    """What one step, or the schedule, has of the sentences that it comes of."""

    step: str
    sentences: frozenset[int]
    means: re.Pattern[str]
    words: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    config: str = ""

    def has(self, token: str, text: Text) -> bool:
        if token.startswith("URL"):
            return text.shown(token) in self.config
        if token[0].isdigit():
            return plain(float(token)) in self.numbers
        return stem(token) in self.words or self.means.fullmatch(token) is not None


def lost(
    text: Text, steps: Sequence[JsonObject], *, name: str, whole: Collection[str], schedule: str
) -> list[Lost]:
    """The clauses of a text of which something is in no step.

    Args:
        name: of the draft, from the text's first words.
        whole: ids of the steps that come of the whole text rather than of single sentences.
        schedule: cron, which carries the words of times.
    """
    everything = frozenset(range(len(text.sentences)))
    written = [text.written(n) for n in everything]
    carriers = [
        _carrier(step, written, everything if step["id"] in whole else None) for step in steps
    ]
    if schedule:
        carriers.append(
            _Carrier(
                step="schedule", sentences=everything, means=meanings.schedule(schedule),
                numbers=frozenset(meanings.times(schedule)),
            )
        )  # fmt: skip
    found = []
    for n, sentence in enumerate(text.originals):
        own = [carrier for carrier in carriers if n in carrier.sentences]
        found += [
            item for clause in clauses(sentence) if (item := _account(clause, n, text, own, name))
        ]
    return found


def clauses(sentence: str) -> list[str]:
    """A sentence in clauses: together they are all of it."""
    pieces = [piece.strip(" ,") for piece in _CLAUSES.split(sentence)]
    return [piece for piece in pieces if _TOKEN.search(piece)]


def content(clause: str) -> list[str]:
    """What must be accounted for, in order: words that say something, numbers, addresses."""
    plain_clause = normal(clause)
    negations = meanings.unread(plain_clause)
    tokens = [re.sub(r"'s$", "", token) for token in _TOKEN.findall(plain_clause)]
    found = []
    for n, token in enumerate(tokens):
        word = token.lower()
        if word in meanings.NEGATIONS:
            if token in negations:
                found.append(token)
            continue
        if not meanings.says_nothing(word, tokens[n - 1].lower() if n else ""):
            found.append(token)
    return found


def _account(
    clause: str, n: int, text: Text, carriers: Sequence[_Carrier], name: str
) -> Lost | None:
    missing: dict[str, None] = {}
    by: dict[str, None] = {}
    for token in content(clause):
        has = next((carrier.step for carrier in carriers if carrier.has(token, text)), None)
        if has is None:
            missing[text.shown(token)] = None
        else:
            by[has] = None
    if not missing:
        return None
    return Lost(
        sentence=n,
        clause=text.shown(clause),
        words=tuple(missing),
        steps=tuple(by),
        heads=clause.lower().endswith(name.lower()),
    )


def _carrier(
    step: JsonObject, written: Sequence[str], everything: frozenset[int] | None
) -> _Carrier:
    parts = list(_texts(step["config"]))
    if "noted" not in step["config"].get("output", ()):
        parts.append(step["name"])
    said = " ".join(parts)
    numbers = {float(number) for number in _NUMBER.findall(said)}
    # `2 percent` is computed as 0.02.
    numbers |= {round(number * 100, 8) for number in numbers if number < 1}
    words = {stem(word) for word in _WORD.findall(said)}
    if "!" in said:  # an expression that has read a negation
        words |= {stem(word) for word in meanings.NEGATIONS}
    return _Carrier(
        step=step["id"],
        sentences=everything or frozenset(
            n for n, sentence in enumerate(written) if sentence in step["ai_prompt"]
        ),
        means=meanings.stands_for(step),
        words=frozenset(words),
        numbers=frozenset(map(plain, numbers)),
        config=said,
    )  # fmt: skip


def _texts(value: Any) -> Iterator[str]:
    """The names, texts and numbers of a configuration that do something."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            # A person's title repeats the text's first words.
            if key not in _REPEATED and not (key == "title" and {"choices", "form"} & set(value)):
                yield str(key)
                yield from _texts(item)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, Sequence):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)
