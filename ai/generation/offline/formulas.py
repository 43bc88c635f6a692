"""Calculations that a requirement states, as expressions over its fields."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from ai.generation.offline.fields import Field, field, literal, matching
from ai.generation.offline.words import bare, slug, stems

_OPERATORS = (
    (re.compile(r"\s*(?:[*×]|\btimes\b|\bmultiplied (?:by|with)\b)\s*", re.I), " * "),
    (re.compile(r"\s*(?:÷|\bdivided by\b)\s*|\s+/\s+", re.I), " / "),
    (re.compile(r"\s*,?\s*(?:\+|\bplus\b)\s*", re.I), " + "),
    (
        re.compile(
            r"\s*,?\s*(?:(?<=\s)[-–−](?=\s)|\bminus\b|\bless\b(?! than)|\breduced by\b)\s*", re.I
        ),
        " - ",
    ),
)
_PERCENT_OF = re.compile(r"(\d+(?:\.\d+)?)\s*(?:%|percent|per cent)\s+of\b", re.I)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*(?:%|percent\b|per cent\b)", re.I)
_NAMED = re.compile(r"^(?P<name>[A-Za-z][\w' ]{1,60}?)\s*=\s*(?P<sum>.+)$")
_STATED = re.compile(
    r"^(?:the )?(?P<name>[A-Za-z][\w' ]{1,50}?)\s+(?:is|are|equals|comes to|amounts to|is calculated as"
    r"|is computed as|results from)\s+(?P<sum>.+)$",
    re.I,
)
_ASKED = re.compile(
    r"\b(?:comput|calculat|work(?:s|ed)? out|determin|figur\w* out|find)\w*\s+(?:the )?"
    r"(?P<name>[\w' ]{2,60}?)\s*(?::|\bas\b|=|\bfrom\b|, (?:which|that) is)\s+(?P<sum>.+)$",
    re.I,
)
_RATIO = re.compile(r"\bratio (?:of|between) (?P<a>[^,;]+?) (?:to|and|over) (?P<b>[^,;]+)$", re.I)
_DIFFERENCE = re.compile(
    r"\b(?P<kind>difference|sum|product|total) (?:between|of) (?P<a>[^,;]+?) and (?P<b>[^,;]+)$",
    re.I,
)
_MULTIPLY = re.compile(
    r"\bmultipl(?:y|ies) (?P<a>[^,;]+?) (?:by|with) (?P<b>[^,;]+?)(?=$|,| to )", re.I
)
_SUBTRACT = re.compile(r"\bsubtract(?:s)? (?P<a>[^,;]+?) from (?P<b>[^,;]+?)(?=$|,| to )", re.I)
_DIVIDE = re.compile(r"\bdivid(?:e|es) (?P<a>[^,;]+?) by (?P<b>[^,;]+?)(?=$|,| to )", re.I)
_TAX = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:%|percent)\s+(?:of )?(?P<what>vat|sales tax|tax|surcharge|commission|discount"
    r"|fee|tip|interest|rebate)\b",
    re.I,
)
_OPERATING = re.compile(r"\b(?:times|multiplied|divided|minus|plus)\b|[*×÷]", re.I)
_OVER_ROWS = (
    (
        re.compile(r"\b(?:average|mean)\s+(?:of\s+)?(?:the\s+)?(?P<what>[\w' ]+)", re.I),
        "avg",
        "average",
    ),
    (
        re.compile(r"\b(?:highest|maximum|largest|greatest)\s+(?:of\s+)?(?P<what>[\w' ]+)", re.I),
        "max",
        "highest",
    ),
    (
        re.compile(r"\b(?:lowest|minimum|smallest)\s+(?:of\s+)?(?P<what>[\w' ]+)", re.I),
        "min",
        "lowest",
    ),
    (
        re.compile(
            r"\b(?:add(?:s|ed)? up|sum(?:s|med)? up|sum of|total of|total up|sum|totals? (?:the|for))\s+"
            r"(?:all )?(?:the )?(?P<what>[\w' ]+)",
            re.I,
        ),
        "sum",
        "total",
    ),
)
_COUNT = re.compile(r"\bcount(?:s|ed|ing)?\b|\bnumber of (?P<what>\w+)|\bhow many\b", re.I)


@dataclass(frozen=True, kw_only=True, slots=True)
class Formula:
    """One value to compute.

    Attributes:
        name: of the value; said: as the text has it.
        expression: with `{field}` in the places of values.
        fields: the names that stand there.
    """

    name: str
    said: str
    expression: str
    fields: tuple[str, ...]


class Reader:
    """Reads formulas; what they name and nobody gave becomes a field.

    Attributes:
        lists: names of those formulas that give a value for each row.
    """

    def __init__(self, fields: list[Field], columns: list[Field]) -> None:
        self.fields = fields
        self.columns = columns
        self.formulas: list[Formula] = []
        self.lists: list[str] = []

    def read(self, sentence: str) -> bool:
        """Takes over what a sentence computes; whether it computes anything."""
        before = len(self.formulas)
        self._tax(sentence)
        if self.columns:
            self._rows(sentence)
        if len(self.formulas) == before:
            self._single(sentence)
        return len(self.formulas) > before

    def _single(self, sentence: str) -> None:
        clause = re.split(r"\bURL\d|;", sentence)[0]
        for pattern in (_NAMED, _ASKED, _STATED):
            found = pattern.search(clause)
            if found and self._add(found["name"], found["sum"]):
                return
        if found := _RATIO.search(clause):
            self._pair("ratio", found["a"], "/", found["b"])
        elif found := _DIFFERENCE.search(clause):
            sign = {"difference": "-", "product": "*"}.get(found["kind"].lower(), "+")
            self._pair(found["kind"].lower(), found["a"], sign, found["b"])
        elif found := _MULTIPLY.search(clause):
            self._pair(_result(clause, "product"), found["a"], "*", found["b"])
        elif found := _SUBTRACT.search(clause):
            self._pair(_result(clause, "difference"), found["b"], "-", found["a"])
        elif found := _DIVIDE.search(clause):
            self._pair(_result(clause, "quotient"), found["a"], "/", found["b"])
        elif re.search(r"\b(?:comput|calculat|work out)", clause, re.I):
            found = re.search(r"\b(?:comput|calculat|work out)\w*\s+(?P<sum>.+)$", clause, re.I)
            if found:
                self._add(_UNNAMED, found["sum"])

    def _pair(self, name: str, a: str, sign: str, b: str) -> None:
        self._add(name, f"{_cut(a)} {_SPELLED[sign]} {_cut(b)}")

    def _add(self, name: str, text: str) -> bool:
        if self.columns and self._over_columns(name, text):
            return True
        parsed = self._expression(text, self._operand)
        if parsed is None:
            return False
        expression, used = parsed
        said = bare(re.sub(r"^(?:then |so |and )", "", name.strip(), flags=re.I))
        said = bare(re.sub(r"\b(?:for|of) (?:a|an|the|each) .*$", "", said)) or said
        if len(said.split()) > 5:
            return False
        self.formulas.append(
            Formula(name=slug(said), said=said, expression=expression, fields=tuple(used))
        )
        return True

    def _over_columns(self, name: str, text: str) -> bool:
        """Takes over what is computed of each row: a list."""
        text = re.sub(r"\s+(?:for|of|in) (?:each|every|all) \w+", "", text)
        if name == _UNNAMED:
            name = _cut(text.partition(",")[0])
        per = re.sub(r"\s+per\s+", " / ", text)
        names = {column.name: column for column in self.columns}
        found = self._expression(
            per, lambda phrase: names[slug(phrase)].name if slug(phrase) in names else None
        )
        if found is None:
            return False
        for n, column in enumerate(self.columns):
            if column.name in found[1]:
                self.columns[n] = replace(column, kind="number")
        source = re.sub(r"\{(\w+)\}", r"row.\1", found[0])
        self._put(slug(name), bare(name), f"{{rows}}.map(row, {source})")
        self.lists.append(slug(name))
        return True

    def _expression(
        self, text: str, operand: Callable[[str], str | None]
    ) -> tuple[str, list[str]] | None:
        """`number of days times 2 percent` -> `{number_days} * 0.02`."""
        text = re.split(r",\s*(?:and|but|which|it|if|when|then|the)\b|\bif\b|\bwhen\b|\. ", text)[0]
        text = _PERCENT_OF.sub(lambda found: f"{literal(float(found[1]) / 100)} * ", text)
        text = _PERCENT.sub(lambda found: f"{literal(float(found[1]) / 100)} ", text)
        for pattern, sign in _OPERATORS:
            text = pattern.sub(sign, text)
        parts = re.split(r"(?<=\s)([-*/+])(?=\s)", text)
        if len(parts) < 3:
            return None
        made: list[str] = []
        used: list[str] = []
        for part in parts:
            part = part.strip()
            if part in ("+", "-", "*", "/"):
                made.append(part)
                continue
            opened, part, closed = _brackets(part)
            if re.fullmatch(r"\d+(?:\.\d+)?", part):
                made.append(f"{opened}{part}{closed}")
                continue
            name = operand(part)
            if name is None:
                return None
            used.append(name)
            made.append(f"{opened}{{{name}}}{closed}")
        expression = " ".join(made)
        if not used or expression.count("(") != expression.count(")"):
            return None
        return expression, used

    def _operand(self, phrase: str) -> str | None:
        phrase = _cut(phrase)
        if len(phrase.split()) > 6 or not phrase:
            return None
        for formula in self.formulas:
            if slug(phrase) == formula.name:
                return formula.name
        numbers = [f for f in self.fields if f.kind == "number"]
        wanted = set(stems(phrase))
        for item in numbers:
            own = set(stems(item.said))
            if own and wanted and (own <= wanted or wanted <= own):
                return item.name
        if (made := field(phrase)) is None:
            return None
        self.fields.append(Field(name=made.name, said=made.said, kind="number", unit=made.unit))
        return made.name

    def _rows(self, sentence: str) -> None:
        for pattern, call, word in _OVER_ROWS:
            for found in pattern.finditer(sentence):
                column = matching(found["what"], self.columns)
                made = next(
                    (n for n in self.lists if set(n.split("_")) <= set(stems(found["what"]))), ""
                )
                if made and column is None:
                    self._put(f"{word}_{made}", f"{word} {made}", f"{call}({{{made}}})", made)
                if column is None or column.kind == "date":
                    continue
                # What is added up is a number, whatever its name says.
                place = self.columns.index(column)
                self.columns[place] = replace(column, kind="number")
                name = f"{word}_{column.name}"
                if all(formula.name != name for formula in self.formulas):
                    self._put(
                        name,
                        f"{word} {column.said}",
                        f"{call}({{rows}}.map(row, row.{column.name}))",
                    )
        if (counted := _COUNT.search(sentence)) and not re.search(r"\bcolumns?\b", sentence):
            self._put("row_count", f"count of {counted['what'] or 'rows'}", "{rows}.size()")

    def _put(self, name: str, said: str, expression: str, of: str = "rows") -> None:
        self.formulas.append(Formula(name=name, said=said, expression=expression, fields=(of,)))

    def _tax(self, sentence: str) -> None:
        found = _TAX.search(sentence)
        # With other arithmetic beside it, what the share is of would be guessed.
        if not found or _PERCENT_OF.search(sentence) or _OPERATING.search(sentence):
            return
        share, what = literal(float(found[1]) / 100), found["what"].lower()
        if self.columns:
            self._rows(sentence)
        if self.formulas:
            base = self.formulas[-1].name
        else:
            numbers = [f for f in self.fields if f.kind == "number"]
            if not numbers:
                return
            base = (matching(sentence, numbers) or numbers[0]).name
        name = slug(what)
        self.formulas.append(
            Formula(name=name, said=what, expression=f"{{{base}}} * {share}", fields=(base,))
        )
        sign = "-" if what in ("discount", "rebate") else "+"
        gross = re.search(
            r"\b(gross(?: total| amount)?|total(?: price)?|net|final price|end price)\b",
            sentence,
            re.I,
        )
        said = gross[1] if gross and slug(gross[1]) != base else f"amount with {what}"
        self.formulas.append(
            Formula(
                name=slug(said),
                said=said,
                expression=f"{{{base}}} {sign} {{{name}}}",
                fields=(base, name),
            )
        )


_UNNAMED = "result"
_SPELLED = {"/": "divided by", "*": "times", "+": "plus", "-": "minus"}


def _result(clause: str, otherwise: str) -> str:
    """What a clause calls its result: `... to get the X`."""
    found = re.search(
        r"\bto (?:get|obtain|find|give|arrive at) (?:the )?([\w' ]{2,40})$", clause, re.I
    )
    return found[1] if found else otherwise


def _cut(phrase: str) -> str:
    phrase = re.sub(r"\s+(?:on it|for it|of it|as well|please)$", "", phrase.strip())
    return bare(phrase)


def _brackets(part: str) -> tuple[str, str, str]:
    opened = re.match(r"[(\s]*", part)
    closed = re.search(r"[)\s]*$", part)
    head = opened[0].count("(") if opened else 0
    tail = closed[0].count(")") if closed else 0
    return "(" * head, part.strip("() "), ")" * tail
