"""The boundary parser: JSON from outside, with caps, before anything else looks at it.

Refused: too many bytes (before parsing), too deep, duplicate keys, NUL and lone surrogates,
NaN and Infinity, integers beyond 2^53 (a browser would round them). No check recurses, so no
document can reach the interpreter's recursion limit.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

from core.errors import InvalidInput, Problem, TooLarge

JsonObject = dict[str, Any]

DEFAULT_MAX_BYTES = 1024 * 1024
DEFAULT_MAX_DEPTH = 64
MAX_INTEGER = 2**53
MAX_PROBLEMS = 20

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_BAD_CHARACTER = re.compile("[\x00\ud800-\udfff]")
# Without escapes nothing can be wrong with these, which are most of a large document.
_HARMLESS = frozenset({str, bool, type(None)})
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = [0] * 256
for _bracket, _change in zip(b"[{]}", (1, 1, -1, -1), strict=True):
    _STEP[_bracket] = _change


class _Refused:
    """Stands in the parsed document where the parser met what JSON's rules or ours forbid."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message


def parse_json(
    raw: bytes, *, max_bytes: int = DEFAULT_MAX_BYTES, max_depth: int = DEFAULT_MAX_DEPTH
) -> Any:
    """The value of a JSON document in UTF-8.

    Raises TooLarge beyond `max_bytes`, InvalidInput (with the paths of up to 20 problems) for the
    rest. `max_depth` counts arrays and objects around the innermost value.
    """
    if len(raw) > max_bytes:
        raise TooLarge(f"The JSON document is larger than {max_bytes} bytes.")
    if _depth(raw) > max_depth:
        raise InvalidInput(f"The JSON document is nested deeper than {max_depth} levels.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The JSON document is not UTF-8 (byte {error.start}).") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_constant=lambda name: _Refused(f"{name} is not a JSON number"),
        )
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        ) from None
    # Only escapes can bring them: UTF-8 has no surrogates, JSON no raw control characters.
    check_json(value, max_depth=max_depth, check_text=b"\\u" in raw)
    return value


def check_json(value: Any, *, max_depth: int = DEFAULT_MAX_DEPTH, check_text: bool = True) -> None:
    """Raise InvalidInput where a Python value is not JSON within the boundary's rules.

    For values that do not come from `parse_json`: what a function or a library returned.
    """
    problems: list[Problem] = []
    # One iterator and one key a level: the walk's memory does not grow with the document.
    path: list[Any] = [None]
    walk: list[Iterator[tuple[Any, Any]]] = [iter([(None, value)])]
    while walk and len(problems) < MAX_PROBLEMS:
        for key, item in walk[-1]:
            if not check_text and type(item) in _HARMLESS:
                continue
            path[-1] = key
            fault = _fault(key, item, check_text)
            if fault is None and isinstance(item, (dict, list, tuple)):
                if len(walk) <= max_depth:
                    walk.append(iter(item.items() if isinstance(item, dict) else enumerate(item)))
                    path.append(None)
                    break
                fault = f"is nested deeper than {max_depth} levels"
            if fault is not None:
                problems.append(Problem(format_path(path[1:]), fault))
                if len(problems) == MAX_PROBLEMS:
                    break
        else:
            walk.pop()
            path.pop()
    if problems:
        where = problems[0].path or "the document"
        raise InvalidInput(
            f"The JSON document is not valid: {where} {problems[0].message}.", problems=problems
        )


def format_path(parts: Iterable[str | int]) -> str:
    """Keys by dots, indexes and odd keys in brackets: `steps[3].config["odd key"]`. ASCII only."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif _IDENTIFIER.match(part):
            path += f".{part}" if path else part
        else:
            # ASCII, since a lone surrogate in an error message could not be sent.
            path += f"[{json.dumps(part[:80])}]"
    return path


def _fault(key: Any, item: Any, check_text: bool) -> str | None:
    if check_text and isinstance(key, str) and _BAD_CHARACTER.search(key):
        return "has NUL or a lone surrogate in its key"
    match item:
        case str():
            if check_text and _BAD_CHARACTER.search(item):
                return "holds NUL or a lone surrogate"
        case None | bool() | list() | tuple():
            pass
        case int():
            if not -MAX_INTEGER <= item <= MAX_INTEGER:
                return "is an integer beyond 2^53; send it as text"
        case float():
            if not math.isfinite(item):
                return "is not a finite number"
        case dict():
            for kind in set(map(type, item)):
                if not issubclass(kind, str):
                    return f"has a key that is not text but {kind.__name__}"
        case _Refused():
            return item.message
        case _:
            return f"is not a JSON value but {type(item).__name__}"
    return None


def _depth(raw: bytes) -> int:
    # Without escaped quotes, every second piece between quotes lies outside of strings. Where the
    # text is not JSON this may count too much, never too little of what the parser will enter.
    outside = b"".join(raw.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2])
    brackets = outside.translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                result[key] = _Refused("is a duplicate key")
            seen.add(key)
    return result


def _integer(digits: str) -> int | _Refused:
    # 2^53 has 16 digits; int() of thousands of digits is slow, and refused by Python itself.
    return (
        int(digits) if len(digits) <= 17 else _Refused("is an integer beyond 2^53; send it as text")
    )
