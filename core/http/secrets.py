"""Secrets on their way into a request. Pure.

A step's configuration names a secret as `${secrets.crm_token}`. Filled in, it becomes a
`SecretText`, which looks, is stored and is logged as that name; the client alone turns it into the
value, after the host has been checked. Data cannot bring one along: JSON holds plain texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from core.http.errors import RequestRefused
from core.http.hosts import HostPattern
from core.http.redaction import Redactor
from core.http.targets import Target

MIN_LENGTH = 8
"""Characters of a secret. Shorter ones could not be told from ordinary data in an answer."""

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
