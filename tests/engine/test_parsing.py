from __future__ import annotations

from typing import Any

import pytest

from engine import definitions
from engine.definition import InvalidDefinition
from tests.support.workflows import calls, definition, step

A, B = step("a"), step("b", "a")


def problems(document: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidDefinition) as refused:
        definitions.parse(document)
    return [(problem.path, problem.message) for problem in refused.value.problems]


def test_a_good_definition() -> None:
    parsed = definitions.parse(
        definition(A, B, step("c", "a", "b"), entry_points=["a"], exit_points=["c"])
    )
    assert parsed.entry_points == ("a",)
    assert parsed.exit_points == ("c",)
    assert parsed.step("b").position == 1
    assert parsed.graph.dependencies == ((), (0,), (0, 1))
    assert parsed.step("a").inline


@pytest.mark.parametrize(
    ("document", "path", "part"),
    [
        ([], "", "a definition is an object"),
        ({}, "name", "'name' is required"),
        (definition(A, colour="red"), "colour", "unknown key 'colour'"),
        (definition(A, budget=5), "budget", "'budget' must be an object"),
        (definition(A, budget={}), "budget.hard_limit_usd", "is a number of US dollars"),
        (definition(A, budget={"hard_limit_usd": True}), "budget.hard_limit_usd", "is a number"),
        (definition(A, budget={"hard_limit_usd": -1}), "budget.hard_limit_usd", "is a number"),
        (
            definition(A, budget={"hard_limit_usd": 0.00001}),
            "budget.hard_limit_usd",
            "four decimal",
        ),
        (
            definition(A, budget={"hard_limit_usd": 1, "calls": 5}),
            "budget.calls",
            "unknown key 'calls'; known: hard_limit_usd",
        ),
        (definition(step("a", budget={})), "steps[0].budget", "'budget' is not supported yet"),
        (definition(A, deadline=5), "deadline", "'deadline' is not supported yet"),
        (definition(A, name=5), "name", "'name' must be text"),
        (definition(A, version="1" * 21), "version", "at most 20 characters"),
        (definition(), "steps", "at least one step"),
        (definition({"id": "a"}), "steps[0].name", "step 'a': 'name' is required"),
        ({**definition(), "steps": ["a"]}, "steps[0]", "a step is an object"),
        (definition(step("a b")), "steps[0].id", "an id is letters, digits and _"),
        (definition(step("in")), "steps[0].id", "no reserved word"),
        (definition(A, A), "steps[1].id", "step 'a': the id is already taken by steps[0]"),
        (definition(step("a", "a")), "steps[0].dependencies[0]", "cannot depend on itself"),
        (definition(step("a", "x")), "steps[0].dependencies[0]", "unknown dependency 'x'"),
        (definition(A, step("b", "a", "a")), "steps[1].dependencies[1]", "is named twice"),
        (
            definition(step("a", "c"), B, step("c", "b")),
            "steps[",
            "the dependencies form a cycle: ",
        ),
        (definition(step("a", step_type="X")), "steps[0].step_type", "unknown step type 'X'"),
        (definition(step("a", loop={})), "steps[0].loop", "step 'a': 'loop' is not supported yet"),
        (definition(step("a", join="any")), "steps[0].join", "join 'any' is not supported yet"),
        (definition(step("a", colour=1)), "steps[0].colour", "step 'a': unknown key 'colour'"),
        (definition(step("a", timeout=0)), "steps[0].timeout", "between 0 and 86,400 seconds"),
        (definition(step("a", timeout=True)), "steps[0].timeout", "a number of seconds"),
        (definition(step("a", on_error="hide")), "steps[0].on_error", "'fail' or 'continue'"),
        (definition(step("a", config={})), "steps[0].config.function", "is missing"),
        (
            definition(step("a", **calls("nobody.knows"))),
            "steps[0].config.function",
            "unknown function 'nobody.knows'",
        ),
        (
            definition(step("a", **calls("tests.echo", colour=1))),
            "steps[0].config.arguments.colour",
            "takes no argument 'colour'",
        ),
        (
            definition(step("a", **calls("tests.write"))),
            "steps[0].config.arguments",
            "needs the argument 'path'",
        ),
        (
            definition(step("a", **calls("tests.slow", seconds="long"))),
            "steps[0].config.arguments.seconds",
            "step 'a'",
        ),
        (
            definition(
                step(
                    "a",
                    step_type="DATA_COLLECTION",
                    config={"source": "form", "title": "?", "form": {"type": "array"}},
                )
            ),
            "steps[0].config.form",
            "the JSON Schema of an object",
        ),
        (
            definition(step("a", step_type="TRANSFORM", config={"output": {"x": "${inputs.n}"}})),
            "steps[0].config.output.x",
            "without ${ }",
        ),
        (definition(A, B, entry_points=["b"]), "entry_points[0]", "'b' is not a step with no dep"),
        (definition(A, B, entry_points=[]), "entry_points", "missing: a"),
        (definition(A, B, exit_points=["a", "b"]), "exit_points[0]", "no dependents"),
        (
            definition(A, step("b", "a", **calls("tests.echo", value="${steps.x.output}"))),
            "steps[1]",
            "reads the unknown step 'x'",
        ),
        (
            definition(A, step("b", **calls("tests.echo", value="${steps.a.output}"))),
            "steps[1]",
            "reads step 'a', which does not come before it",
        ),
        (definition(step("a", when="inputs.")), "steps[0].when", "step 'a'"),
        (definition(step("a", when="colour == 1")), "steps[0].when", "colour"),
        (definition(A, outputs={"x": "steps.y.output"}), "outputs.x", "unknown step 'y'"),
        (definition(A, outputs={"x": 5}), "outputs.x", "an output is an expression"),
        (definition(A, inputs={"type": "nonsense"}), "inputs", "nonsense"),
        (definition(step("a", retry={"max_attempts": 0})), "steps[0].retry.max_attempts", "step"),
        (
            definition(step("a", validation_rules={"colour": 1})),
            "steps[0].validation_rules.colour",
            "unknown key",
        ),
        (
            definition(
                step("a", step_type="DECISION", config={"rules": [{"when": "true", "then": ["x"]}]})
            ),
            "steps[0].config.rules[0].then[0]",
            "'x' is not a step that depends on this one",
        ),
        (
            definition(
                step("a", step_type="DECISION", config={"rules": [{"when": "1 +", "then": []}]})
            ),
            "steps[0].config.rules[0].when",
            "step 'a'",
        ),
    ],
)
def test_bad_definitions_name_path_and_step(document: Any, path: str, part: str) -> None:
    found = problems(document)
    assert any(p.startswith(path) and part in message for p, message in found), found


def test_all_problems_at_once_but_not_endlessly() -> None:
    found = problems(definition(*[step(f"s{n}", "nowhere") for n in range(500)]))
    assert len(found) == 100


def test_long_and_wide_definitions_are_read() -> None:
    chain = [step(f"s{n}", *([f"s{n - 1}"] if n else [])) for n in range(10_000)]
    assert len(definitions.parse(definition(*chain)).steps) == 10_000
    many = [step(f"s{n}") for n in range(100_001)]
    assert problems(definition(*many)) == [
        ("steps", "at most 100,000 steps are supported, this has 100,001")
    ]


def test_steps_that_are_read_are_known() -> None:
    text = "from ${steps.a.output.value} and ${steps.b.output.value}"
    document = definition(
        A, B, step("c", "b", when="steps.a.output.value != ''", **calls("tests.echo", value=text))
    )
    assert definitions.parse(document).step("c").reads == {"a", "b"}
