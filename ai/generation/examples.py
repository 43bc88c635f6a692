"""Templates as examples: which come closest to a requirement, and what they are made of."""

from __future__ import annotations

from dataclasses import dataclass

from ai.generation import ranking
from core.json import JsonObject
from templates.models import WorkflowTemplate
from templates.selectors import get_templates

LIMIT = 2
_LEAST = 2.0  # of a score: below it, a template shares a chance word or two


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A template that comes close. `patterns`: what `WorkflowPatternAnalyzer` finds in it."""

    name: str
    category: str
    score: float
    definition: JsonObject
    patterns: tuple[str, ...]


class WorkflowTemplateEngine:
    """Finds the templates that a requirement is nearest to."""

    def closest(self, requirements: str, limit: int = LIMIT) -> list[Example]:
        """The nearest templates on offer, the best first, but for those that share too little."""
        rows = list(get_templates().only("name", "description", "category", "template"))
        found = ranking.scores(requirements, [_document(row) for row in rows])
        best = sorted(zip(found, rows, strict=True), key=lambda pair: (-pair[0], pair[1].name))
        analyzer = WorkflowPatternAnalyzer()
        return [
            Example(
                name=row.name,
                category=row.category,
                score=round(score, 3),
                definition=row.template,
                patterns=analyzer.analyze(row.template),
            )
            for score, row in best[:limit]
            if score >= _LEAST
        ]


class WorkflowPatternAnalyzer:
    """Names the arrangements of steps in a definition."""

    def analyze(self, definition: JsonObject) -> tuple[str, ...]:
        """The patterns that occur, in a fixed order."""
        steps = definition.get("steps", [])
        types = {step["id"]: step["step_type"] for step in steps}
        before = {step["id"]: step.get("dependencies", []) for step in steps}
        after: dict[str, list[str]] = {step_id: [] for step_id in types}
        for step_id, names in before.items():
            for name in names:
                after[name].append(step_id)
        people = {s["id"] for s in steps if "choices" in s["config"]}
        rules = {s["id"] for s in steps if types[s["id"]] == "DECISION" and s["id"] not in people}
        found = {
            "form": any(s["config"].get("source") == "form" for s in steps),
            "check before work": any(kind == "VALIDATION" for kind in types.values()),
            "routing by rules": bool(rules),
            "approval by a person": bool(people),
            "approval above a limit": any(name in people for r in rules for name in after[r]),
            "parallel branches": any(
                len(names) > 1 and step_id not in people | rules for step_id, names in after.items()
            ),
            "join": any(len(names) > 1 for names in before.values()),
            "AI reviewed by a person": any(
                types[name] == "AI_GENERATED" for p in people for name in before[p]
            ),
            "call of another system": "HTTP" in types.values(),
        }
        return tuple(name for name, occurs in found.items() if occurs)


def _document(row: WorkflowTemplate) -> str:
    steps = row.template.get("steps", [])
    names = " ".join(step["name"] for step in steps)
    return f"{row.name} {row.name} {row.description} {row.category} {names}"
