"""The functions that expressions may call. All are pure: none reads a clock or draws a number.

`x.f(y)` and `f(x, y)` are the same call.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from engine import patterns
from engine.values import Failed, Meter, kind, number, settled, text, written

MAX_TEXT = 1_000_000
"""Characters of a text that `join` makes or `matches` searches."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}\Z", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?\Z", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(h|ms|m|s)", re.ASCII)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@dataclass(frozen=True, slots=True)
class Formula:
    """What a function of expressions does, with `least` to `most` arguments (None: any number)."""

    least: int
    most: int | None
    call: Callable[..., Any]

    def fault(self, count: int) -> str | None:
        """What is wrong with calling it with so many arguments, or None."""
        if self.least <= count and (self.most is None or count <= self.most):
            return None
        if self.most is None:
            return f"at least {self.least} arguments"
        most = f" to {self.most}" if self.most != self.least else ""
        return f"{self.least}{most} argument{'s' if self.most != 1 else ''}"


# -- texts


def size(meter: Meter, value: Any) -> int:
    """Characters of a text, elements of a list, keys of a map."""
    if isinstance(value, str | list | dict):
        return len(value)
    raise Failed(f"{kind(value)} has no size")


def contains(meter: Meter, value: Any, part: Any) -> bool:
    return text(part) in text(value)


def starts_with(meter: Meter, value: Any, part: Any) -> bool:
    return text(value).startswith(text(part))


def ends_with(meter: Meter, value: Any, part: Any) -> bool:
    return text(value).endswith(text(part))


def matches(meter: Meter, value: Any, pattern: Any) -> bool:
    """Whether the pattern occurs in the text; see `engine.patterns`."""
    if len(text(value)) > MAX_TEXT:
        raise Failed(f"'matches' searches at most {MAX_TEXT:,} characters")
    meter.spend(2 * len(value))
    return patterns.matches(pattern, value)  # `rules` admits only patterns that can be used


def lower(meter: Meter, value: Any) -> str:
    return text(value).lower()


def upper(meter: Meter, value: Any) -> str:
    return text(value).upper()


def trim(meter: Meter, value: Any) -> str:
    return text(value).strip()


def join(meter: Meter, values: Any, separator: Any = "") -> str:
    """The texts of a list, one after the other."""
    parts = [text(part) for part in _list(values)]
    between = text(separator)
    length = sum(map(len, parts)) + len(between) * len(parts)
    if length > MAX_TEXT:
        raise Failed(f"'join' makes at most {MAX_TEXT:,} characters")
    meter.spend(length // 8)
    return between.join(parts)


def string(meter: Meter, value: Any) -> str:
    """Any value as a text: 5 for 5.0, lists and maps as JSON, times as ISO 8601."""
    return written(settled(value, meter))


# -- numbers


def to_double(meter: Meter, value: Any) -> Any:
    """A number, or the number that a text holds."""
    if isinstance(value, str):
        if not _DECIMAL.match(value.strip()):
            raise Failed("the text is not a number")
        return number(float(value))
    return number(value)


def to_int(meter: Meter, value: Any) -> int:
    """A number without its fraction, the whole number that a text holds, seconds since 1970."""
    if isinstance(value, datetime):
        return math.floor(value.timestamp())
    if isinstance(value, str):
        if not _WHOLE.match(value.strip()):
            raise Failed("the text is not a whole number")
        value = int(value)
    return int(number(int(number(value))))


def total(meter: Meter, values: Any) -> Any:
    """The sum of a list of numbers; 0 of an empty one."""
    return _sum(_numbers(values))


def lowest(meter: Meter, *values: Any) -> Any:
    return min(_some(_numbers(values[0] if len(values) == 1 else values), 1))


def highest(meter: Meter, *values: Any) -> Any:
    return max(_some(_numbers(values[0] if len(values) == 1 else values), 1))


def average(meter: Meter, values: Any) -> Any:
    """The arithmetic mean."""
    numbers = _some(_numbers(values), 1)
    return number(_sum(numbers) / len(numbers))


def deviation(meter: Meter, values: Any) -> Any:
    """The standard deviation of a sample (divided by n - 1)."""
    numbers = _some(_numbers(values), 2)
    mean = _sum(numbers) / len(numbers)
    return math.sqrt(_sum([(x - mean) * (x - mean) for x in numbers]) / (len(numbers) - 1))


def root(meter: Meter, value: Any) -> float:
    if number(value) < 0:
        raise Failed("a negative number has no square root")
    return math.sqrt(value)


def absolute(meter: Meter, value: Any) -> Any:
    return number(abs(number(value)))


def floor(meter: Meter, value: Any) -> Any:
    return number(math.floor(number(value)))


def ceil(meter: Meter, value: Any) -> Any:
    return number(math.ceil(number(value)))


def rounded(meter: Meter, value: Any, digits: Any = 0) -> Any:
    """Rounds as on paper: halves away from zero, by the digits that are written (2.675 -> 2.68)."""
    if not (isinstance(digits, int | float) and 0 <= digits <= 12 and digits == int(digits)):
        raise Failed("'round' keeps 0 to 12 digits")
    if abs(number(value)) >= 1e15:  # no fraction left to round
        return value
    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-int(digits)), ROUND_HALF_UP)
    return float(exact) if digits else int(exact)


def _sum(numbers: list[Any]) -> Any:
    if all(type(x) is int for x in numbers):
        return number(sum(numbers))
    try:
        return number(math.fsum(numbers))
    except OverflowError:
        raise Failed("a number is too large") from None


def _numbers(values: Any) -> list[Any]:
    return [number(value) for value in _list(values)]


def _list(values: Any) -> list[Any]:
    if not isinstance(values, list | tuple):
        raise Failed(f"a list is needed, not {kind(values)}")
    return list(values)


def _some(numbers: list[Any], count: int) -> list[Any]:
    if len(numbers) < count:
        raise Failed(f"a list of at least {count} is needed, this one has {len(numbers)}")
    return numbers


# -- times


def timestamp(meter: Meter, value: Any) -> datetime:
    """A point in time from ISO 8601 with an offset (`Z`, `+02:00`); of a date, its start in UTC."""
    if isinstance(value, datetime):
        return value
    written_time = text(value)
    try:
        moment = datetime.fromisoformat(written_time)
        if moment.tzinfo is None and len(written_time) == 10:
            moment = moment.replace(tzinfo=UTC)
        if moment.tzinfo is None:
            raise Failed("the text is a time without an offset such as Z or +02:00")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Failed("the text is not a time such as 2024-03-05T10:20:30Z or 2024-03-05") from None


def duration(meter: Meter, value: Any) -> timedelta:
    """A length of time from a text such as `1h30m`, `90s`, `-500ms`."""
    if isinstance(value, timedelta):
        return value
    written_time = text(value)
    meter.spend(2 * len(written_time))
    body = written_time.removeprefix("-")
    if not body or _DURATION.sub("", body):
        raise Failed("the text is not a duration such as 1h30m or 90s")
    seconds = sum(float(count) * _SECONDS[unit] for count, unit in _DURATION.findall(body))
    try:
        return timedelta(seconds=-seconds if body != written_time else seconds)
    except OverflowError:
        raise Failed("a length of time is out of range") from None


def _part(of_time: Callable[[datetime], int], seconds: int | None = None) -> Callable[..., int]:
    """A part of a point in time (UTC), or the whole units of so many seconds in a duration."""

    def part(meter: Meter, value: Any) -> int:
        if isinstance(value, datetime):
            return of_time(value)
        if isinstance(value, timedelta) and seconds is not None:
            return int(value.total_seconds() / seconds)
        raise Failed(f"{kind(value)} has no such part of a time")

    return part


FORMULAS: dict[str, Formula] = {
    "size": Formula(1, 1, size),
    "contains": Formula(2, 2, contains),
    "startsWith": Formula(2, 2, starts_with),
    "endsWith": Formula(2, 2, ends_with),
    "matches": Formula(2, 2, matches),
    "lower": Formula(1, 1, lower),
    "upper": Formula(1, 1, upper),
    "trim": Formula(1, 1, trim),
    "join": Formula(1, 2, join),
    "string": Formula(1, 1, string),
    "double": Formula(1, 1, to_double),
    "int": Formula(1, 1, to_int),
    "sum": Formula(1, 1, total),
    "min": Formula(1, None, lowest),
    "max": Formula(1, None, highest),
    "avg": Formula(1, 1, average),
    "stdev": Formula(1, 1, deviation),
    "sqrt": Formula(1, 1, root),
    "abs": Formula(1, 1, absolute),
    "floor": Formula(1, 1, floor),
    "ceil": Formula(1, 1, ceil),
    "round": Formula(1, 2, rounded),
    "timestamp": Formula(1, 1, timestamp),
    "duration": Formula(1, 1, duration),
    "getFullYear": Formula(1, 1, _part(lambda time: time.year)),
    "getMonth": Formula(1, 1, _part(lambda time: time.month - 1)),  # CEL counts them from 0
    "getDate": Formula(1, 1, _part(lambda time: time.day)),
    "getDayOfWeek": Formula(1, 1, _part(lambda time: time.isoweekday() % 7)),  # Sunday is 0
    "getHours": Formula(1, 1, _part(lambda time: time.hour, 3600)),
    "getMinutes": Formula(1, 1, _part(lambda time: time.minute, 60)),
    "getSeconds": Formula(1, 1, _part(lambda time: time.second, 1)),
}
