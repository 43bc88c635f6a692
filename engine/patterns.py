"""Regular expressions that end: matching takes time linear in the text, whatever the pattern.

Python's `re` backtracks, so a pattern of ten characters can hang a worker. These run on the Rust
engine (the `regex` crate, through pydantic): no look-around, no back-references. As in CEL and in
JSON Schema, `\\d`, `\\w`, `\\s` and `\\b` mean ASCII; `\\p{L}` is any letter.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_LENGTH = 200
"""Characters of a pattern."""
MAX_WEIGHT = 5_000
"""Length times counted repetitions: what compiling takes, at most about 10 ms and 2 MB."""

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_COUNT = re.compile(r"\{([0-9]+)(?:,([0-9]*))?\}")
_LETTERS_WEIGHT = 300  # a Unicode class such as \p{L} compiles to thousands of ranges
_ASCII = {
    "d": "[0-9]",
    "w": "[0-9A-Za-z_]",
    "s": r"[\t-\r ]",
    "D": "[^0-9]",
    "W": "[^0-9A-Za-z_]",
    "S": r"[^\t-\r ]",
    "b": r"(?-u:\b)",
    "B": r"(?-u:\B)",
}


class BadPattern(ValueError):
    """The pattern cannot be used; the message says why."""


@lru_cache(maxsize=256)
def _compile(pattern: str) -> SchemaValidator:
    if len(pattern) > MAX_LENGTH:
        raise BadPattern(f"the pattern is longer than {MAX_LENGTH} characters")
    weight = len(pattern) + _LETTERS_WEIGHT * len(re.findall(r"\\[pP]", pattern))
    for least, most in _COUNT.findall(pattern):
        weight *= max(1, int((most or least)[:6]))
    if weight > MAX_WEIGHT:
        raise BadPattern("the pattern repeats too much: use + or * and check the length apart")
    ascii_pattern = _ESCAPE.sub(lambda found: _ASCII.get(found[1], found[0]), pattern)
    try:
        return SchemaValidator(
            core_schema.str_schema(pattern=ascii_pattern, regex_engine="rust-regex", strict=True)
        )
    except SchemaError as error:
        reason = str(error).strip().splitlines()[-1].rpartition("rror:")[2].strip()
        raise BadPattern(
            f"not a pattern of the linear-time dialect (RE2): {reason[:200]}"
        ) from None


def fault(pattern: str) -> str | None:
    """Why the pattern cannot be used, or None where it can."""
    try:
        _compile(pattern)
    except BadPattern as error:
        return str(error)
    return None


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern occurs anywhere in the text; `^` and `$` anchor it to the ends.

    Raises:
        BadPattern: the pattern cannot be used.
    """
    return _compile(pattern).isinstance_python(text)
