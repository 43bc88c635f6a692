"""What a rule proposes and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.json import JsonObject
from engine.semantic_diff import Change

Kind = Literal[
    "needless_dependency",
    "dead_steps",
    "repeated_prompt",
    "cacheable_prompt",
    "oversized_prompt",
    "oversized_max_tokens",
    "useless_retry",
    "vain_retry",
    "missing_retry",
    "missing_timeout",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One piece of evidence.

    Attributes:
        path: the place in the definition, such as `steps[2].config.prompt`.
        said: the fact, for people.
        value: its number, where it has one.
        runs: from how many runs it is; None where it follows from the definition.
    """

    path: str
    said: str
    value: float | None = None
    runs: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """What would become of a figure.

    Attributes:
        measure: such as `critical_path`; unit: such as `ms`.
        basis: where the numbers come from.
    """

    measure: str
    unit: str
    before: float
    after: float
    basis: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """What a rule proposes, not yet checked.

    Attributes:
        steps: ids of the steps that it is about; they and the kind name it.
        document: the whole definition as it would be.
        equivalent: whether every run that completes has the same outputs.
        caveats: in what a changed run may still differ, for whoever decides.
        removed: ids of steps that it leaves out.
        rewritten: ids of steps whose configuration it changes.
        waits: (step, other) for each step that would come after another one which it did not wait
            for.
    """

    kind: Kind
    title: str
    steps: tuple[str, ...]
    document: JsonObject
    evidence: tuple[Fact, ...]
    effect: Prediction
    equivalent: bool
    caveats: tuple[str, ...] = ()
    removed: frozenset[str] = frozenset()
    rewritten: frozenset[str] = frozenset()
    waits: frozenset[tuple[str, str]] = frozenset()

    @property
    def id(self) -> str:
        """Its name, which stays while the definition does."""
        return f"{self.kind}:{','.join(self.steps)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A candidate that passed every check.

    Attributes:
        patch: the change as JSON Patch (RFC 6902) of the definition.
        diff: the change as people would say it.
    """

    candidate: Candidate
    patch: list[JsonObject]
    diff: list[Change]


@dataclass(frozen=True, kw_only=True, slots=True)
class StepHistory:
    """How one step went in runs that had it as it is now.

    Attributes:
        runs: in how many it completed or failed.
        recovered: how often it completed after a failure of its own.
        exhausted: how often it failed for good after more than one attempt.
        codes: error code -> how often it failed with it for good.
        calls: how often it asked a model; the token figures are of these.
    """

    runs: int = 0
    completed: int = 0
    failed: int = 0
    recovered: int = 0
    mean_ms: float | None = None
    longest_ms: int | None = None
    exhausted: int = 0
    codes: Mapping[str, int] = field(default_factory=dict)
    calls: int = 0
    mean_prompt_tokens: float | None = None
    longest_answer_tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What past runs show.

    Attributes:
        runs: how many were looked at.
        days: how far back.
        steps: step id -> how it went.
    """

    runs: int = 0
    days: int = 0
    steps: Mapping[str, StepHistory] = field(default_factory=dict)

    def of(self, step_id: str) -> StepHistory:
        """How the step went; nothing where it never ran."""
        return self.steps.get(step_id, _NONE)

    def to_json(self) -> dict[str, Any]:
        """What was looked at."""
        return {"runs": self.runs, "days": self.days}


_NONE = StepHistory()


def named(step_ids: Iterable[str]) -> str:
    """Steps' ids in a sentence."""
    return ", ".join(f"'{step_id}'" for step_id in step_ids)
