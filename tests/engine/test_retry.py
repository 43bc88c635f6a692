from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput, KeyUnavailable, PlatformError, Problem
from engine.retry import RetryDecision, RetryPolicy, decide, parse_retry

TEMPORARY = KeyUnavailable()
PERMANENT = InvalidInput()
STEADY = RetryPolicy(max_attempts=10, delay=2, backoff=3, max_delay=100, jitter=0)
VARIED = replace(STEADY, jitter=0.5)


@pytest.mark.parametrize(
    ("policy", "failures", "random", "delay"),
    [
        (STEADY, 1, 0.0, 2.0),  # 2 * 3**0
        (STEADY, 2, 0.0, 6.0),  # 2 * 3**1
        (STEADY, 4, 0.0, 54.0),  # 2 * 3**3
        (STEADY, 5, 0.0, 100.0),  # 2 * 3**4 = 162, capped
        (STEADY, 9, 1.0, 100.0),  # no jitter: the random number does not matter
        (VARIED, 2, 0.0, 3.0),  # 6 * (1 - 0.5)
        (VARIED, 2, 0.5, 6.0),  # 6 * (1 + 0)
        (VARIED, 2, 1.0, 9.0),  # 6 * (1 + 0.5)
        (VARIED, 5, 1.0, 150.0),  # jitter comes after the cap, so that capped delays spread too
        (replace(STEADY, backoff=1), 9, 0.0, 2.0),  # constant
        (replace(STEADY, delay=0), 9, 0.0, 0.0),  # at once
        (RetryPolicy(max_attempts=100, backoff=10, jitter=0), 99, 0.0, 300.0),  # 10**98, capped
    ],
)
def test_delay(policy: RetryPolicy, failures: int, random: float, delay: float) -> None:
    decision = decide(error=TEMPORARY, failures=failures, policy=policy, random=random)
    assert decision == RetryDecision(retry=True, delay_seconds=delay)


@pytest.mark.parametrize(
    ("error", "failures", "max_attempts", "retried"),
    [
        (TEMPORARY, 1, 1, False),
        (TEMPORARY, 1, 2, True),
        (TEMPORARY, 2, 2, False),
        (TEMPORARY, 3, 2, False),  # the policy was shortened meanwhile
        (PERMANENT, 1, 100, False),
    ],
)
def test_last_attempts_and_permanent_errors_are_final(
    error: PlatformError, failures: int, max_attempts: int, retried: bool
) -> None:
    policy = RetryPolicy(max_attempts=max_attempts)
    assert decide(error=error, failures=failures, policy=policy, random=0.5).retry is retried


def test_a_policy_as_configured() -> None:
    config = {"max_attempts": 5, "delay": 2, "backoff": 1.5, "max_delay": 60, "jitter": 0}
    assert parse_retry(config, "retry") == (
        RetryPolicy(max_attempts=5, delay=2.0, backoff=1.5, max_delay=60.0, jitter=0.0),
        [],
    )
    assert parse_retry({}, "retry") == (RetryPolicy(), [])
    assert parse_retry({"max_attempts": 3.0}, "retry") == (RetryPolicy(max_attempts=3), [])


@pytest.mark.parametrize(
    ("config", "path", "words"),
    [
        ([], "retry", "is an object"),
        ({"attempts": 3}, "retry.attempts", "no setting 'attempts'; known: max_attempts"),
        ({"max_attempts": 0}, "retry.max_attempts", "from 1 to 100"),
        ({"max_attempts": 101}, "retry.max_attempts", "from 1 to 100"),
        ({"max_attempts": 2.5}, "retry.max_attempts", "whole number"),
        ({"max_attempts": True}, "retry.max_attempts", "is a number"),
        ({"delay": "1"}, "retry.delay", "is a number"),
        ({"delay": -1}, "retry.delay", "from 0 to 86,400 (seconds)"),
        ({"delay": float("nan")}, "retry.delay", "from 0 to 86,400"),
        ({"backoff": 0.5}, "retry.backoff", "from 1 to 10"),
        ({"max_delay": 86_401}, "retry.max_delay", "from 0 to 86,400"),
        ({"jitter": 1.1}, "retry.jitter", "from 0 to 1"),
    ],
)
def test_bad_settings_are_refused_with_their_path(config: Any, path: str, words: str) -> None:
    policy, problems = parse_retry(config, "retry")
    assert [problem.path for problem in problems] == [path]
    assert words in problems[0].message
    assert policy == RetryPolicy()


def test_every_problem_is_reported_at_once() -> None:
    policy, problems = parse_retry({"delay": -1, "tries": 2, "jitter": 0.5}, "steps[0].retry")
    assert {problem.path for problem in problems} == {
        "steps[0].retry.delay",
        "steps[0].retry.tries",
    }
    assert policy == RetryPolicy(jitter=0.5)


@given(
    config=st.fixed_dictionaries(
        {},
        optional={
            "max_attempts": st.integers(1, 100),
            "delay": st.floats(0, 86_400),
            "backoff": st.floats(1, 10),
            "max_delay": st.floats(0, 86_400),
            "jitter": st.floats(0, 1),
        },
    ),
    failures=st.integers(1, 100),
    random=st.floats(0, 1),
)
def test_delays_stay_within_their_bounds(
    config: dict[str, float], failures: int, random: float
) -> None:
    policy, problems = parse_retry(config, "retry")
    assert problems == []
    decision = decide(error=TEMPORARY, failures=failures, policy=policy, random=random)
    assert decision.retry == (failures < policy.max_attempts)
    assert 0 <= decision.delay_seconds <= policy.max_delay * (1 + policy.jitter)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_any_value_is_parsed_or_reported(value: Any) -> None:
    _, problems = parse_retry({"delay": value, "max_attempts": value}, "retry")
    assert all(isinstance(problem, Problem) for problem in problems)
