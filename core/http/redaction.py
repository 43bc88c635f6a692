"""Taking secrets out of whatever a server sends back. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html.entities import codepoint2name
from string import ascii_letters, digits
from typing import Any

from core.errors import PlatformError, Problem

REDACTED = "[secret]"

_PLAIN = re.compile(r"[A-Za-z0-9]", re.ASCII)
_BASE64 = ascii_letters[26:] + ascii_letters[:26] + digits + "+/"
_URL_SAFE = _BASE64[:62] + "-_"
# Of what is JSON within JSON within JSON. Bounded, so that no text takes long.
_ESCAPE = r"\\{1,7}+"
_LINE_BREAK = r"\s*+"  # as mail, PEM and the tools of the command line write it
_ESCAPED_LINE_BREAK = re.compile(r"\\{1,7}[rn]|%(?:25)?0[ad]|&#1[03];", re.IGNORECASE)
_BACKSLASHES = re.compile(r"(\\+)")
_JSON_ESCAPES = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


class Redactor:
    """Takes secrets out of texts, in the forms in which a server may write them."""

    def __init__(self, values: Iterable[str]) -> None:
        found = list(values)
        self._base64 = _compiled(form for value in found for form in in_any_base64(value))
        self._pattern = _compiled(
            form for value in found for form in (spelt(value), *encoded(value))
        )

    def __bool__(self) -> bool:
        """Whether there is anything to take out."""
        return self._pattern is not None

    def text(self, text: str) -> str:
        """The text without them."""
        if self._pattern is None or self._base64 is None:
            return text
        return self._pattern.sub(REDACTED, _cut(text, self._base64))

    def value(self, value: Any) -> Any:
        """A JSON value without them, also where they are keys or numbers."""
        if self._pattern is None:
            return value
        match value:
            case dict():
                return {self.text(key): self.value(item) for key, item in value.items()}
            case list():
                return [self.value(item) for item in value]
            case str():
                return self.text(value)
            case int() | float() if self._pattern.search(json.dumps(value)):
                return REDACTED
            case _:
                return value

    def error(self, error: PlatformError) -> PlatformError:
        """The same error without them."""
        if self._pattern is None:
            return error
        problems = [Problem(self.text(p.path), self.text(p.message)) for p in error.problems]
        return type(error)(self.text(error.message), problems=problems)


def _compiled(forms: Iterable[str]) -> re.Pattern[str] | None:
    joined = "|".join(forms)
    return re.compile(joined) if joined else None


def _cut(text: str, pattern: re.Pattern[str]) -> str:
    """The text without what the pattern finds where line breaks that are escaped are spaces."""
    blank = _ESCAPED_LINE_BREAK.sub(lambda found: " " * len(found[0]), text)
    parts, end = [], 0
    for found in pattern.finditer(blank):
        parts += [text[end : found.start()], REDACTED]
        end = found.end()
    return "".join([*parts, text[end:]])


def spelt(value: str) -> str:
    """A pattern of the value in which every odd character may be escaped as one likes.

    In the way of URLs (once or twice), HTML, JSON (also within JSON), CSV or Python; letters and
    digits stay.
    """
    parts, after_run = [], False
    for part in _BACKSLASHES.split(value):
        if part.startswith("\\"):
            parts.append(_run(len(part)))
        else:
            parts += [_spelt(c, bare=after_run and not n) for n, c in enumerate(part)]
        after_run = part.startswith("\\")
    return "".join(parts)


def _spelt(character: str, *, bare: bool = False) -> str:
    """A pattern of one character. `bare`: backslashes that escape it may be matched already."""
    if _PLAIN.fullmatch(character):
        return character
    return _any(_spellings(character, escape="" if bare else _ESCAPE))


def _run(count: int) -> str:
    """A pattern of so many backslashes, with those that escape them and what follows.

    All of those that stand there are taken at once: how many belong to what is never tried out.
    """
    others = _any(_spellings("\\", escape=_ESCAPE) - {re.escape("\\"), _ESCAPE + re.escape("\\")})
    return rf"(?:\\{{{count},{8 * count + 7}}}+|{others}{{{count}}})"


def _any(patterns: set[str]) -> str:
    return "(?:" + "|".join(sorted(patterns, key=len, reverse=True)) + ")"


def encoded(value: str) -> set[str]:
    """Patterns of the value in hexadecimal, and with every letter escaped."""
    raw = value.encode("utf-8", errors="surrogatepass")
    in_json = "".join(
        f"(?i:{_in_json(character, _ESCAPE)})" if _PLAIN.fullmatch(character) else _spelt(character)
        for character in value
    )
    throughout = {
        raw.hex(),
        *("".join(f"{mark}{byte:02x}" for byte in raw) for mark in ("%", "%25", r"\\x")),
        "".join(f"&#0*{ord(character)};" for character in value),
        "".join(f"&#x0*{ord(character):x};" for character in value),
    }
    return {in_json} | {f"(?i:{form})" for form in throughout}


def in_any_base64(value: str) -> set[str]:
    """Patterns of the value in base64, at each place in a group of 3 bytes."""
    raw = value.encode("utf-8", errors="surrogatepass")
    return {in_base64(raw, a, shift) for a in (_BASE64, _URL_SAFE) for shift in range(3)}


def in_base64(raw: bytes, alphabet: str, shift: int) -> str:
    """A pattern of the bytes in base64, where so many other bytes of their group of 3 come first.

    The characters at both ends may hold bits of what stands beside the value, which may be
    anything: they go as a whole, so that no bit of the value is left. The first one may have gone
    already, with a value that ends in it. Lines may be broken anywhere.
    """
    before, after = 8 * shift, 8 * (-(shift + len(raw)) % 3)
    lowest = int.from_bytes(raw, "big") << after
    highest = lowest | (1 << after) - 1 | ((1 << before) - 1 << after + 8 * len(raw))
    groups = 4 * ((shift + len(raw) + 2) // 3)
    characters = []
    for place in range(before // 6, groups - after // 6):
        bits = 6 * (groups - 1 - place)
        low, high = lowest >> bits & 63, highest >> bits & 63
        # Where they differ is a neighbour's bit.
        fitting = range(64) if low != high else (low,)
        either = [spelt(alphabet[n]) for n in fitting if n & ~(low ^ high) == low]
        characters.append(f"(?:{'|'.join(either)})" if len(either) > 1 else either[0])
    if shift and len(characters) > 1:
        characters[:2] = [f"(?:{characters[0]}{_LINE_BREAK})?{characters[1]}"]
    return _LINE_BREAK.join(characters)


def _in_json(character: str, escape: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass").hex()
    first, *second = (units[n : n + 4] for n in range(0, len(units), 4))
    return f"{escape}u{first}" + "".join(f"{_ESCAPE}u{unit}" for unit in second)


def _spellings(character: str, *, escape: str) -> set[str]:
    """Patterns of the ways to write one character; `escape` is that of its backslashes."""
    raw = character.encode("utf-8", errors="surrogatepass")
    code = ord(character)
    found = {
        re.escape(character),
        escape + re.escape(character),
        f"(?i:{_in_json(character, escape)})",
        "(?i:" + escape + _ESCAPE.join(f"x{byte:02x}" for byte in raw) + ")",
        "(?i:" + "".join(f"%(?:25)?{byte:02x}" for byte in raw) + ")",
        f"&#0*{code};",
        f"(?i:&#x0*{code:x};)",
    }
    if code < 256:
        found.add(f"(?i:{escape}x{code:02x})")
    if code in codepoint2name:
        found.add(f"&{codepoint2name[code]};")
    if character in _JSON_ESCAPES:
        found.add(escape + _JSON_ESCAPES[character])
    return found | {" ": {r"\+"}, '"': {'""'}, "'": {"&apos;", "''"}}.get(character, set())
