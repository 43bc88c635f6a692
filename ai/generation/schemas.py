"""The JSON Schemas of a model's two answers. The offline planner answers in the same form."""

from __future__ import annotations

from core.json import JsonObject

ANALYSIS_TITLE = "workflow_analysis"
DRAFT_TITLE = "workflow_draft"

_TEXT: JsonObject = {"type": "string", "maxLength": 4_000}
_TEXTS: JsonObject = {"type": "array", "items": _TEXT, "maxItems": 50}

ANALYSIS: JsonObject = {
    "title": ANALYSIS_TITLE,
    "type": "object",
    "properties": {
        "verdict": {"enum": ["clear", "vague", "contradictory", "impossible"]},
        "reason": _TEXT,
        "questions": _TEXTS,
        "step_types": _TEXTS,
        "experience_level": {"enum": ["beginner", "intermediate", "expert"]},
        "ai_assistance": _TEXTS,
        "complexity": {"enum": ["simple", "moderate", "complex"]},
        "integration_points": _TEXTS,
    },
    "required": [
        "verdict", "reason", "questions", "step_types", "experience_level", "ai_assistance",
        "complexity", "integration_points",
    ],
    "additionalProperties": False,
}  # fmt: skip
"""The verdict, and what the founding documents determine: step types, experience level, AI
assistance, complexity, integration points."""

DRAFT: JsonObject = {
    "title": DRAFT_TITLE,
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": _TEXT,
        "category": {"type": "string", "maxLength": 100},
        "inputs": {"type": "object"},
        "steps": {
            "type": "array",
            "minItems": 1,
            "maxItems": 200,
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "minLength": 1, "maxLength": 255},
                    "name": {"type": "string", "minLength": 1, "maxLength": 255},
                    "step_type": {"type": "string"},
                    "description": _TEXT,
                    "config": {"type": "object"},
                    "dependencies": {"type": "array", "items": {"type": "string"}},
                    "ai_prompt": _TEXT,
                    "explanation": _TEXT,
                },
                "required": ["id", "name", "step_type", "config", "explanation"],
            },
        },
        "outputs": {"type": "object"},
        "schedule": {"type": "string", "maxLength": 100},
        "not_covered": {
            "type": "array",
            "maxItems": 2_000,
            "items": {
                "type": "object",
                "properties": {"requirement": _TEXT, "reason": _TEXT},
                "required": ["requirement", "reason"],
            },
        },
    },
    "required": ["name", "inputs", "steps", "not_covered"],
}
"""A definition's parts, an explanation for each step, and what no step does."""
