"""Comparisons that a requirement states, as rules over its fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ai.generation.offline import vocabulary
from ai.generation.offline.fields import Field, literal, matching, money
from ai.generation.offline.words import stem, stems

Operator = Literal["<", "<=", ">", ">=", "==", "!=", "between"]

_N = r"(?:[€$£]|eur |usd |chf )?\s*(\d+(?:\.\d+)?)"
_COMPARATORS: tuple[tuple[Operator, str], ...] = (
    ("between", rf"\b(?:between|from) {_N}(?: \w+)? (?:and|to) {_N}"),
    (">=", rf"\b{_N}\s*(?:\w+ )?(?:or|and) (?:more|above|over|higher|up|longer|later|older)\b"),
    ("<=", rf"\b{_N}\s*(?:\w+ )?(?:or|and) (?:less|below|under|fewer|lower|shorter|younger)\b"),
    (
        "<=",
        rf"(?:\b(?:no|not) (?:more|longer|higher|larger|greater|older|later|bigger) than|\bat most|\bup to"
        rf"|\ba maximum of|\bmaximum(?: of)?|\bnot (?:to )?exceed(?:ing)?|\bnot above|\bnot over|<=|≤"
        rf"|\bdoes(?: not|n't) exceed|\bwithin) {_N}",
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
        span: where in its sentence it stands.
    """

    subject: str
    operator: Operator = "=="
    values: tuple[float, ...] = ()
    options: tuple[str, ...] = ()
    negated: bool = False
    span: tuple[int, int] = (0, 0)

    @property
    def is_rest(self) -> bool:
        """Whether it is what no other condition covers."""
        return not self.subject

    def expression(self, reference: Callable[[str], str]) -> str:
        """The condition as an expression; `reference`: a subject's place."""
        place = reference(self.subject)
        if self.options:
            listed = ", ".join(f"'{option}'" for option in self.options)
            test = f"lower(string({place})) in [{listed}]"
            return f"!({test})" if self.negated else test
        if self.operator == "between":
            low, high = map(literal, self.values)
            return f"{place} >= {low} && {place} <= {high}"
        return f"{place} {self.operator} {literal(self.values[0])}"

    def opposite(self) -> Condition:
        """The condition that holds where this one does not."""
        if self.options:
            return Condition(subject=self.subject, options=self.options, negated=not self.negated)
        turned: dict[Operator, Operator] = {
            "<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==",
        }  # fmt: skip
        return Condition(
            subject=self.subject, operator=turned.get(self.operator, "!="), values=self.values
        )


class Finder:
    """Finds conditions; remembers what was spoken of last, to which `it` and `that` refer."""

    def __init__(self, fields: Sequence[Field], computed: Sequence[Field]) -> None:
        self.fields = list(fields)
        self.computed = list(computed)
        self.last: str = ""
        self.limit: float | None = None
        self.unknown: list[Field] = []

    @property
    def known(self) -> list[Field]:
        return [*self.fields, *self.computed, *self.unknown]

    def find(self, chunk: str) -> Condition | None:
        """The first condition of a part of a sentence."""
        for sign, pattern in _COMPILED:
            if found := pattern.search(chunk):
                values = tuple(float(value) for value in found.groups() if value)
                subject = self._subject(chunk, found, values)
                self.last, self.limit = subject, values[-1]
                return Condition(subject=subject, operator=sign, values=values, span=found.span())
        for pattern, sign in ((_ABOVE_THAT, ">"), (_BELOW_THAT, "<")):
            if (found := pattern.search(chunk)) and self.limit is not None and self.last:
                return Condition(
                    subject=self.last,
                    operator=">" if sign == ">" else "<",
                    values=(self.limit,),
                    span=found.span(),
                )
        if found := _SIGN.search(chunk):
            subject = self._subject(chunk, found, ())
            self.last, self.limit = subject, 0.0
            sign_of: Operator = "<" if found[1].lower() == "negative" else ">"
            return Condition(subject=subject, operator=sign_of, values=(0.0,), span=found.span())
        if condition := self._option(chunk):
            return condition
        if found := _REST.search(chunk):
            return Condition(subject="", span=found.span())
        return self._equal(chunk)

    def _option(self, chunk: str) -> Condition | None:
        said = {stem(word): n for n, word in enumerate(stems(chunk))}
        for item in reversed(self.known):
            named = [option for option in item.options if all(w in said for w in stems(option))]
            if named and len(named) < len(item.options):
                first = re.search(re.escape(named[0].split()[0][:4]), chunk, re.I)
                self.last = item.name
                if named == ["other"] and not re.search(r"\bothers?\b", chunk, re.I):
                    continue
                return Condition(
                    subject=item.name, options=tuple(named), span=first.span() if first else (0, 0)
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

    def _subject(self, chunk: str, found: re.Match[str], values: tuple[float, ...]) -> str:
        before, after = chunk[: found.start()], chunk[found.end() :]
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
        if by_words is not None:
            return by_words.name
        if by_unit is not None:
            return by_unit.name
        if word in vocabulary.MONEY_UNITS or re.search(r"[€$£]", found[0]):
            paid = money(self.computed) or money(self.fields)
            if paid is not None:
                return paid.name
        if re.search(r"\bworth\b", f"{near}{found[0]}", re.I) and (paid := money(self.fields)):
            return paid.name
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
        return self._make("amount", "amount")

    def _turned(self, near: str) -> Field | None:
        """A field that is compared with a number is a number, whatever its name says."""
        texts = [f for f in self.fields if f.kind == "text" and not f.options]
        found = matching(near, texts)
        if found is None or found.name.endswith(("number", "name")) or "character" in near:
            return None
        turned = replace(found, kind="number")
        self.fields[self.fields.index(found)] = turned
        return turned

    def _make(self, name: str, said: str) -> str:
        item = Field(name=name, said=said, kind="number")
        if all(known.name != name for known in self.known):
            self.unknown.append(item)
        return name


def _own_noun(before: str) -> str | None:
    """The last noun of what stands before a comparison, if it names a quantity."""
    found = [word for word in stems(before) if word not in _VERBS]
    for word in reversed(found):
        for numeric in (word, f"{word}s"):
            if numeric in vocabulary.NUMERIC or numeric == "status":
                return word
    return None


_VERBS = frozenset("is are be has have must get goes if when the it".split())


def parts(sentence: str) -> list[str]:
    """A sentence in pieces, each with one condition at most where its commas allow that."""
    pieces = re.split(
        r"(?:\s*[,;]|:(?=\s))\s*(?:and |but |or |then )?|\s+(?=\b(?:otherwise|else|but)\b)|\s+and (?=if\b)|\s+\bwhile\b\s+",
        sentence,
    )
    return [piece.strip() for piece in pieces if piece and piece.strip()]
