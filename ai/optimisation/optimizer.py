"""Definition and history -> suggestions, each checked; and the definition with some of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from ai.optimisation import checks, patches
from ai.optimisation.errors import DefinitionTooLarge, UnknownSuggestion
from ai.optimisation.flow import Flow, trace
from ai.optimisation.rules import RULES
from ai.optimisation.values import Candidate, History, Suggestion
from core.errors import Problem
from core.json import JsonObject
from engine import semantic_diff
from engine.definition import InvalidDefinition
from engine.parsing import Executors

MAX_STEPS = 200
MAX_SUGGESTIONS = 50
_MAX_TRIED = 150


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkflowOptimizer:
    """Suggests, and applies what somebody chose. Asks no model and changes no workflow.

    Attributes:
        executors: the known step types.
        history: what past runs show.
    """

    executors: Executors
    history: History = field(default_factory=History)

    def optimize(self, document: JsonObject) -> list[Suggestion]:
        """The suggestions for a definition, at most 50; none where AI may not change it.

        Raises:
            InvalidDefinition: it is no valid definition.
            DefinitionTooLarge: it has more than 200 steps.
        """
        return [
            Suggestion(
                candidate=candidate,
                patch=patches.patch(document, candidate.document),
                diff=semantic_diff.diff(document, candidate.document),
            )
            for candidate in self._candidates(document)
        ]

    def apply(self, document: JsonObject, chosen: Sequence[str]) -> tuple[JsonObject, list[str]]:
        """The definition with the chosen suggestions, one after the other, each checked anew.

        Returns:
            The definition, and the ids of suggestions that others made needless.

        Raises:
            UnknownSuggestion: an id is not that of a suggestion for this definition.
        """
        wanted = set(chosen)
        known = {candidate.id for candidate in self._candidates(document, wanted=wanted)}
        unknown = [
            Problem(f"apply[{n}]", f"there is no suggestion '{each[:200]}' for this definition")
            for n, each in enumerate(chosen)
            if each not in known
        ]
        if unknown:
            raise UnknownSuggestion(problems=unknown)
        needless = []
        for each in dict.fromkeys(chosen):
            found = next(self._candidates(document, wanted={each}), None)
            if found is None:
                needless.append(each)
            else:
                document = found.document
        return document, needless

    def _candidates(
        self, document: JsonObject, *, wanted: Collection[str] | None = None
    ) -> Iterator[Candidate]:
        flow = trace(document, executors=self.executors)
        if len(flow.definition.steps) > MAX_STEPS:
            raise DefinitionTooLarge()
        if not flow.definition.ai_configurable:
            return
        count = tried = 0
        for rule in RULES:
            for candidate in rule(flow, self.history):
                if wanted is not None and candidate.id not in wanted:
                    continue
                if not all(map(flow.may_change, candidate.steps)):
                    continue
                tried += 1
                if self.is_sound(flow, candidate):
                    yield candidate
                    count += 1
                if count == MAX_SUGGESTIONS or tried == _MAX_TRIED:
                    return

    def is_sound(self, flow: Flow, candidate: Candidate) -> bool:
        """Whether a candidate is a valid definition and changes nothing that it must not."""
        try:
            after = trace(candidate.document, executors=self.executors)
        except InvalidDefinition:
            return False
        return not checks.faults(flow, after, candidate)
