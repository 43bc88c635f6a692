"""Examples in the description of the API."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

TRY_STEP = OpenApiExample(
    "A step",
    value={
        "step": {
            "id": "summary",
            "name": "Summary",
            "step_type": "AI_GENERATED",
            "config": {
                "prompt": "Sum up in one sentence: ${inputs.text}",
                "schema": {
                    "type": "object",
                    "properties": {"summary": {"type": "string"}},
                    "required": ["summary"],
                },
            },
        },
        "context": {"data": {"inputs": {"text": "Sales in May rose by 5%."}}},
    },
    request_only=True,
)
TRY_PROMPT = OpenApiExample(
    "A prompt alone",
    value={
        "step_id": "greeting",
        "prompt": "Greet ${inputs.name}.",
        "context": {"data": {"inputs": {"name": "Ada"}}},
    },
    request_only=True,
)
TRIED = OpenApiExample(
    "An answer",
    value={
        "step_id": "summary",
        "output": {
            "text": '{"summary": "May sales rose by 5%."}',
            "data": {"summary": "May sales rose by 5%."},
            "model": "gpt-4o-mini-2024-07-18",
            "provider": "openai",
        },
        "problems": [],
        "tool_calls": [],
        "usage": {"calls": 1, "tokens": 61, "cost_usd": "0.0000148500", "time_ms": 734},
    },
    response_only=True,
    status_codes=["200"],
)
_FIGURES = {
    "calls": 3,
    "failed": 1,
    "cached": 0,
    "total_cost": "0.0000297000",
    "unknown_costs": 1,
    "average_response_time": 0.812,
    "p95_response_time": 0.9,
    "success_rate": 0.6666666666666666,
    "token_usage": {"total": 122, "prompt": 90, "completion": 32, "unknown": 0},
}
ANALYTICS = OpenApiExample(
    "A day",
    value={
        **_FIGURES,
        "time_period": "1d",
        "interval": "day",
        "start": "2026-11-21T12:00:00Z",
        "end": "2026-11-22T12:00:00Z",
        "by_model": [{**_FIGURES, "model": "gpt-4o-mini-2024-07-18"}],
        "by_agent_type": [{**_FIGURES, "agent_type": "step"}],
        "by_workflow": [
            {
                **_FIGURES,
                "workflow_id": "019aa7b2-1c00-7000-8000-9d0e1f2a3b4c",
                "name": "Invoice approval",
            }
        ],
        "by_period": [{**_FIGURES, "start": "2026-11-22T00:00:00Z"}],
    },
    response_only=True,
    status_codes=["200"],
)
PROGRESS = OpenApiExample(
    "An answer that is coming",
    value={
        "execution_id": "01a2ec7c-13b0-7cc2-95a4-5f5d0a8e1c4e",
        "status": "running",
        "version": "000000000000002a",
        "steps": [
            {
                "step_id": "summary",
                "step_execution_id": "01a2ec7c-13b1-7d5e-8a55-21f3f4c9b0aa",
                "attempt": 1,
                "phase": "receiving",
                "model": "gpt-4o-mini",
                "call": 1,
                "characters": 31,
                "tokens": None,
                "text": "Sales rose by 5 %",
                "error": "",
                "tool": "",
                "log": [
                    {
                        "at": "2026-11-22T07:00:00.120Z",
                        "phase": "asking",
                        "model": "gpt-4o-mini",
                        "call": 1,
                    },
                    {"at": "2026-11-22T07:00:01.310Z", "phase": "receiving"},
                ],
                "started_at": "2026-11-22T07:00:00.080Z",
                "updated_at": "2026-11-22T07:00:01.640Z",
            }
        ],
    },
    response_only=True,
    status_codes=["200"],
    media_type="application/json",
)
