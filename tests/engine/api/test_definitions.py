"""What is accepted as a definition, and the plans of those that are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.models import Workflow, WorkflowVersion
from tests.support.cast import SAMPLE, Cast
from tests.support.workflows import calls, definition, step

A, B = step("a"), step("b", "a")
WRONG: list[tuple[str, Any, str]] = [
    ("no steps", definition(), "steps"),
    ("a cycle", definition(step("a", "b"), step("b", "a")), "steps[1].dependencies"),
    ("itself", definition(step("a", "a")), "steps[0].dependencies[0]"),
    ("unknown dependency", definition(A, step("b", "c")), "steps[1].dependencies[0]"),
    ("dependency twice", definition(A, step("b", "a", "a")), "steps[1].dependencies[1]"),
    ("duplicate id", definition(A, step("a")), "steps[1].id"),
    ("unknown type", definition(step("a", step_type="MAGIC")), "steps[0].step_type"),
    ("unknown key", definition(A, color="red"), "color"),
    ("unknown key of a step", definition(step("a", color="red")), "steps[0].color"),
    ("planned key", definition(step("a", for_each="x")), "steps[0].for_each"),
    ("wrong config", definition(step("a", config={})), "steps[0].config.function"),
    ("unknown function", definition(step("a", **calls("no.such"))), "steps[0].config.function"),
    ("wrong entry points", definition(A, B, entry_points=["b"]), "entry_points[0]"),
    ("missing entry point", definition(A, step("c"), entry_points=["a"]), "entry_points"),
    ("wrong exit points", definition(A, B, exit_points=["a"]), "exit_points[0]"),
    ("no name", {**definition(A), "name": ""}, "name"),
    ("version too long", definition(A) | {"version": "9" * 21}, "version"),
    ("unknown step in an output", definition(A, outputs={"x": "steps.z.output"}), "outputs.x"),
    ("wrong when", definition(A, step("b", "a", when="inputs.")), "steps[1].when"),
]


@pytest.mark.parametrize("path", ["workflows", "workflows/validate", "workflows/plan"])
@pytest.mark.parametrize(("name", "document", "where"), WRONG, ids=[case[0] for case in WRONG])
def test_wrong_definitions(cast: Cast, path: str, name: str, document: Any, where: str) -> None:
    response = cast.owner.api.post(f"/api/v1/{path}", {"definition": document}, format="json")
    assert response.status_code == 400
    error = response.json()
    assert error["code"] == "invalid_definition"
    assert where in [detail["path"] for detail in error["details"]]
    assert Workflow.objects.count() == WorkflowVersion.objects.count() == 2


def padded(size: int) -> bytes:
    text = json.dumps({"definition": definition(A, description="")})
    return text.replace(
        '"description": ""', f'"description": "{"x" * (size - len(text))}"'
    ).encode()


RAW: list[tuple[str, Callable[[], bytes], int, str]] = [
    ("9 MB", lambda: padded(9 * 1024 * 1024), 413, "too_large"),
    ("1 byte too many", lambda: padded(8 * 1024 * 1024 + 1), 413, "too_large"),
    ("8 MB", lambda: padded(8 * 1024 * 1024), 201, ""),
    ("no JSON", lambda: b"{", 400, "invalid_input"),
    ("duplicate key", lambda: b'{"definition": {}, "definition": {}}', 400, "invalid_input"),
    ("NUL", lambda: b'{"definition": {"name": "\\u0000"}}', 400, "invalid_input"),
    ("NaN", lambda: b'{"definition": {"steps": NaN}}', 400, "invalid_input"),
    ("too deep", lambda: b'{"definition": ' + b"[" * 99 + b"]" * 99 + b"}", 400, "invalid_input"),
    ("too large a number", lambda: b'{"definition": {"x": 1e999}}', 400, "invalid_input"),
]


@pytest.mark.parametrize(("name", "body", "status", "code"), RAW, ids=[case[0] for case in RAW])
def test_raw_bodies(
    cast: Cast, name: str, body: Callable[[], bytes], status: int, code: str
) -> None:
    response = cast.owner.api.post("/api/v1/workflows", body(), content_type="application/json")
    assert response.status_code == status, response.content[:300]
    assert Workflow.objects.count() == (3 if status == 201 else 2)
    if code:
        assert response.json()["code"] == code


def test_other_media_types_are_refused(cast: Cast) -> None:
    response = cast.owner.api.post("/api/v1/workflows", b"a: 1", content_type="application/yaml")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_validate(cast: Cast) -> None:
    response = cast.outsider.api.post(
        "/api/v1/workflows/validate", {"definition": SAMPLE}, format="json"
    )
    assert response.json() == {
        "valid": True,
        "name": "Sample",
        "version": "1.0",
        "steps": 3,
        "step_types": {"FUNCTION": 2, "DECISION": 1},
        "entry_points": ["first"],
        "exit_points": ["last"],
    }
    assert Workflow.objects.count() == 2


def test_plan(cast: Cast) -> None:
    slow = [step(f"s{n}", "a", **calls("tests.slow")) for n in range(3)]
    document = definition(step("a"), *slow, step("join", "s0", "s1", "s2"))
    planned = cast.owner.api.post(
        "/api/v1/workflows/plan", {"definition": document}, format="json"
    ).json()
    expected = {
        "steps": 5,
        "total": 2,
        "rounds": [["chain(a)"], ["chord([s0, s1, s2] -> join)"]],
    }
    assert planned == expected
    saved = cast.owner.api.post("/api/v1/workflows", {"definition": document}, format="json")
    assert cast.owner.api.get(f"{saved['Location']}/plan").json() == expected


def test_chain_of_10_000_steps_is_accepted_and_planned(cast: Cast) -> None:
    steps = [step("s0")] + [step(f"s{n}", f"s{n - 1}") for n in range(1, 10_000)]
    saved = cast.owner.api.post(
        "/api/v1/workflows", {"definition": definition(*steps)}, format="json"
    )
    assert saved.status_code == 201
    planned = cast.owner.api.get(f"{saved['Location']}/plan").json()
    assert (planned["steps"], planned["total"]) == (10_000, 25)
    assert len(planned["rounds"]) == 25
    assert planned["rounds"][0][0].startswith("chain(s0 + s1 + ")


def test_plans_are_shown_in_part(cast: Cast) -> None:
    steps = [step(f"wide_{'x' * 200}_{n}", **calls("tests.slow")) for n in range(500)]
    document = definition(*steps, step("join", *(s["id"] for s in steps[:300])))
    planned = cast.owner.api.post(
        "/api/v1/workflows/plan", {"definition": document}, format="json"
    ).json()
    assert planned["total"] == 201
    assert sum(map(len, planned["rounds"])) == 200
    assert max(len(line) for lines in planned["rounds"] for line in lines) < 2_010
