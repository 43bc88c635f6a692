"""Where an exception came from, for logs: types and places. Pure.

Messages, notes and values are left out: code that users wrote puts payloads into them, which are
nowhere kept in the clear.
"""

from __future__ import annotations

import traceback

_MAX_FRAMES = 50  # of one exception
_MAX_EXCEPTIONS = 20


def places(error: BaseException) -> str:
    """The types and frames of an exception, of those it followed and of those in its group."""
    parts: list[str] = []
    _add(error, "", parts, set())
    return "\n".join(parts)


def _add(error: BaseException, how: str, parts: list[str], seen: set[int]) -> None:
    if id(error) in seen or len(seen) == _MAX_EXCEPTIONS:
        return
    seen.add(id(error))
    parts.append(f"{how}{type(error).__module__}.{type(error).__qualname__}")
    parts.extend(_frames(error))
    if error.__cause__ is not None:
        _add(error.__cause__, "caused by ", parts, seen)
    elif error.__context__ is not None and not error.__suppress_context__:
        _add(error.__context__, "while handling ", parts, seen)
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            _add(inner, "with ", parts, seen)


def _frames(error: BaseException) -> list[str]:
    found = [
        f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_qualname}'
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    if len(found) <= _MAX_FRAMES:
        return found
    half = _MAX_FRAMES // 2
    return [*found[:half], f"  ... ({len(found) - 2 * half} more)", *found[-half:]]
