"""Examples in the API's description."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

from core.json import JsonObject

_DEFINITION: JsonObject = {
    "name": "Expense approval",
    "description": "Small amounts pass, a person decides about others.",
    "version": "1.0",
    "category": "finance",
    "inputs": {
        "type": "object",
        "properties": {"amount": {"type": "number"}},
        "required": ["amount"],
    },
    "steps": [
        {
            "id": "limit",
            "name": "Within the limit?",
            "step_type": "DECISION",
            "config": {
                "rules": [{"when": "inputs.amount <= 100.0", "then": ["book"]}],
                "default": ["ask"],
            },
        },
        {
            "id": "ask",
            "name": "Ask the manager",
            "step_type": "DECISION",
            "dependencies": ["limit"],
            "config": {
                "title": "Approve ${inputs.amount}?",
                "choices": [
                    {"value": "yes", "then": ["book"]},
                    {"value": "no", "then": []},
                ],
            },
        },
        {
            "id": "book",
            "name": "Book it",
            "step_type": "TRANSFORM",
            "dependencies": ["limit", "ask"],
            "config": {"output": {"booked": "inputs.amount"}},
        },
    ],
}
DEFINITION = OpenApiExample("A definition", value={"definition": _DEFINITION}, request_only=True)
NEW_WORKFLOW = OpenApiExample(
    "A shared workflow", value={"definition": _DEFINITION, "is_shared": True}, request_only=True
)
WRONG_DEFINITION = OpenApiExample(
    "A cycle",
    value={
        "code": "invalid_definition",
        "message": "The workflow definition is not valid.",
        "details": [
            {
                "path": "steps[0].dependencies",
                "message": "step 'a': the dependencies form a cycle: a -> b -> a",
            }
        ],
    },
    response_only=True,
    status_codes=["400"],
)
PLAN = OpenApiExample(
    "A chain, then a chord",
    value={
        "steps": 6,
        "total": 2,
        "rounds": [["chain(collect + check)"], ["chord([returns, news @ai] -> report)"]],
    },
    response_only=True,
    status_codes=["200"],
)
EXECUTE = OpenApiExample(
    "Inputs as JSON",
    value={"context": {"session_id": "demo", "data": {"amount": 250}}},
    request_only=True,
    media_type="application/json",
)
STARTED = OpenApiExample(
    "Accepted",
    value={
        "execution_id": "019aa7b2-5d3a-7000-8000-2f1c9a6b7d10",
        "workflow_id": "019aa7b2-1c00-7000-8000-9d0e1f2a3b4c",
        "status": "running",
        "session_id": "demo",
    },
    response_only=True,
    status_codes=["202"],
)
ANSWER = OpenApiExample(
    "A choice",
    value={"answer": {"choice": "yes", "comment": "Fine with me."}},
    request_only=True,
)
