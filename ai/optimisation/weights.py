"""How long a run takes at least: the heaviest path, in time where runs tell it, else in steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ai.optimisation.flow import Flow
from ai.optimisation.values import History, Prediction
from engine import graph

MIN_RUNS = 5
"""Runs of a step from which its mean counts as known."""
_LEAST_MS = 20.0
_LEAST_SHARE = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """What each step costs of a run's time.

    Attributes:
        unit: `ms`, or `slow steps`: those that share no message with others count one.
        basis: where the numbers come from.
        of: step id -> weight. People's time counts nothing: nobody knows it beforehand.
    """

    unit: str
    basis: str
    of: Mapping[str, float]

    def path(self, dependencies: Mapping[str, Sequence[str]]) -> float:
        """The weight of the heaviest path through steps that wait for each other like this."""
        index = {step_id: n for n, step_id in enumerate(dependencies)}
        built = graph.build([[index[d] for d in before] for before in dependencies.values()])
        return built.critical_path([self.of[step_id] for step_id in dependencies])

    def without(self, step_ids: Collection[str]) -> Weights:
        """The same, where some steps cost nothing."""
        return replace(self, of={n: 0.0 if n in step_ids else w for n, w in self.of.items()})

    def is_shorter(self, before: float, after: float) -> bool:
        """Whether the difference is worth a change."""
        if self.unit != "ms":
            return after < before
        return before - after >= max(_LEAST_MS, _LEAST_SHARE * before)

    def prediction(self, before: float, after: float) -> Prediction:
        """The critical path before and after."""
        return Prediction(
            measure="critical_path",
            unit=self.unit,
            before=round(before, 1),
            after=round(after, 1),
            basis=self.basis,
        )


def weigh(flow: Flow, history: History) -> Weights:
    """The weights of a definition's steps: measured, where every slow step has enough runs."""
    slow = [s for s in flow.definition.steps if not s.inline and flow.effects[s.id] != "person"]
    known = {s.id: history.of(s.id) for s in flow.definition.steps}
    enough = [s.id for s in slow if known[s.id].completed >= MIN_RUNS]
    if slow and len(enough) == len(slow):
        fewest = min(known[step_id].completed for step_id in enough)
        people = {s.id for s in flow.definition.steps if flow.effects[s.id] == "person"}
        return Weights(
            unit="ms",
            basis=f"mean time of each step in at least {fewest} runs of {history.days} days",
            of={n: 0.0 if n in people else (h.mean_ms or 0.0) for n, h in known.items()},
        )
    names = {s.id for s in slow}
    return Weights(
        unit="slow steps",
        basis="the definition alone: steps that call out or take long count one, others nothing;"
        f" fewer than {MIN_RUNS} runs of some of them are known",
        of={s.id: float(s.id in names) for s in flow.definition.steps},
    )


def dependencies(flow: Flow) -> dict[str, tuple[str, ...]]:
    """Step id -> what it waits for."""
    return {step.id: step.dependencies for step in flow.definition.steps}
