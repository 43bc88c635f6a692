"""Examples of suggestions in the description of the API."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

_WORKFLOW = "019aa7b2-1c00-7000-8000-9d0e1f2a3b4c"
_ID = "needless_dependency:headline"

ASK = OpenApiExample("Suggest", value={"workflow_id": _WORKFLOW}, request_only=True)
APPLY = OpenApiExample(
    "Make a draft",
    value={"workflow_id": _WORKFLOW, "version": 3, "apply": [_ID]},
    request_only=True,
)
SUGGESTED = OpenApiExample(
    "Two questions at a time",
    value={
        "workflow_id": _WORKFLOW,
        "version": 3,
        "history": {"runs": 40, "days": 90},
        "suggestions": [
            {
                "id": _ID,
                "kind": "needless_dependency",
                "title": "'headline' need not wait for 'summary'.",
                "steps": ["headline"],
                "equivalent": True,
                "caveats": ["Where 'summary' fails, 'headline' may have cost something by then."],
                "evidence": [
                    {
                        "path": "steps[1].dependencies[0]",
                        "said": "No expression of 'headline' reads 'summary', and neither has an"
                        " effect.",
                        "value": None,
                        "runs": None,
                    },
                    {
                        "path": "steps[1]",
                        "said": "'headline' took 2,140 ms on average.",
                        "value": 2140.2,
                        "runs": 40,
                    },
                ],
                "effect": {
                    "measure": "critical_path",
                    "unit": "ms",
                    "before": 5420.0,
                    "after": 3281.0,
                    "basis": "mean time of each step in at least 40 runs of 90 days",
                },
                "patch": [
                    {"op": "test", "path": "/steps/1/id", "value": "headline"},
                    {"op": "replace", "path": "/steps/1/dependencies", "value": []},
                ],
                "diff": [
                    {
                        "kind": "dependency_removed",
                        "step": "headline",
                        "path": "dependencies",
                        "before": "summary",
                        "after": None,
                        "sentence": "Step 'headline' no longer waits for 'summary'.",
                    }
                ],
            }
        ],
        "draft": None,
        "needless": [],
    },
    response_only=True,
    status_codes=["200"],
)
