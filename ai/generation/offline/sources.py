"""Where a requirement's data comes from: what is given at the start, a form, a CSV, a URL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ai.generation.offline import vocabulary
from ai.generation.offline.fields import Field, choices, field, merged
from ai.generation.offline.words import Text, bare, stem

_LIST = r"(?P<list>[^:;]+?)"
_STOP = (
    r"(?=$|[;:]|\.\s|,? (?:and|then) (?:then|let|have|please|ask|send|compute|calculate|work)\b"
    r"|, (?:the|a|an) \w+(?: \w+)? (?:must|has to|decides|approves|checks|reviews)\b|\bURL\d)"
)
_GIVEN = (  # phrases after which names follow
    r"columns?(?: named| called)?:?",
    r"\bwith (?:the )?fields?:?",
    r"\bfields? (?:are|is):?",
    r"\binputs?(?: data)?(?: are| is|:)",
    r"\bfill(?:s|ed)? in (?:a |the )?forms?(?: with|:| about| stating)",
    r"\bforms?:",
    r"\bforms? (?:with|asking for|that asks for|stating)",
    r"\bfill(?:s|ed)? in",
    r"\bfills? (?:a |the )?forms?(?: with|:)?",
    r"\bgiven",
    r"\b(?:we|i|you|it|they|there|(?:the|an?|each|every) (?:\w+ ){0,2}?\w+|requesters?|employees?"
    r"|applicants?|\w+s)(?: \w+)? (?:receives?|gets?|needs?|takes?|reports?|records?|collects?|has|have"
    r"|names|brings?|lists|registers?|sends?)(?! to\b| been\b)",
    r"\b\w+ (?:states?|gives? us|gives?|provides?|enters?|submits?|suppl(?:y|ies)|contains?"
    r"|hands? in|sends? in|leaves?|sends? us|includes?|specif(?:y|ies)|types? in|tells? us|indicates?|uploads?)",
    r"^take",
    r"^collect",
    r"^record",
    r"^register",
    r"^ask for",
    r"^(?:please )?(?:get|receive|read in)",
    r"\bcomes? in with",
    r"\bstating",
    r"\bconsist(?:s|ing) of",
    r"\btogether with",
    r"\bthe request (?:has|names|states)",
    r"\busing the",
)
_TRIGGERS = [re.compile(f"(?:{trigger})\\s+{_LIST}{_STOP}", re.I) for trigger in _GIVEN]
_HEADED = re.compile(rf"^(?P<head>[^:,]{{3,60}}):\s+{_LIST}$", re.I)
_AFTER_WITH = re.compile(rf"\bwith (?P<list>(?:an? |the |its )?[^:;]+?){_STOP}", re.I)
_IN_BRACKETS = re.compile(r"\b(?P<head>[A-Za-z]+)\s+\((?P<list>[^()]+)\)")
_BESIDE = re.compile(r"\s(?:together with|along with|as well as|plus)\s", re.I)
_ARRIVES = re.compile(
    r"^(?:when |whenever |if )?(?:an?|the|each|every|incoming)\s+(?P<thing>[\w' -]{3,40}?)\s+"
    r"(?:arrives?|comes in|is received|is submitted|is handed in|is sent in|is uploaded|lands)\b",
    re.I,
)
_AS_TEXT = re.compile(r"\b(?P<thing>[\w' -]{3,40}?)\s+as (?:free |plain )?text\b", re.I)
# `has signed off`, `may only contain letters`, `gets an email`: not what is given.
_NO_LIST = re.compile(
    r"\b(?:has|have) \w+(?:ed|en)\b|\b(?:only|not|never) \w+\s|\bgets? an? (?:e?mail|message|letter|sms)\b",
    re.I,
)
_CSV = re.compile(r"\bcsv\b|\bspreadsheet\b", re.I)
_CSV_AT = re.compile(
    r"\b(?:csv|spreadsheet)\b[^,;]*\b(?:from|at|of) URL\d|\bURL\d+ (?:as|is) (?:an? )?csv", re.I
)
_FORM = re.compile(
    r"\bforms?\b(?! of)|\bfills? in\b|\bto fill in\b|\bfilled in\b|\bquestionnaire\b", re.I
)
_VERBAL = re.compile(
    r"\b(?:is|are|be|was|were|must|has|have|gets?|goes|then|let|who|which|if|when|extract|summar"
    r"|check|approve|decide|compute|calculate|send|write|it|them|us|whether|ai|below|above|than"
    r"|need|needs|want|exceed\w*|work|add|confirm\w*|under|over|between)\b",
    re.I,
)
_GIVEN_BY_PEOPLE = frozenset(
    "approval consent permission sign-off signoff authorization ok".split()
)
_OPTION_NAMES = frozenset(
    "risk type priority status category level condition kind class severity urgency size"
    " department state mode channel".split()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """Fields that one sentence names.

    Attributes:
        sentence: its number.
        span: the part of the sentence that names them: no condition stands there.
        columns: whether these are columns of a table.
    """

    sentence: int
    span: tuple[int, int]
    fields: tuple[Field, ...]
    columns: bool


def is_form(text: Text) -> bool:
    """Whether somebody fills in a form."""
    return any(_FORM.search(sentence) for sentence in text.sentences)


def is_table(text: Text) -> bool:
    """Whether the data is a CSV that is handed over, and not read from an address."""
    return any(
        _CSV.search(re.split(r"\bfrom URL\d|\bURL\d+ as\b", s)[0])
        for s in text.sentences
        if not _CSV_AT.search(s)
    )


def named(text: Text) -> list[Named]:
    """The fields that the sentences name, in order."""
    found = []
    for n, sentence in enumerate(text.sentences):
        table = bool(_CSV.search(sentence)) or "column" in sentence.lower()
        found += [
            Named(sentence=n, span=span, fields=tuple(fields), columns=table)
            for span, fields in _lists(sentence)
        ]
    return found


def _lists(sentence: str) -> Iterator[tuple[tuple[int, int], list[Field]]]:
    taken: list[tuple[int, int]] = []
    for place in _IN_BRACKETS.finditer(sentence):
        items, _ = _items(place["list"])
        explained = _listed_before(sentence[: place.start()])
        if len(items) >= 2 and place["head"].lower() not in _OPTION_NAMES and not explained:
            taken.append(place.span("list"))
            yield place.span("list"), items
    for pattern in (_HEADED, _AFTER_WITH, *_TRIGGERS):
        for place in pattern.finditer(sentence):
            start, end = place.span("list")
            if any(start < stop and end > begin for begin, stop in taken):
                continue
            if _NO_LIST.search(sentence[place.start() : end][: start - place.start() + 40]):
                continue
            items, length = _items(place["list"])
            few = 2 if pattern in (_HEADED, _AFTER_WITH) else 1
            if "need" in place[0][: start - place.start()] and all(map(_is_of_people, items)):
                continue
            if len(items) >= few:
                taken.append((start, start + length))
                yield (start, start + length), items
    for pattern in (_ARRIVES, _AS_TEXT):
        if (found := pattern.search(sentence)) and not taken:
            thing = re.sub(
                r"^(?:.*\b(?:collect|receive|get|in|have|take)s?)\s+", "", found["thing"]
            )
            if item := field(thing):
                yield found.span("thing"), [item]


def _is_of_people(item: Field) -> bool:
    """Whether it is somebody, or what people give: `it needs the clerk`, `it needs an approval`."""
    last = stem(item.name.rpartition("_")[2])
    return last in vocabulary.ROLE_HEADS or last in _GIVEN_BY_PEOPLE


def _listed_before(before: str) -> bool:
    """Whether the brackets explain an item of a list: then they hold its options."""
    return before.count(",") > 0 or bool(re.search(r"\band (?:a |the )?\w*$", before))


def _items(text: str) -> tuple[list[Field], int]:
    """The fields of a list up to the first item that is none, and how far they reach."""
    # Of the same length, so that places stay what they are.
    inside = re.sub(r"\([^()]*\)", lambda found: re.sub(r",| or ", _slashed, found[0]), text)
    # A list within brackets ends with them.
    inside = re.split(r"\)", inside)[0] if inside.count(")") > inside.count("(") else inside
    inside = _BESIDE.sub(lambda found: "," + " " * (len(found[0]) - 1), inside)
    found: list[Field] = []
    start = reach = 0
    for gap in [*re.finditer(r",\s*(?:and\s+)?|\s+and\s+", inside), None]:
        end = gap.start() if gap else len(inside)
        part = inside[start:end]
        start = gap.end() if gap else end
        if not part.strip():
            continue
        outside = re.sub(r"\([^()]*\)", "", part)
        item = None if _VERBAL.search(outside) else field(part.replace("/", ","))
        if item is None:
            break
        found.append(item)
        reach = end
    return merged(found), reach


def _slashed(found: re.Match[str]) -> str:
    return "/".ljust(len(found[0]))


def options_of(text: str) -> tuple[str, ...]:
    """The classes that a sentence names: `as billing, technical or other`."""
    patterns = (
        r"\b(?:as|into|between|to be|either|one of|whether it is|whether they are|categories:?"
        r"|classes:?)\s*:?\s+(?P<list>[\w ,/-]+? or [\w-]+)",
        r"\b(?:as|into|one of|categories|classes|between)\s*:?\s+(?P<list>[\w ,/-]+? and [\w-]+)",
        r"\((?P<list>[\w ,/-]+? (?:or|and) [\w-]+)\)",
        r"\((?P<list>[\w-]+(?:, [\w-]+)+)\)",
        r"\(?(?P<list>\w+/\w+(?:/\w+)*)\)?",
    )
    for pattern in patterns:
        for found in re.finditer(pattern, text, re.I):
            values = choices(found["list"])
            if len(values) >= 2 and all(len(value.split()) <= 2 for value in values):
                return values
    return ()


def subject_texts(sentence: str) -> list[Field]:
    """The texts that a task for AI works on, where the requirement gives none of them before."""
    found = re.findall(r"[A-Za-z]+", sentence.lower())
    long = [word for word in found if word in vocabulary.LONG_TEXTS]
    made = re.search(
        r"\b(?:write|draft|generate|produce|create|phrase|compose)\w*\b", sentence, re.I
    )
    items = []
    for word in long:
        if made and re.search(
            rf"\b(?:write|draft|generat|produc|creat|phras|compos)\w*(?: \w+){{0,4}} {word}\b",
            sentence,
            re.I,
        ):
            continue
        items.append(field(word))
    return merged(item for item in items if item)


def topic(text: Text) -> str:
    """What the requirement is about, as a heading."""
    first = text.sentences[0] if text.sentences else "Workflow"
    head = first.partition(":")[0] if ":" in first[:60] else first
    head = re.sub(r"\bURL\d+\b", "", head)
    head = re.sub(
        r"^(?:please|i'd like|i want|i need|we need|we want|we'd like|could you|there's|there is"
        r"|build me|make me|create|set up|for)\s+",
        "",
        head,
        flags=re.I,
    )
    found = bare(" ".join(head.split()[:8])) or "Workflow"
    return found[:1].upper() + found[1:80]
