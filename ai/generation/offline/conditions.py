"""Comparisons that a requirement states, as rules over its fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ai.generation.offline import meanings, vocabulary
from ai.generation.offline.comparisons import (
    OPPOSITES,
    Comparison,
    Link,
    Operator,
    comparisons,
    joint,
)
from ai.generation.offline.fields import Field, literal, matching, money
from ai.generation.offline.words import slug, stem, stems

_TIMES = re.compile(r"\s*(?:%|percent|per cent)?\s*(?:times|x|of)\s+(?:the|its|their)\b", re.I)
_MORE = re.compile(r"\s*(?:[\w%€]+\s+)?(?:and|or)\s+(?!then\b)\w", re.I)
_CASE = re.compile(r"\s*(?:if|when|whenever|unless|where|in case)\b", re.I)
_ROWS = re.compile(r"\bwhose\b|\brows?\b|\beach line\b", re.I)
_SPANS_OF_TIME = frozenset("minute hour day week month year".split())
_OWN = re.compile(
    r"\b(?:the|its|their|whose)\s+(?P<noun>[a-z]+)(?:\s+(?:is|are|was|gets))?\s*$", re.I
)
_ABOVE_THAT = re.compile(
    r"\b(?:above|over|beyond|more than|higher than|exceed\w*|larger than|greater than) (?:that|this|it)\b",
    re.I,
)
_BELOW_THAT = re.compile(
    r"\b(?:below|under|less than|lower than|smaller than) (?:that|this|it)\b", re.I
)
_REST = re.compile(
    r"\b(?:otherwise|else|(?:all |any |the )?others?|the rest|everything (?:else|in between|other)|in between"
    r"|anything else|everybody else|everyone else|(?:small|larg|bigg|long|short|high|low|old|young|cheap"
    r"|remain|other|great)\w* ones?|in all other cases|if not|the remaining)\b",
    re.I,
)
_EXCEPTION = re.compile(r"\w.*\b(?:unless|except)\b", re.I)
_SIGN = re.compile(r"\b(?:be|is|are) (positive|negative|above zero|greater than zero)\b", re.I)
_EQUAL = re.compile(
    r"\b(?:if|when|where|once|unless|whose|for)\s+(?:the |a |an )?(?P<subject>[\w' ]{2,40}?)\s+"
    r"(?:is|are|equals|was|says|reads)\s+(?P<not>not )?(?:marked |set to |classified as )?['\"]?"
    r"(?P<value>[A-Za-z][\w-]*)['\"]?",
    re.I,
)
_NO_VALUES = frozenset(
    "not a an the in at on above below over under more less greater higher lower between missing empty"
    " valid invalid complete correct approved rejected accepted granted confirmed released done required"
    " needed present absent received submitted exactly longer shorter older younger present given there"
    " available open returned no worth due fine ok okay negative positive all".split()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One comparison.

    Attributes:
        subject: name of the field or computed value; "" where it is everything else.
        operator: of a number; values: its one or two numbers.
        options: the texts that the subject may be, instead of a comparison.
        negated: the subject is none of them.
        joined: further conditions, each with how it is joined to those before: all in one way.
        span: where in its sentence it stands.
        said: its words, where they say it the other way round.
    """

    subject: str
    operator: Operator = "=="
    values: tuple[float, ...] = ()
    options: tuple[str, ...] = ()
    negated: bool = False
    joined: tuple[tuple[Link, Condition], ...] = ()
    span: tuple[int, int] = (0, 0)
    said: str = ""

    @property
    def is_rest(self) -> bool:
        """Whether it is what no other condition covers."""
        return not self.subject

    def expression(self, reference: Callable[[str], str]) -> str:
        """The condition as an expression; `reference`: a subject's place."""
        found = self._own(reference)
        for link, other in self.joined:
            found = f"{found} {link} {other.expression(reference)}"
        return found

    def _own(self, reference: Callable[[str], str]) -> str:
        place = reference(self.subject)
        if self.options:
            listed = ", ".join(f"'{option}'" for option in self.options)
            test = f"lower(string({place})) in [{listed}]"
            return f"!({test})" if self.negated else test
        if self.operator == "between":
            low, high = map(literal, self.values)
            return f"{place} >= {low} && {place} <= {high}"
        if self.operator == "outside":
            low, high = map(literal, self.values)
            return f"({place} < {low} || {place} > {high})"
        return f"{place} {self.operator} {literal(self.values[0])}"

    def opposite(self) -> Condition:
        """The condition that holds where this one does not."""
        joined: tuple[tuple[Link, Condition], ...] = tuple(
            ("||" if link == "&&" else "&&", other.opposite()) for link, other in self.joined
        )
        if self.options:
            return replace(self, negated=not self.negated, joined=joined)
        return replace(self, operator=OPPOSITES[self.operator], joined=joined)


class Finder:
    """Finds conditions; remembers what was spoken of last, to which `it` and `that` refer.

    Attributes:
        tabular: there are rows, of which a single value is not known.
    """

    def __init__(
        self, fields: Sequence[Field], computed: Sequence[Field], *, tabular: bool = False
    ) -> None:
        self.fields = list(fields)
        self.computed = list(computed)
        self.last: str = ""
        self.limit: float | None = None
        self.unknown: list[Field] = []
        self.tabular = tabular

    @property
    def known(self) -> list[Field]:
        return [*self.fields, *self.computed, *self.unknown]

    def find(self, chunk: str) -> Condition | None:
        """The condition of a part of a sentence: None where there is none, and where there is more
        than this understands."""
        condition = self._find(chunk)
        if condition is None or condition.is_rest or not _CASE.match(chunk):
            return condition
        return None if _MORE.match(chunk[condition.span[1] :]) else condition

    def states(self, chunk: str) -> bool:
        """Whether a part of a sentence states a condition, understood or not."""
        return bool(_CASE.match(chunk) or comparisons(chunk))

    def _find(self, chunk: str) -> Condition | None:
        if compared := comparisons(chunk):
            return self._compared(chunk, compared)
        for pattern, sign in ((_ABOVE_THAT, ">"), (_BELOW_THAT, "<")):
            if (found := pattern.search(chunk)) and self.limit is not None and self.last:
                return Condition(
                    subject=self.last,
                    operator=">" if sign == ">" else "<",
                    values=(self.limit,),
                    span=found.span(),
                )
        if found := _SIGN.search(chunk):
            subject = self._subject(chunk[: found.start()], found[0], chunk[found.end() :])
            if subject is None:
                return None
            self.last, self.limit = subject, 0.0
            sign_of: Operator = "<" if found[1].lower() == "negative" else ">"
            return Condition(subject=subject, operator=sign_of, values=(0.0,), span=found.span())
        if condition := self._option(chunk):
            return condition
        if found := _REST.search(chunk):
            return Condition(subject="", span=found.span())
        return self._equal(chunk)

    def _compared(self, chunk: str, compared: Sequence[Comparison]) -> Condition | None:
        """The comparisons of a part of a sentence as one condition, with the texts beside them."""
        if self.tabular and _ROWS.search(chunk):
            return None
        before, found = (self.last, self.limit), list[Condition]()
        links: list[Link] = []
        rest, reached = chunk, 0
        for item in compared:
            start, end = item.start, item.found.end()
            link = joint(chunk[reached:start]) if found else None
            if found and link is None:
                return None
            subject = self._subject(chunk[reached:start], item.found[0], chunk[end:])
            if subject is None or _TIMES.match(chunk[end:]):
                self.last, self.limit = before
                return None
            links += [link] if link else []
            self.last, self.limit = subject, item.values[-1]
            found.append(
                Condition(
                    subject=subject, operator=item.operator, values=item.values, span=(start, end)
                )
            )
            rest = rest[:start] + " " * (end - start) + rest[end:]
            reached = end
        if beside := self._option(rest) or self._equal(rest):
            links.append("||" if re.search(r"\bor\b", rest) else "&&")
            found.append(beside)
            self.last = found[0].subject
        # What is excepted would have to be turned round, and is not.
        if len(set(links)) > 1 or (links and _EXCEPTION.search(chunk)):
            return None
        reach = (min(c.span[0] for c in found), max(c.span[1] for c in found))
        return replace(found[0], span=reach, joined=tuple(zip(links, found[1:], strict=True)))

    def _option(self, chunk: str) -> Condition | None:
        said = {stem(word): n for n, word in enumerate(stems(chunk))}
        for item in reversed(self.known):
            named = [option for option in item.options if all(w in said for w in stems(option))]
            if named and len(named) < len(item.options):
                first = re.search(re.escape(named[0].split()[0][:4]), chunk, re.I)
                self.last = item.name
                if named == ["other"] and not re.search(r"\bothers?\b", chunk, re.I):
                    continue
                start, end = first.span() if first else (0, 0)
                turned = re.search(
                    r"(?:\bnot|n't|\bother than)\s+(?:\w+ ){0,2}$", chunk[:start], re.I
                )
                return Condition(
                    subject=item.name,
                    options=tuple(named),
                    negated=turned is not None,
                    span=(turned.start() if turned else start, end),
                )
        return None

    def _equal(self, chunk: str) -> Condition | None:
        found = _EQUAL.search(chunk)
        if not found or found["value"].lower() in _NO_VALUES:
            return None
        item = matching(found["subject"], self.known)
        if item is None or item.kind == "number":
            return None
        self.last = item.name
        return Condition(
            subject=item.name,
            options=(found["value"].lower(),),
            negated=bool(found["not"]),
            span=found.span(),
        )

    def _subject(self, before: str, compared: str, after: str) -> str | None:
        """The name of what is compared, or None where that would be guessed."""
        unit = re.match(r"\s*([A-Za-z%€$£]+)", after)
        word = unit[1].lower() if unit else ""
        near = before.split(",")[-1]
        numbers = [f for f in self.known if f.kind == "number"]
        if re.match(r"\s*(?:characters?|letters?|digits?)\b", after, re.I):
            text = matching(near, self.known)
            return text.name if text else self._make("text", near)
        # `more than 10 days`: the unit names the field, unless the words before it do.
        by_words = matching(near, numbers)
        if by_words is None:
            by_words = self._turned(near)
        by_unit = matching(word, numbers) or next(
            (f for f in numbers if f.unit and stem(f.unit) == stem(word)), None
        )
        if (
            (
                by_words is not None
                and by_unit is not None
                and by_unit != by_words
                and word not in ("percent",)
            )
            and stem(word) in stems(by_unit.said)
            and not (set(stems(by_words.said)) & set(stems(near)[-1:]))
        ):
            return by_unit.name
        spans = stem(word) in _SPANS_OF_TIME
        if by_words is not None:
            return None if spans and _is_no_time(by_words) else by_words.name
        if by_unit is not None:
            return by_unit.name
        last = next((f for f in numbers if f.name == self.last), None)
        other = last is None or _is_no_time(last)
        if spans and re.match(r"\s*\w+ (?:ago|after|before|later|in advance)\b", after, re.I):
            return None
        if word in vocabulary.MONEY_UNITS or re.search(r"[€$£]", compared):
            paid = money(self.computed) or money(self.fields)
            if paid is not None:
                return paid.name
            if not numbers:
                return self._make("amount", "amount")
        if re.search(r"\bworth\b", f"{near}{compared}", re.I) and (paid := money(self.fields)):
            return paid.name
        if spans and numbers and other and not word.startswith("year"):
            return self._make(word, word)
        if (
            word in ("years", "year")
            or (stems(near)[-1:] and stems(near)[-1] in vocabulary.AGE_BEARERS)
        ) and word not in vocabulary.NUMERIC - {"years", "year"}:
            return self._make("age", "age")
        pronoun = re.search(r"\b(?:it|they|this|that|he|she)\b", near, re.I) or not stems(near)
        if (
            self.last
            and any(f.name == self.last and f.kind == "number" for f in self.known)
            and (pronoun or not _own_noun(near))
        ):
            return self.last
        noun = _own_noun(near)
        if noun and noun in vocabulary.NUMERIC | {"status", "humidity"}:
            return self._make(noun, noun)
        own = _OWN.search(near)
        if own and not meanings.says_nothing(own["noun"].lower(), "the") and not pronoun:
            return self._make(slug(own["noun"]), own["noun"])
        if self.computed:
            return self.computed[-1].name
        if pronoun and numbers:
            return (money(numbers) or numbers[-1]).name
        if numbers and not noun:
            return numbers[-1].name
        if word and stem(word) in {stem(w) for w in vocabulary.NUMERIC}:
            return self._make(word, word)
        if numbers:
            return (money(numbers) or numbers[-1]).name
        return None if pronoun else self._make("amount", "amount")

    def _turned(self, near: str) -> Field | None:
        """A field that is compared with a number is a number, whatever its name says."""
        texts = [f for f in self.fields if f.kind == "text" and not f.options]
        found = matching(near, texts)
        if found is None or set(found.name.split("_")) & _NEVER_NUMBERS or "character" in near:
            return None
        turned = replace(found, kind="number")
        self.fields[self.fields.index(found)] = turned
        return turned

    def _make(self, name: str, said: str) -> str:
        item = Field(name=name, said=said, kind="number")
        if all(known.name != name for known in self.known):
            self.unknown.append(item)
        return name


def _is_no_time(item: Field) -> bool:
    """Whether a field is known to be a quantity of something else than time."""
    own = {stem(item.unit), *stems(item.said)}
    return bool(own & _QUANTITIES) and not own & _TIMES_NAMED


def _own_noun(before: str) -> str | None:
    """The last noun of what stands before a comparison, if it names a quantity."""
    found = [word for word in stems(before) if word not in _VERBS]
    for word in reversed(found):
        for numeric in (word, f"{word}s"):
            if numeric in vocabulary.NUMERIC or numeric == "status":
                return word
    return None


_TIMES_NAMED = _SPANS_OF_TIME | {
    "delay", "duration", "term", "age", "time", "period", "notice", "downtime", "sessions", "interest",
}  # fmt: skip
_QUANTITIES = {stem(word) for word in vocabulary.NUMERIC} - _TIMES_NAMED
_NEVER_NUMBERS = vocabulary.LONG_TEXTS | vocabulary.TEXTUAL_ENDS | vocabulary.OTHER_PEOPLE | {
    "department", "country", "category", "state", "mode", "channel", "kind", "class",
}  # fmt: skip
_VERBS = frozenset("is are be has have must get goes if when the it".split())
