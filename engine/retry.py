"""(error, failures, policy) -> whether and when a failed step is tried again."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Protocol

from core.errors import Problem

# Bounds of each setting: lowest, highest, what it counts.
_BOUNDS: dict[str, tuple[float, float, str]] = {
    "max_attempts": (1, 100, "attempts"),
    "delay": (0, 86_400, "seconds"),
    "backoff": (1, 10, "times"),
    "max_delay": (0, 86_400, "seconds"),
    "jitter": (0, 1, "as a share of the delay"),
}


class Failure(Protocol):
    """What retrying needs to know of an error; every PlatformError is one."""

    @property
    def permanent(self) -> bool: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often and how soon a step is tried again.

    Attributes:
        max_attempts: attempts that may fail in all, the first included; 1 means never again.
            Attempts whose worker was lost, or that found no key or database, do not count.
        delay: seconds before the second attempt.
        backoff: what each further delay is multiplied by.
        max_delay: seconds beyond which the delay does not grow.
        jitter: share of the delay by which it varies, so that many failures do not return at once.
    """

    max_attempts: int = 1
    delay: float = 1.0
    backoff: float = 2.0
    max_delay: float = 300.0
    jitter: float = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryDecision:
    """Whether the step is tried again, and after how many seconds."""

    retry: bool
    delay_seconds: float = 0.0


_NEVER = RetryDecision(retry=False)


def parse_retry(config: Any, path: str) -> tuple[RetryPolicy, list[Problem]]:
    """The policy that a definition's `retry` object describes, and what is wrong with it.

    Settings that are wrong or left out have their defaults, so that the rest can still be checked.
    """
    if not isinstance(config, dict):
        return RetryPolicy(), [Problem(path, "'retry' is an object")]
    problems = []
    settings: dict[str, Any] = {}
    for key, value in config.items():
        where = f"{path}.{key}"
        if key not in _BOUNDS:
            known = ", ".join(field.name for field in fields(RetryPolicy))
            problems.append(Problem(where, f"'retry' has no setting '{key}'; known: {known}"))
            continue
        lowest, highest, unit = _BOUNDS[key]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        # NaN fails both comparisons.
        if not number or not lowest <= value <= highest:
            message = f"'{key}' is a number from {lowest:,} to {highest:,} ({unit})"
            problems.append(Problem(where, message))
        elif key == "max_attempts" and value != int(value):
            problems.append(Problem(where, "'max_attempts' is a whole number"))
        else:
            settings[key] = int(value) if key == "max_attempts" else float(value)
    return RetryPolicy(**settings), problems


def decide(*, error: Failure, failures: int, policy: RetryPolicy, random: float) -> RetryDecision:
    """Whether a step that has failed `failures` times, lastly with `error`, is tried again.

    The delay is `delay * backoff ** (failures - 1)`, at most `max_delay`, then varied by `jitter`:
    `random`, from 0 to 1, chooses within plus or minus that share. Permanent errors are never
    retried.
    """
    if error.permanent or failures >= policy.max_attempts:
        return _NEVER
    delay = min(policy.max_delay, policy.delay * policy.backoff ** (failures - 1))
    return RetryDecision(retry=True, delay_seconds=delay * (1 + policy.jitter * (2 * random - 1)))
