"""Taking secrets out of whatever a server sends back. Pure."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from html.entities import codepoint2name
from typing import Any

from core.errors import PlatformError, Problem

REDACTED = "[secret]"

_PLAIN = re.compile(r"[A-Za-z0-9]", re.ASCII)
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
    """Patterns of the value in hexadecimal and in base64, and with every letter escaped.

    In base64 a value looks different at each of three offsets, and its neighbours share the
    characters at its ends: the patterns are of what lies between.
    """
    raw = value.encode("utf-8", errors="surrogatepass")
    found = {
        encode(b"\0" * shift + raw)[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6].decode()
        for encode in (b64encode, urlsafe_b64encode)
        for shift in range(3)
    }
    throughout = {
        raw.hex(),
        *("".join(f"{mark}{byte:02x}" for byte in raw) for mark in ("%", "%25", r"\\x")),
        "".join(f"&#0*{ord(character)};" for character in value),
        "".join(f"&#x0*{ord(character):x};" for character in value),
    }
    return {re.escape(form) for form in found} | {f"(?i:{form})" for form in throughout}


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
