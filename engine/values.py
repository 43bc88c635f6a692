"""The values of expressions: JSON's, points in time and durations, and what operators do to them.

There is one kind of number: 10, 10.0 and 1e1 are the same, because a browser sends 10.0 as 10. So
numbers mix freely, and `/` never rounds (CEL proper: 7 / 2 is 3, and 7 * 0.5 an error). Every other
difference of type is an error. Work is charged to a `Meter` wherever it grows with the data.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any

MAX_DEPTH = 64
"""Lists and maps around the innermost value of a result, as in every JSON document."""

_KINDS: dict[type, str] = {
    NoneType: "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a map",
    datetime: "a timestamp",
    timedelta: "a duration",
}
_NUMBERS = frozenset({int, float})
_CERTAIN = frozenset({NoneType, bool, int})  # JSON whatever the value
_ORDERED = frozenset({bool, str, datetime, timedelta})


class Failed(Exception):
    """The expression has no value; the message says why, without showing data."""


class TooMuchWork(Failed):
    """The work exceeds what one evaluation may do."""


class Meter:
    """Counts down the units of work of one evaluation; a unit is about a tenth of a microsecond."""

    __slots__ = ("left",)

    def __init__(self, units: int) -> None:
        self.left = units

    def spend(self, units: int) -> None:
        self.left -= units
        if self.left < 0:
            raise TooMuchWork("it takes too much work on data of this size")


def plain(value: Any) -> Any:
    """The value as one of the types that expressions know."""
    if type(value) in _KINDS:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, dict):
        return dict(value)
    raise Failed(f"a value of type {type(value).__name__} cannot be used")


def kind(value: Any) -> str:
    """What a message calls the value."""
    return _KINDS[type(plain(value))]


def number(value: Any) -> Any:
    """The value, which must be a finite number within 64 bits."""
    value = plain(value)
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    if type(value) in _NUMBERS:
        raise Failed("a number is too large")
    raise Failed(f"a number is needed, not {kind(value)}")


def text(value: Any) -> str:
    """The value, which must be a text."""
    value = plain(value)
    if isinstance(value, str):
        return value
    raise Failed(f"a text is needed, not {kind(value)}")


def truth(value: Any) -> bool:
    """The value, which must be true or false."""
    if value is True or value is False:
        return value
    raise Failed(f"true or false is needed, not {kind(value)}")


def add(a: Any, b: Any, meter: Meter) -> Any:
    """The sum of numbers, of times and durations; the concatenation of texts or lists."""
    if type(a) in _NUMBERS and type(b) in _NUMBERS:
        return number(a + b)
    if type(a) is type(b) and type(a) in (str, list):
        length = len(a) + len(b)
        meter.spend(length // 8 if type(a) is str else length)
        return a + b
    if isinstance(a, datetime | timedelta) and isinstance(b, datetime | timedelta):
        return _in_time(operator.add, "+", a, b)
    raise _no_operation("+", a, b)


def subtract(a: Any, b: Any, meter: Meter) -> Any:
    """The difference of numbers, of times and durations."""
    if type(a) in _NUMBERS and type(b) in _NUMBERS:
        return number(a - b)
    if isinstance(a, datetime | timedelta) and isinstance(b, datetime | timedelta):
        return _in_time(operator.sub, "-", a, b)
    raise _no_operation("-", a, b)


def multiply(a: Any, b: Any, meter: Meter) -> Any:
    """The product of numbers."""
    if type(a) in _NUMBERS and type(b) in _NUMBERS:
        return number(a * b)
    raise _no_operation("*", a, b)


def divide(a: Any, b: Any, meter: Meter) -> Any:
    """The exact quotient of numbers: 7 / 2 is 3.5, 6 / 2 is 3."""
    _check_divisor("/", a, b)
    if type(a) is int and type(b) is int and a % b == 0:
        return number(a // b)
    return number(a / b)


def remainder(a: Any, b: Any, meter: Meter) -> Any:
    """What a division leaves, with the sign of `a`."""
    _check_divisor("%", a, b)
    if type(a) is int and type(b) is int:
        return int(math.copysign(1, a)) * (abs(a) % abs(b))
    return number(math.fmod(a, b))


def _check_divisor(symbol: str, a: Any, b: Any) -> None:
    if type(a) not in _NUMBERS or type(b) not in _NUMBERS:
        raise _no_operation(symbol, a, b)
    if b == 0:
        raise Failed("division by zero")


def _in_time(operation: Callable[[Any, Any], Any], symbol: str, a: Any, b: Any) -> Any:
    try:
        return operation(a, b)
    except TypeError:
        raise _no_operation(symbol, a, b) from None
    except OverflowError:
        raise Failed("a point in time is out of range") from None


def _no_operation(symbol: str, a: Any, b: Any) -> Failed:
    return Failed(f"'{symbol}' does not go with {kind(a)} and {kind(b)}")


def _comparison(symbol: str, compare: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    def compared(a: Any, b: Any, meter: Meter) -> bool:
        if type(a) in _NUMBERS and type(b) in _NUMBERS:
            return compare(a, b)
        if type(a) is not type(b) or type(a) not in _ORDERED:
            raise _no_operation(symbol, a, b)
        if type(a) is str:
            meter.spend(min(len(a), len(b)) // 64)
        return bool(_in_time(compare, symbol, a, b))

    return compared


def equal(a: Any, b: Any, meter: Meter) -> bool:
    """Whether two values are the same; values of different kinds never are, `1 == true` neither."""
    if type(a) in _NUMBERS and type(b) in _NUMBERS:
        return bool(a == b)
    # A list of what is left to compare, not recursion: values may be much deeper than JSON's.
    waiting = [(a, b)]
    while waiting:
        x, y = map(plain, waiting.pop())
        if type(x) in _NUMBERS and type(y) in _NUMBERS:
            same = x == y
        elif type(x) is not type(y):
            same = False
        elif isinstance(x, list):
            same = len(x) == len(y)
            meter.spend(16 + 8 * len(x))
            waiting += zip(x, y, strict=False)
        elif isinstance(x, dict):
            same = x.keys() == y.keys()
            meter.spend(16 + 8 * len(x))
            waiting += [(part, y.get(key)) for key, part in x.items()]
        else:
            meter.spend(len(x) // 64 if isinstance(x, str) else 0)
            same = x == y
        if not same:
            return False
    return True


def unequal(a: Any, b: Any, meter: Meter) -> bool:
    """The opposite of `equal`."""
    return not equal(a, b, meter)


def contained(a: Any, b: Any, meter: Meter) -> bool:
    """Whether a list has an element `a`, or a map the key `a`."""
    if type(b) is list:
        meter.spend(2 * len(b))
        return any(equal(a, element, meter) for element in b)
    if type(b) is dict:
        return isinstance(a, str) and a in b
    raise Failed(f"'in' looks into a list or a map, not into {kind(b)}")


OPERATIONS: dict[str, Callable[[Any, Any, Meter], Any]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
    "==": equal,
    "!=": unequal,
    "in": contained,
    "<": _comparison("<", operator.lt),
    "<=": _comparison("<=", operator.le),
    ">": _comparison(">", operator.gt),
    ">=": _comparison(">=", operator.ge),
}


def item(container: Any, key: Any) -> Any:
    """The element of a list or map."""
    if type(container) is dict:
        if type(key) is not str:
            raise Failed(f"the key of a map is a text, not {kind(key)}")
        if key not in container:
            raise Failed(f"there is no key '{key[:80]}'")
        return plain(container[key])
    if type(container) is not list:
        raise Failed(f"{kind(container)} has no {_key_name(key)}")
    if type(key) not in _NUMBERS or key != int(key):
        raise Failed(f"a list has no {_key_name(key)}")
    if not 0 <= key < len(container):
        raise Failed(f"there is no element {int(key)}: the list has {len(container)}, from 0")
    return plain(container[int(key)])


def _key_name(key: Any) -> str:
    return f"key '{key[:80]}'" if isinstance(key, str) else "elements of such a number"


def settled(value: Any, meter: Meter, depth: int = 0) -> Any:
    """A copy of the value as plain JSON: times and durations as texts (ISO 8601; `90s`)."""
    if type(value) in _CERTAIN:
        return value
    value = plain(value)
    if isinstance(value, str):
        meter.spend(len(value) // 8)
    elif isinstance(value, list | dict):
        if depth == MAX_DEPTH:
            raise Failed(f"the result is nested deeper than {MAX_DEPTH} levels")
        # A copy of a small list takes as long as ten of its elements.
        meter.spend(10 + 2 * len(value))
        if isinstance(value, list):
            return [settled(element, meter, depth + 1) for element in value]
        if not all(isinstance(key, str) for key in value):
            raise Failed("a map has a key that is not a text")
        return {str(key): settled(part, meter, depth + 1) for key, part in value.items()}
    elif isinstance(value, float) and not math.isfinite(value):
        raise Failed("the result is not a finite number")
    elif isinstance(value, datetime):
        return value.isoformat()
    elif isinstance(value, timedelta):
        return f"{written(value.total_seconds())}s"
    return value


def written(value: Any) -> str:
    """A JSON value as it appears inside a text: `5` for 5.0, `true`, `null`, else JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
