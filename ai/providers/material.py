"""A prompt's sentences, figures and data: all that the offline provider may speak of."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_TEXT = 200_000  # characters of a prompt that are read
_MAX_DOCUMENTS = 200  # places that may begin JSON
_MAX_FACTS = 2_000
_MAX_SENTENCES = 2_000
_MANY = 5  # items from which on a list is summed up rather than spelled out
_MAX_DEPTH = 8
_SHORT = 60  # characters up to which what a `name: value` line says is no sentence

Scalar = str | int | float | bool

_JSON_START = re.compile(r"[\[{]")
_LINE = re.compile(r"\s*(?:[-*•]\s+)?([^\W\d][\w .%/()-]{0,60}?)\s*[:=]\s*(\S.*)")
_LABEL = re.compile(r"([^\W\d][\w -]{0,60})\s*[:=]\s*\Z")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=[\"'(\[]?[A-Z0-9])")
_NUMBER = re.compile(r"[-+]?[$€£]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?\s?%?")
_WORD = re.compile(r"[^\W\d_]{3,}")
_INSTRUCTIONS = """
    please you your don't do act analyse analyze answer assess avoid be classify comment compose
    consider create decide describe determine discuss draft evaluate explain extract focus format
    generate give identify include keep limit list make mention name never only output produce
    propose provide recommend reply respond return rewrite say state suggest summarise summarize
    tell think translate use write
"""
_INSTRUCTION = re.compile(rf"\W*(?:{'|'.join(_INSTRUCTIONS.split())})\b", re.IGNORECASE)
_COMMON_WORDS = """
    about after also and any are but can each every for from had has have her him his how into its
    may more most not now off one only our out over own per she should some such than that the
    their them then there these they this those under until upon very was way were what when where
    which while who will with would you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True, slots=True)
class Fact:
    """One value of the prompt's data, and the names that lead to it."""

    path: tuple[str, ...]
    value: Scalar

    def __str__(self) -> str:
        return f"{' '.join(self.path)}: {shown(self.value)}"


@dataclass(frozen=True, slots=True)
class Material:
    """A prompt, taken apart.

    Attributes:
        sentences: in the order of the prompt, without those that only instruct.
        facts: values of JSON in the prompt and of its `name: value` lines.
        lists: lists of JSON in the prompt, by their names.
    """

    text: str
    sentences: tuple[str, ...]
    facts: tuple[Fact, ...]
    lists: tuple[tuple[tuple[str, ...], list[Any]], ...]

    def best(self, count: int, *, characters: int) -> list[str]:
        """The sentences that say most, in their own order, as many as fit."""
        words = Counter(word for sentence in self.sentences for word in _words(sentence))
        ranked = sorted(
            range(len(self.sentences)), key=lambda n: (-_weight(self.sentences[n], words), n)
        )
        chosen: list[int] = []
        for n in ranked:
            if len(chosen) == count:
                break
            if len(self.sentences[n]) <= characters:
                chosen.append(n)
                characters -= len(self.sentences[n]) + 1
        return [self.sentences[n] for n in sorted(chosen)]


def read(text: str) -> Material:
    """Takes a prompt apart. The same text gives the same material."""
    text = text[:MAX_TEXT]
    facts: list[Fact] = []
    lists: list[tuple[tuple[str, ...], list[Any]]] = []
    prose = []
    end = 0
    for start, stop, document in _documents(text):
        before = text[end:start]
        label = _LABEL.search(before.rpartition("\n")[2])
        path = (label[1].strip(),) if label else ()
        prose.append(before[: len(before) - len(label[0])] if label else before)
        facts += _flat(document, path, lists)
        end = stop
    prose.append(text[end:])
    sentences: list[str] = []
    for line in "\n".join(prose).splitlines():
        found = _LINE.fullmatch(line)
        if found and not _INSTRUCTION.match(line):
            facts.append(Fact((found[1],), _scalar(found[2].strip())))
            if len(found[2]) <= _SHORT:
                continue
        sentences += [s.strip(" \t-*•") for s in _SENTENCE_END.split(line)]
    plain = [s for s in dict.fromkeys(sentences) if len(_WORD.findall(s)) > 1]
    telling = [s for s in plain if not _INSTRUCTION.match(s) and not s.endswith((":", "?"))]
    return Material(
        text=text,
        sentences=tuple(telling or plain)[:_MAX_SENTENCES],
        facts=tuple(dict.fromkeys(facts))[:_MAX_FACTS],
        lists=tuple(lists),
    )


def figures(text: str) -> list[float]:
    """The numbers of a text, in its order."""
    found = (number(match[0]) for match in _NUMBER.finditer(text))
    return [value for value in found if value is not None]


def number(text: str) -> float | None:
    """A text that is one number, also with commas, a currency or a per cent sign, as a number."""
    stripped = text.strip().rstrip(" %").replace(",", "")
    try:
        value = float(re.sub(r"[$€£]", "", stripped))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def shown(value: Any) -> str:
    """A value as people read it: floats with four decimals at most."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".") if 1e-4 <= abs(value) < 1e15 else f"{value:g}"
    return str(value)


def _documents(text: str) -> Iterator[tuple[int, int, Any]]:
    """JSON objects and arrays within the text, as (start, end, value)."""
    decoder = json.JSONDecoder()
    position = 0
    for _ in range(_MAX_DOCUMENTS):
        found = _JSON_START.search(text, position)
        if found is None:
            return
        position = found.start() + 1
        try:
            value, position = decoder.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            continue
        yield found.start(), position, value


def _flat(
    value: Any, path: tuple[str, ...], lists: list[tuple[tuple[str, ...], list[Any]]]
) -> Iterator[Fact]:
    if len(path) > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, (*path, key), lists)
    elif isinstance(value, list):
        lists.append((path, value))
        numbers = [n for n in value if isinstance(n, int | float) and not isinstance(n, bool)]
        if len(value) > _MANY and len(numbers) == len(value):
            low, high = shown(min(numbers)), shown(max(numbers))
            yield Fact(
                path, f"{len(value)} values from {low} to {high}, the last {shown(value[-1])}"
            )
            return
        for n, item in enumerate(value[:_MANY]):
            yield from _flat(item, (*path, _row_name(item, n)), lists)
        if len(value) > _MANY:
            yield Fact((*path, "count"), len(value))
    elif value is not None and value != "":
        yield Fact(path or ("value",), value)


def _row_name(row: Any, n: int) -> str:
    """A row's own first word, such as a symbol or a name, or else its number."""
    values = row.values() if isinstance(row, dict) else ()
    first = next((v for v in values if isinstance(v, str) and 0 < len(v) <= 60), None)
    return first or str(n + 1)


def _scalar(text: str) -> Scalar:
    found = _NUMBER.fullmatch(text)
    value = number(text) if found and not text.endswith("%") else None
    if value is None:
        return text
    return int(value) if value.is_integer() and "." not in text else value


def _words(sentence: str) -> list[str]:
    return [word for word in _WORD.findall(sentence.lower()) if word not in _COMMON]


def _weight(sentence: str, words: Counter[str]) -> float:
    """How often the text speaks of what the sentence speaks of (Luhn 1958); figures count twice."""
    own = _words(sentence)
    if not own:
        return 0.0
    weight: float = sum(words[word] for word in own) / math.sqrt(len(own))
    return weight * (2 if _NUMBER.search(sentence) else 1)
