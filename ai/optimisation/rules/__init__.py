"""The rules, one a module: what each proposes is checked by `ai.optimisation.checks`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ai.optimisation.flow import Flow
from ai.optimisation.rules import (
    answers,
    dead,
    prompts,
    repeated,
    retries,
    serial,
    timeouts,
)
from ai.optimisation.values import Candidate, History

Rule = Callable[[Flow, History], Iterator[Candidate]]

RULES: tuple[Rule, ...] = (
    dead.dead_steps,
    repeated.repeated_prompts,
    repeated.cacheable_prompts,
    serial.needless_dependencies,
    prompts.oversized_prompts,
    answers.oversized_max_tokens,
    retries.useless_retries,
    retries.vain_retries,
    retries.missing_retries,
    timeouts.missing_timeouts,
)
