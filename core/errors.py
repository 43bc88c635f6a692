"""Errors that every floor shares. A class's first docstring line is its default message."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of an input, and where: ``steps[3].config.rules[0].when``, or "" for the whole."""

    path: str
    message: str


MAX_MESSAGE = 10_000
"""Characters of a message that are kept."""


def shortened(text: str, limit: int = MAX_MESSAGE) -> str:
    """The text, without what goes beyond the limit, but with how much that was."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]} ... ({len(text) - limit:,} characters more)"


class PlatformError(Exception):
    """The request could not be completed."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    """HTTP status of the answer."""
    permanent: ClassVar[bool] = True
    """False where the same call may succeed later without any change to its input."""
    retry_after: ClassVar[int] = 5
    """In how many seconds, where it is not permanent."""

    def __init__(self, message: str | None = None, *, problems: Sequence[Problem] = ()) -> None:
        # It may repeat what somebody's function, endpoint or input said, of whatever length.
        self.message = shortened(message) if message is not None else self.default_message()
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(self.message)

    @classmethod
    def default_message(cls) -> str:
        """The first line of the class's own docstring."""
        return (inspect.getdoc(cls) or cls.__name__).partition("\n")[0]

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.problems))


def _rebuild(
    cls: type[PlatformError], message: str, problems: tuple[Problem, ...]
) -> PlatformError:
    # Exception's own reduce would call cls(message) and lose the problems.
    rebuilt = cls(message, problems=problems)
    rebuilt.message = message
    return rebuilt


class InvalidInput(PlatformError):
    """The input is not valid."""

    code = "invalid_input"
    status = 400


class PermissionDenied(PlatformError):
    """You may not do this."""

    code = "permission_denied"
    status = 403


class NotFound(PlatformError):
    """There is no such object."""

    code = "not_found"
    status = 404


class Conflict(PlatformError):
    """The object's present state does not allow this."""

    code = "conflict"
    status = 409


class TooLarge(PlatformError):
    """The input is too large."""

    code = "too_large"
    status = 413


class KeyUnavailable(PlatformError):
    """The encryption key of this value is not available now.

    Nothing is lost or overwritten: the value can be read again once the key is back.
    """

    code = "key_unavailable"
    status = 503
    permanent = False


class KeyDestroyed(KeyUnavailable):
    """The encryption key of this value was destroyed, and the value with it."""

    code = "key_destroyed"
    status = 410
    permanent = True


class DecryptionFailed(PlatformError):
    """A stored value cannot be decrypted: it was altered, moved, or never encrypted."""

    code = "decryption_failed"
    status = 500
