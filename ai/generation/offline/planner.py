"""The planner's two answers: what a requirement asks for, and a draft of it."""

from __future__ import annotations

from ai.generation.offline import accounting, reading, verdict
from ai.generation.offline.assembly import Assembly
from ai.generation.offline.plan import Plan, Route
from core.json import JsonObject


def analyse(requirement: str) -> JsonObject:
    """The five determinations and the verdict, as `ai.generation.schemas.ANALYSIS` has them."""
    text, plan = reading.read(requirement)
    found = verdict.judge(text, plan)
    draft = Assembly(plan).build() if found.kind == "clear" else {"steps": []}
    types = list(dict.fromkeys(step["step_type"] for step in draft["steps"]))
    return {
        "verdict": found.kind,
        "reason": found.reason,
        "questions": list(found.questions),
        "step_types": types,
        "experience_level": _experience(text.sentences, plan),
        "ai_assistance": [task.said for task in plan.tasks],
        "complexity": _complexity(len(draft["steps"]), plan),
        "integration_points": [call.url for call in plan.calls],
    }


def draft(requirement: str) -> JsonObject:
    """A definition's parts with explanations, as `ai.generation.schemas.DRAFT` has them."""
    text, plan = reading.read(requirement)
    assembly = Assembly(plan)
    built = assembly.build()
    steps = [{**step, "explanation": step["description"]} for step in built["steps"]]
    schedule = plan.schedule or ""
    unmet = [
        *plan.unmet,
        *(
            (item.clause, item.reason)
            for item in accounting.lost(
                text, steps, name=plan.title, whole=assembly.whole, schedule=schedule
            )
        ),
    ]
    return {
        "name": plan.title[:255],
        "description": text.shown(" ".join(f"{s}." for s in text.sentences))[:2_000],
        "category": "",
        "inputs": built["inputs"],
        "steps": steps,
        "schedule": schedule,
        "not_covered": [
            {"requirement": asked, "reason": reason} for asked, reason in dict.fromkeys(unmet)
        ],
    }


def _complexity(steps: int, plan: Plan) -> str:
    routes = sum(isinstance(item, Route) for item in plan.flow)
    if steps > 9 or routes > 1:
        return "complex"
    return "moderate" if steps > 4 or routes else "simple"


def _experience(sentences: tuple[str, ...], plan: Plan) -> str:
    """Who writes methods, formulas and addresses knows more than who describes a day's work."""
    signs = sum(call.status or call.method != "GET" for call in plan.calls) + len(plan.formulas)
    signs += sum(
        any(sign in sentence for sign in (">=", "<=", " = ", "JSON")) for sentence in sentences
    )
    return "expert" if signs > 2 else "intermediate" if signs else "beginner"
