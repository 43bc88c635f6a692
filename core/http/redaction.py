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
_LINE_BREAK = r"\s*+"  # as mail, PEM and the tools of the command line write it
_JSON_ESCAPES = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


class Redactor:
    """Takes secrets out of texts, in the forms in which a server may write them."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = [form for value in values for form in (spelt(value), *encoded(value))]
        self._pattern = re.compile("|".join(forms)) if forms else None

    def __bool__(self) -> bool:
        """Whether there is anything to take out."""
        return self._pattern is not None

    def text(self, text: str) -> str:
        """The text without them."""
        return text if self._pattern is None else self._pattern.sub(REDACTED, text)

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


def spelt(value: str) -> str:
    """A pattern of the value in which every odd character may be escaped as one likes.

    In the way of URLs (once or twice), HTML, JSON, CSV or Python; letters and digits stay.
    """
    return "".join(
        character
        if _PLAIN.fullmatch(character)
        else "(?:" + "|".join(sorted(_spellings(character), key=len, reverse=True)) + ")"
        for character in value
    )


def encoded(value: str) -> set[str]:
    """Patterns of the value in hexadecimal and in base64, and with every letter escaped."""
    raw = value.encode("utf-8", errors="surrogatepass")
    found = {in_base64(raw, a, shift) for a in (_BASE64, _URL_SAFE) for shift in range(3)}
    throughout = {
        raw.hex(),
        *("".join(f"{mark}{byte:02x}" for byte in raw) for mark in ("%", "%25", r"\\x")),
        "".join(f"&#0*{ord(character)};" for character in value),
        "".join(f"&#x0*{ord(character):x};" for character in value),
    }
    return found | {f"(?i:{form})" for form in throughout}


def in_base64(raw: bytes, alphabet: str, shift: int) -> str:
    """A pattern of the bytes in base64, where so many other bytes of their group of 3 come first.

    The characters at both ends may hold bits of what stands beside the value, which may be
    anything: they go as a whole, so that no bit of the value is left. Lines may be broken anywhere.
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
    return _LINE_BREAK.join(characters)


def _spellings(character: str) -> set[str]:
    """Patterns of the ways to write one character."""
    raw = character.encode("utf-8", errors="surrogatepass")
    units = character.encode("utf-16-be", errors="surrogatepass").hex()
    code = ord(character)
    escaped = "".join(rf"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))
    found = {
        re.escape(character),
        r"\\" + re.escape(character),
        f"(?i:{escaped})",
        "(?i:" + "".join(rf"\\x{byte:02x}" for byte in raw) + ")",
        "(?i:" + "".join(f"%(?:25)?{byte:02x}" for byte in raw) + ")",
        f"&#0*{code};",
        f"(?i:&#x0*{code:x};)",
    }
    if code < 256:
        found.add(rf"(?i:\\x{code:02x})")
    if code in codepoint2name:
        found.add(f"&{codepoint2name[code]};")
    found |= {rf"\\{letter}" for plain, letter in _JSON_ESCAPES.items() if plain == character}
    return found | {" ": {r"\+"}, '"': {'""'}, "'": {"&apos;", "''"}}.get(character, set())
