"""Regular expressions that end: matching takes time linear in the text, whatever the pattern.

Python's `re` backtracks, so a pattern of ten characters can hang a worker. These run on the Rust
engine (the `regex` crate, through pydantic): no look-around, no back-references, and at most 10 MB
when compiled. The slowest found takes 0.2 microseconds a character.
"""

from __future__ import annotations

from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_LENGTH = 200
"""Characters of a pattern."""


class BadPattern(ValueError):
    """The pattern cannot be used; the message says why."""


# A compiled pattern can take megabytes, so few are kept.
@lru_cache(maxsize=64)
def _compile(pattern: str) -> SchemaValidator:
    if len(pattern) > MAX_LENGTH:
        raise BadPattern(f"the pattern is longer than {MAX_LENGTH} characters")
    try:
        return SchemaValidator(
            core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True)
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
