from __future__ import annotations

from tests.support.cast import Cast

BUILT_IN = {"DATA_COLLECTION", "DECISION", "VALIDATION", "TRANSFORM", "FUNCTION", "HTTP"}


def test_step_types(cast: Cast) -> None:
    known = cast.outsider.api.get("/api/v1/step-types").json()
    types = {kind["step_type"]: kind for kind in known["step_types"]}
    assert types.keys() >= BUILT_IN
    for kind in types.values():
        assert kind["description"]
        assert kind["config_schema"]["type"] == "object"
        assert kind["queue"]
    assert types["DECISION"]["outputs"] == ["chosen"]


def test_functions(cast: Cast) -> None:
    known = cast.outsider.api.get("/api/v1/step-types").json()
    functions = {function["name"]: function for function in known["functions"]}
    assert functions["tests.echo"]["description"] == "Gives back what it gets."
    assert functions["tests.slow"]["arguments"]["properties"]["seconds"]["type"] == "number"
