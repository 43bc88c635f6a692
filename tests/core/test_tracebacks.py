"""What logs say of an exception: its type and places, never its words."""

from __future__ import annotations

import pytest

from core.tracebacks import places

CANARY = "CANARY-in-a-message"


def _number(text: str) -> int:
    return int(text)


def _chained(text: str) -> None:
    try:
        _number(text)
    except ValueError as error:
        raise RuntimeError(f"not a number: {text}") from error


def _while_handling(text: str) -> None:
    try:
        _number(text)
    except ValueError:
        raise KeyError(text)  # noqa: B904


def _group(text: str) -> None:
    raise ExceptionGroup(text, [KeyError(text), ExceptionGroup(text, [OSError(text)])])


def _endless(text: str) -> None:
    _endless(text)


def _circle(text: str) -> None:
    first, second = KeyError(text), OSError(text)
    first.__cause__, second.__cause__ = second, first
    first.add_note(text)
    raise first


@pytest.mark.parametrize(
    ("raises", "told"),
    [
        (_number, ["builtins.ValueError", "in _number"]),
        (_chained, ["builtins.RuntimeError", "in _chained", "caused by builtins.ValueError"]),
        (_while_handling, ["builtins.KeyError", "while handling builtins.ValueError"]),
        (_group, ["ExceptionGroup", "with builtins.KeyError", "with builtins.OSError"]),
        (_endless, ["builtins.RecursionError", "more)"]),
        (_circle, ["builtins.KeyError", "caused by builtins.OSError"]),
    ],
)
def test_types_and_places_without_words(raises: object, told: list[str]) -> None:
    assert callable(raises)
    with pytest.raises(Exception) as caught:
        raises(CANARY)
    text = places(caught.value)
    assert CANARY not in text
    assert all(each in text for each in told), text
    assert f'File "{__file__}", line ' in text
    assert len(text) < 20_000
