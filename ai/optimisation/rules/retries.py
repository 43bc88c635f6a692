"""Retries that never help, and those that would."""

from __future__ import annotations

from collections.abc import Iterator

from ai.errors import AIError
from ai.optimisation import edits
from ai.optimisation.flow import Flow
from ai.optimisation.values import Candidate, Fact, History, Prediction
from core.errors import PlatformError
from core.http.errors import HttpError
from engine.definition import WorkflowStep
from engine.retry import RetryPolicy

# Types whose every error is permanent: the same inputs give the same error.
_DETERMINED = {"TRANSFORM", "VALIDATION", "DECISION", "DATA_COLLECTION"}
_NO_TIMEOUT = 10.0  # seconds that no such step takes
_VAIN = 5
_OBSERVED = 20
_OFTEN = 0.05
_RETRY = {"max_attempts": 3, "delay": 2, "backoff": 2}


def useless_retries(flow: Flow, history: History) -> Iterator[Candidate]:
    """Takes away retries that can never happen: permanent errors are not tried again."""
    for step in flow.definition.steps:
        if step.retry.max_attempts == 1 or step.step_type not in _DETERMINED:
            continue
        if flow.effects[step.id] not in ("none", "guard") or step.timeout < _NO_TIMEOUT:
            continue
        attempts = step.retry.max_attempts
        yield Candidate(
            kind="useless_retry",
            title=f"'{step.id}' is never tried again, whatever its retry says.",
            steps=(step.id,),
            document=edits.with_step(flow.document, step.id, retry=None),
            evidence=(
                Fact(
                    path=f"{flow.path(step.id)}.retry.max_attempts",
                    said=f"It allows {attempts} attempts, but every error of a"
                    f" {step.step_type} step is permanent.",
                    value=attempts,
                ),
            ),
            effect=Prediction(
                measure="attempts",
                unit="attempts",
                before=1,
                after=1,
                basis="permanent errors are never retried; the definition says what happens",
            ),
            equivalent=True,
            rewritten=frozenset({step.id}),
        )


def vain_retries(flow: Flow, history: History) -> Iterator[Candidate]:
    """Takes away retries that have never helped in the runs that are known."""
    for step in flow.definition.steps:
        past = history.of(step.id)
        if step.retry.max_attempts == 1 or past.recovered or past.exhausted < _VAIN:
            continue
        codes = ", ".join(f"{code} {count} times" for code, count in sorted(past.codes.items()))
        yield Candidate(
            kind="vain_retry",
            title=f"Trying '{step.id}' again has not helped once.",
            steps=(step.id,),
            document=edits.with_step(flow.document, step.id, retry=None),
            evidence=(
                Fact(
                    path=f"{flow.path(step.id)}.retry",
                    said=f"It failed for good after more than one attempt {past.exhausted} times,"
                    f" and completed after a failure never ({codes}).",
                    value=past.exhausted,
                    runs=past.runs,
                ),
            ),
            effect=Prediction(
                measure="wait_before_it_fails",
                unit="s",
                before=_delays(step.retry),
                after=0,
                basis="the delays of its retry policy",
            ),
            equivalent=False,
            caveats=("An error that passes by itself would fail the run at once.",),
            rewritten=frozenset({step.id}),
        )


def missing_retries(flow: Flow, history: History) -> Iterator[Candidate]:
    """Tries again what failed for a passing reason, where a second attempt does no harm."""
    transient = set(_transient_codes(AIError)) | set(_transient_codes(HttpError))
    for step in flow.definition.steps:
        past = history.of(step.id)
        passing = sum(count for code, count in past.codes.items() if code in transient)
        if step.retry.max_attempts > 1 or past.runs < _OBSERVED or not _repeatable(flow, step):
            continue
        if passing < _OFTEN * past.runs:
            continue
        codes = ", ".join(sorted(code for code in past.codes if code in transient))
        yield Candidate(
            kind="missing_retry",
            title=f"'{step.id}' fails for passing reasons, and is not tried again.",
            steps=(step.id,),
            document=edits.with_step(flow.document, step.id, retry=dict(_RETRY)),
            evidence=(
                Fact(
                    path=flow.path(step.id),
                    said=f"'{step.id}' failed {passing} times in {past.runs} runs with {codes},"
                    " which may pass by itself.",
                    value=passing,
                    runs=past.runs,
                ),
            ),
            effect=Prediction(
                measure="failure_rate",
                unit="share",
                before=round(past.failed / past.runs, 4),
                after=round((past.failed - passing) / past.runs + (passing / past.runs) ** 3, 4),
                basis=f"{past.runs} runs, if one attempt's failure says nothing about the next",
            ),
            equivalent=False,
            caveats=("A run that fails in the end does so later.",),
            rewritten=frozenset({step.id}),
        )


def _repeatable(flow: Flow, step: WorkflowStep) -> bool:
    """Whether a second attempt changes nothing outside."""
    effect = flow.effects[step.id]
    if effect == "call":
        return step.config.get("method", "GET") in ("GET", "HEAD")
    return effect == "model"


def _transient_codes(base: type[PlatformError]) -> Iterator[str]:
    for error in base.__subclasses__():
        if not error.permanent:
            yield error.code
        yield from _transient_codes(error)


def _delays(policy: RetryPolicy) -> float:
    return round(
        sum(
            min(policy.max_delay, policy.delay * policy.backoff**n)
            for n in range(policy.max_attempts - 1)
        ),
        1,
    )
