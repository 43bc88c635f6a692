"""Secrets on their way into a request, and out of everything that comes back. Pure.

A step's configuration names a secret as `${secrets.crm_token}`. Filled in, it becomes a
`SecretText`, which looks, is stored and is logged as that name; the client alone turns it into the
value, after the host has been checked. Data cannot bring one along: JSON holds plain texts.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

from core.errors import PlatformError, Problem
from core.http.errors import RequestRefused
from core.http.hosts import HostPattern
from core.http.targets import Target

MIN_LENGTH = 8
"""Characters of a secret. Shorter ones could not be told from ordinary data in an answer."""
REDACTED = "[secret]"

Lookup = Callable[[str], "Secret"]
"""Name -> secret; raises UnknownSecret."""


class UnknownSecret(RequestRefused):
    """There is no such secret."""

    code = "unknown_secret"


class SecretRefused(RequestRefused):
    """The secret may not be used here."""

    code = "secret_refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """A secret and where it may go.

    Attributes:
        value: shown by no repr.
        hosts: it goes over https, except where a pattern says http.
    """

    name: str
    value: str = field(repr=False)
    hosts: tuple[HostPattern, ...]

    def goes_to(self, target: Target) -> bool:
        """Whether a request to this target may hold the value."""
        return any(
            pattern.fits(target) and (target.scheme == "https" or pattern.scheme == "http")
            for pattern in self.hosts
        )


@dataclass(frozen=True, slots=True)
class SecretName:
    """Where a secret's value will stand in a text."""

    name: str

    def __str__(self) -> str:
        return f"${{secrets.{self.name}}}"


class SecretText(str):
    """A text with places for secrets. To everybody else it is the text with their names."""

    __slots__ = ("parts",)

    parts: tuple[str | SecretName, ...]

    def __new__(cls, parts: Iterable[str | SecretName]) -> SecretText:
        kept = tuple(parts)
        text = super().__new__(cls, "".join(map(str, kept)))
        text.parts = kept
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)


class Revealer:
    """Fills secrets in for one target, and remembers which, so that they can be redacted."""

    def __init__(self, lookup: Lookup, target: Target) -> None:
        self._lookup = lookup
        self._target = target
        self._used: dict[str, Secret] = {}

    def text(self, text: str, *, encode: Callable[[str], str] = str) -> str:
        """The text with values in it. Raises UnknownSecret, SecretRefused.

        Args:
            encode: what a value must be put through at this place.
        """
        if not isinstance(text, SecretText):
            return text
        return "".join(
            encode(self._value(part.name)) if isinstance(part, SecretName) else part
            for part in text.parts
        )

    def value(self, value: Any) -> Any:
        """A JSON value whose texts have values in them."""
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def redactor(self) -> Redactor:
        """Takes the values out again that were filled in."""
        return Redactor(secret.value for secret in self._used.values())

    def _value(self, name: str) -> str:
        secret = self._used.get(name) or self._lookup(name)
        if not secret.goes_to(self._target):
            raise SecretRefused(
                f"The secret '{name}' may not be sent to {self._target.origin}: it is not among"
                " the secret's hosts (https, where they do not say http)."
            )
        self._used[name] = secret
        return secret.value


class Redactor:
    """Takes secrets out of texts, in the forms in which a server may send them back."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values for form in written_forms(value)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

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


def written_forms(value: str) -> set[str]:
    """How a value may be written: as it is, for URLs, HTML and JSON, in base64 and hexadecimal.

    In base64 a value looks different at each of three offsets, and its neighbours share the
    characters at its ends: the forms are what lies between.
    """
    raw = value.encode("utf-8", errors="surrogatepass")
    percent = {quote(raw), quote(raw, safe=""), quote_plus(raw)}
    percent |= {re.sub(r"%..", lambda match: match[0].lower(), form) for form in percent}
    text = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    text |= {form.replace("/", "\\/") for form in text}
    text |= {html.escape(value), html.escape(value, quote=False)}
    base64 = {
        encode(b"\0" * shift + raw)[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6].decode()
        for encode in (b64encode, urlsafe_b64encode)
        for shift in range(3)
    }
    return {value, raw.hex(), raw.hex().upper()} | percent | text | base64
