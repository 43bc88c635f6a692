"""A requirement's text in a plainer form: sentences, numbers as digits, names as words."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

MAX_TEXT = 8_000
MAX_SENTENCE = 400
"""Characters; a longer sentence is read in pieces."""

_URL = re.compile(r"https?://[^\s<>\"')\]]+[^\s<>\"')\].,;:!?]/?")
_MASK = re.compile(r"\bURL(\d{1,6})\b")
_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+")
_END = re.compile(r"(?<=[.!?;])\s+|\n+")
_GROUPED = re.compile(r"\b\d{1,3}(?:[ ,']\d{3})+\b(?!\s*(?:[.,]\d{3}))")
_SUFFIXED = re.compile(r"\b(\d+(?:\.\d+)?)\s?(k|thousand|million|m)\b(?!\s*(?:\d|²|2))", re.I)
_SCALE = {"k": 1_000, "thousand": 1_000, "million": 1_000_000, "m": 1_000_000}
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_VALUES = {word: n for n, word in enumerate(_UNITS)} | {
    word: (n + 2) * 10 for n, word in enumerate(_TENS)
}
_FACTORS = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_SPELLED = re.compile(
    rf"\b(?:an?\s+(?={'|'.join(_FACTORS)}))?(?:(?:{'|'.join((*_VALUES, *_FACTORS))})\b[\s-]*)+",
    re.I,
)
# They stand for no quantity where they stand alone.
_NO_QUANTITY = {"one", "zero"}
_ARTICLES = re.compile(
    r"^(?:(?:a|an|the|their|his|her|its|our|your|my|any|all|each|every|some|this|that|these|those"
    r"|given|stated|please|also|then|only|just|as well as|plus|and|or|both|either)\s+)+",
    re.I,
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_POSSESSIVE = re.compile(r"['’]s?\b")
_STOP = frozenset(
    "a an the of in on at to for from by with and or is are be it its as per each their this that"
    " our your my will shall".split()
)
_RESERVED = frozenset(
    "as break const continue else false for function if import in let loop namespace null package"
    " return true var void while inputs steps run value output".split()
)


@dataclass(frozen=True, slots=True)
class Text:
    """A requirement, taken apart.

    Attributes:
        sentences: in order, each with URLs as `URL0`, `URL1` ... and numbers as digits.
        urls: what these stand for.
        originals: the sentences as they were written, but for the marks of URLs.
    """

    sentences: tuple[str, ...]
    urls: tuple[str, ...]
    originals: tuple[str, ...] = ()

    def written(self, n: int) -> str:
        """A sentence as it was written."""
        return self.shown(self.originals[n])

    def shown(self, sentence: str) -> str:
        """A sentence with its URLs."""
        return _MASK.sub(self._url, sentence)

    def _url(self, found: re.Match[str]) -> str:
        n = int(found[1])
        return self.urls[n] if n < len(self.urls) else found[0]


def read(text: str) -> Text:
    """Takes a requirement apart. The same text gives the same."""
    text = text[:MAX_TEXT].replace("’", "'").replace("\u00a0", " ").replace("\u202f", " ")
    text = re.sub(r"[“”„]", '"', text)
    urls: list[str] = []

    def mask(found: re.Match[str]) -> str:
        urls.append(found[0])
        return f"URL{len(urls) - 1}"

    text = _URL.sub(mask, text)
    text = re.sub(r"\b(?:e\.g|i\.e|etc|approx|no|nr)\.(?=\s+\S)", _without_dot, text, flags=re.I)
    originals = []
    for part in _END.split(text):
        sentence = re.sub(r"\s+", " ", _BULLET.sub("", part).strip().rstrip(".!;").strip())
        # Patterns take more than linear time: nothing that people write is so long.
        pieces = textwrap.wrap(sentence, MAX_SENTENCE, break_on_hyphens=False)
        originals += [piece for piece in pieces if _WORD.search(piece)]
    return Text(tuple(map(normal, originals)), tuple(urls), tuple(originals))


def normal(sentence: str) -> str:
    """A sentence with its numbers as digits."""
    sentence = re.sub(r"\be-mail", "email", sentence, flags=re.I)
    sentence = _GROUPED.sub(lambda found: re.sub(r"[ ,']", "", found[0]), sentence)
    sentence = _SUFFIXED.sub(_scaled, sentence)
    return _SPELLED.sub(_digits, sentence).strip()


def _without_dot(found: re.Match[str]) -> str:
    return found[0].replace(".", "")


def _scaled(found: re.Match[str]) -> str:
    return plain(float(found[1]) * _SCALE[found[2].lower()])


def _digits(found: re.Match[str]) -> str:
    words = re.findall(r"[a-z]+", found[0].lower())
    end = " " if found[0][-1:].isspace() else ""
    if words == ["a"] or (len(words) == 1 and words[0] in _NO_QUANTITY):
        return found[0]
    total = current = 0
    for word in words:
        if word in _FACTORS:
            current = max(current, 1) * _FACTORS[word]
            if _FACTORS[word] > 100:
                total, current = total + current, 0
        else:
            current += _VALUES.get(word, 0)
    return f"{total + current}{end}"


def plain(number: float) -> str:
    """A number as expressions have it: 10, 0.25."""
    return str(int(number)) if number == int(number) else f"{number:.10f}".rstrip("0")


def bare(phrase: str) -> str:
    """A phrase without articles and what surrounds it."""
    phrase = phrase.strip(" \t,.:;!?\"'()-")
    return _ARTICLES.sub("", phrase).strip()


def slug(phrase: str) -> str:
    """A phrase as a name: `expense claim's amount` -> `expense_claim_amount`."""
    words = _WORD.findall(_POSSESSIVE.sub("", bare(phrase).lower()))
    kept = [re.sub(r"[^a-z0-9]", "", word) for word in words if word not in _STOP]
    name = "_".join(filter(None, kept))[:60].strip("_") or "value"
    if name[0].isdigit():
        name = f"n_{name}"
    return f"{name}_given" if name in _RESERVED else name


def stem(word: str) -> str:
    """A word without its most usual endings, to compare it with others."""
    word = word.lower()
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + instead
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


def stems(phrase: str) -> list[str]:
    """The telling words of a phrase, without endings, in order."""
    words = _WORD.findall(_POSSESSIVE.sub("", phrase.lower()))
    return [stem(word) for word in words if word not in _STOP]


def label(phrase: str) -> str:
    """A phrase as a heading."""
    phrase = bare(phrase)
    return phrase[:1].upper() + phrase[1:]
