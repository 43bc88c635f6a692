"""What a template's sample run is expected to come to, compared with what it came to. Pure.

`expected` of a template: `{"status", "results", "steps": {step id: status}, "answers": {step id:
answer}}`, all but `status` optional. `answers` are what people say where a step waits for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from core.json import JsonObject, format_path

# Far below what anybody reads off a report, far above what another order of adding changes.
_TOLERANCE = 1e-6


def differences(
    expected: JsonObject, *, status: str, results: Any, steps: Mapping[str, str]
) -> list[str]:
    """Where a run differs from what was expected, one line each; empty where the outcome holds.

    Objects may hold more than expected, lists may not. Numbers may differ by a millionth.
    """
    actual = {"status": status, "results": results, "steps": dict(steps)}
    wanted = {key: expected[key] for key in actual if key in expected}
    return list(_differences(wanted, actual, ()))


def _differences(wanted: Any, actual: Any, path: tuple[str | int, ...]) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(actual, dict):
        for key, value in wanted.items():
            if key in actual:
                yield from _differences(value, actual[key], (*path, key))
            else:
                yield f"{format_path((*path, key))}: missing"
    elif isinstance(wanted, list) and isinstance(actual, list) and len(wanted) == len(actual):
        for n, (value, other) in enumerate(zip(wanted, actual, strict=True)):
            yield from _differences(value, other, (*path, n))
    elif not _same(wanted, actual):
        yield f"{format_path(path)}: expected {_shown(wanted)}, got {_shown(actual)}"


def _same(wanted: Any, actual: Any) -> bool:
    if _is_number(wanted) and _is_number(actual):
        return math.isclose(wanted, actual, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    # Python holds true and 1 for equal.
    return type(wanted) is type(actual) and bool(wanted == actual)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
