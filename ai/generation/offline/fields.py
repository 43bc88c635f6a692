"""The fields that a requirement names, and which of them a phrase means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Literal

from ai.generation.offline import vocabulary
from ai.generation.offline.words import bare, label, plain, slug, stem, stems
from core.json import JsonObject

Kind = Literal["number", "text", "date"]

_RANGE = re.compile(r"\b(?:from|between)?\s*(\d+(?:\.\d+)?)\s*(?:to|and|-|–)\s*(\d+(?:\.\d+)?)\b")
_UNIT = re.compile(
    r"\s+(?:in|as|of type)\s+(?:\w+ )?(?:kg|km|euros?|eur|usd|dollars|minutes?|hours?|days?|months?"
    r"|weeks|metres|meters|percent|free text|plain text|text|json|grams?|tons?|litres?|years?|cm|mm"
    r"|points)\b",
    re.I,
)
_TAIL = re.compile(
    r"\s+(?:from the|of the|of a|of an|of every|of each|for the|for a|that|which|who|already|so far"
    r"|is|are|if|when|we|they|he|she|before|after|by|with|using|into|via)\b.*",
    re.I,
)
_OPTIONS = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One named value.

    Attributes:
        name: as expressions have it.
        said: as the text has it.
        options: the only values it may have; none: any.
        low, high: the least and the greatest value.
        unit: such as `days`, or "".
        limits: further keywords of its schema, from what must hold.
    """

    name: str
    said: str
    kind: Kind
    options: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""
    limits: JsonObject = dataclass_field(default_factory=dict)

    @property
    def schema(self) -> JsonObject:
        """JSON Schema of its values."""
        schema: JsonObject = {"type": "number" if self.kind == "number" else "string"}
        schema["title"] = label(self.said) + (
            f" in {self.unit}" if self.kind == "number" and self.unit else ""
        )
        if self.options:
            schema["enum"] = list(self.options)
        if self.low is not None:
            schema["minimum"] = _number(self.low)
        if self.high is not None:
            schema["maximum"] = _number(self.high)
        return schema | self.limits


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value


def field(phrase: str) -> Field | None:
    """The field that one item of a list names, or None where the item is no name."""
    options: tuple[str, ...] = ()
    if inside := _OPTIONS.search(phrase):
        options = choices(inside[1])
        phrase = phrase[: inside.start()] + phrase[inside.end() :]
    low = high = None
    if bounds := _RANGE.search(phrase):
        low, high = float(bounds[1]), float(bounds[2])
        phrase = phrase[: bounds.start()]
    unit = ""
    if found := _UNIT.search(phrase):
        unit = found[0].split()[-1]
        phrase = phrase[: found.start()]
    said = bare(re.sub(r"^(?:the )?(?:columns?|fields?)(?: named| called)? (?=\w)", "", phrase))
    if re.match(r"(?:text|content|body|wording) of\b", said, re.I):
        said = bare(re.sub(r"^\w+ of\s+", "", said)) + " text"
    shorter = bare(_TAIL.sub("", said)) if not said.lower().startswith("number of") else said
    tail = re.search(r"\b(?:already|so far)\b.*", said)
    said = said if tail and len(said.split()) <= 4 else shorter
    said = re.sub(r"^(?:full|complete)\s+", "", said) if len(said.split()) > 1 else said
    count = len(said.split())
    if not 1 <= count <= 5 or re.search(r"\b(?:URL\d|must|should|please|will)\b", said):
        return None
    if re.search(r"\d", said):
        return None
    kind = kind_of(said)
    if unit and kind == "text" and unit not in ("text", "json"):
        kind = "number"
    if low is not None:
        kind = "number"
    if options:
        kind = "text"
    return Field(
        name=slug(said), said=said, kind=kind, options=options, low=low, high=high, unit=unit
    )


def kind_of(said: str) -> Kind:
    """What kind of values a name announces."""
    found = [word.lower() for word in re.findall(r"[A-Za-z]+", said)]
    if not found:
        return "text"
    if found[:2] == ["number", "of"]:
        return "number"
    last = stem(found[-1])
    if found[-1] == "day" or last in vocabulary.DATES or "birth" in found:
        return "date"
    numeric = {stem(word) for word in vocabulary.NUMERIC}
    if last in vocabulary.TEXTUAL_ENDS:
        return "text"
    if last in numeric:
        return "number"
    head = found[0] if len(found) > 1 else ""
    if re.search(r"\b(?:in|already|so far|per|of|late|to)\b", said) and stem(head) in numeric:
        return "number"
    # `days late`, `points in the exam`, `credits already taken`
    return "number" if head != stem(head) and stem(head) in numeric else "text"


def choices(text: str) -> tuple[str, ...]:
    """The alternatives of `low, medium or high`; none where these are no plain words."""
    parts = [bare(part) for part in re.split(r",|/|;|\bor\b|\band\b|\|", text)]
    parts = [part.lower() for part in parts if part]
    if len(parts) < 2 or any(len(part.split()) > 3 for part in parts):
        return ()
    return tuple(dict.fromkeys(parts))


def merged(fields: Iterable[Field]) -> list[Field]:
    """The fields, each name once; what one of them knows is kept."""
    found: dict[str, Field] = {}
    for item in fields:
        known = found.get(item.name)
        if known is None:
            found[item.name] = item
        elif item.options and not known.options:
            found[item.name] = replace(known, options=item.options)
    return list(found.values())


def matching(phrase: str, fields: Sequence[Field], *, numeric: bool = False) -> Field | None:
    """The field that a phrase most likely means, or None. The nearest word to its end counts most.

    Args:
        numeric: only fields that are numbers.
    """
    wanted = stems(phrase)
    best: tuple[float, int] | None = None
    chosen = None
    for n, item in enumerate(fields):
        if numeric and item.kind != "number":
            continue
        own = stems(item.said)
        common = [word for word in wanted if word in own]
        if not common:
            continue
        place = max(i for i, word in enumerate(wanted) if word in own) / len(wanted)
        score = len(set(common)) / len(set(own) | {""}) + len(set(common)) + 0.4 * place
        score += 0.5 if own and own[-1] in common else 0
        if best is None or (score, n) > best:
            best, chosen = (score, n), item
    return chosen


def money(fields: Sequence[Field]) -> Field | None:
    """The amount of money among the fields, if any."""
    return next(
        (f for f in fields if f.kind == "number" and set(stems(f.said)) & vocabulary.MONEY), None
    )


def literal(value: float) -> str:
    """A number as expressions have it."""
    return plain(value)
