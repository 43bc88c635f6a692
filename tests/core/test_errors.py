from __future__ import annotations

import pickle

import pytest

from core import errors
from core.errors import InvalidInput, PlatformError, Problem

CASES: list[tuple[type[PlatformError], str, int, bool]] = [
    (errors.InvalidInput, "invalid_input", 400, True),
    (errors.PermissionDenied, "permission_denied", 403, True),
    (errors.NotFound, "not_found", 404, True),
    (errors.Conflict, "conflict", 409, True),
    (errors.TooLarge, "too_large", 413, True),
    (errors.KeyUnavailable, "key_unavailable", 503, False),
    (errors.DecryptionFailed, "decryption_failed", 500, True),
]


@pytest.mark.parametrize(("cls", "code", "status", "permanent"), CASES)
def test_codes(cls: type[PlatformError], code: str, status: int, permanent: bool) -> None:
    assert (cls.code, cls.status, cls.permanent) == (code, status, permanent)


def test_the_docstrings_first_line_is_the_default_message() -> None:
    assert str(errors.KeyUnavailable()) == "The encryption key of this value is not available now."
    assert InvalidInput("Other.").message == "Other."


def test_an_error_survives_pickling_with_its_problems() -> None:
    error = pickle.loads(pickle.dumps(InvalidInput("No.", problems=[Problem("a[0]", "is odd")])))  # noqa: S301
    assert (type(error), error.message) == (InvalidInput, "No.")
    assert error.problems == (Problem("a[0]", "is odd"),)
