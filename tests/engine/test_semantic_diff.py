"""What changed between two definitions."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from engine.semantic_diff import diff
from tests.support.workflows import definition, step

LINE = definition(step("a"), step("b", "a"), step("c", "b", when="steps.a.output.value == 'x'"))


def changed(**places: Any) -> dict[str, Any]:
    document = copy.deepcopy(LINE)
    for n, fields in places.items():
        document["steps"]["abc".index(n)] |= fields
    return document


@pytest.mark.parametrize(
    "same",
    [
        LINE,
        LINE | {"steps": LINE["steps"][::-1]},
        LINE | {"ai_configurable": True, "outputs": None, "exit_points": ["c"]},
        changed(a={"timeout": 3600, "retry": {}, "on_error": "fail", "description": ""}),
    ],
    ids=["equal", "order of steps", "defaults of the definition", "defaults of a step"],
)
def test_no_change(same: dict[str, Any]) -> None:
    assert diff(LINE, same) == diff(same, LINE) == []


def test_order_of_dependencies() -> None:
    before = definition(step("a"), step("b"), step("c", "a", "b"))
    assert diff(before, definition(step("b"), step("a"), step("c", "b", "a"))) == []


@pytest.mark.parametrize(
    ("after", "sentences"),
    [
        (
            changed(c={"dependencies": ["a"]}),
            ["Step 'c' no longer waits for 'b'.", "Step 'c' now waits for 'a'."],
        ),
        (changed(b={"timeout": 30}), ["Step 'b': timeout is set to 30."]),
        (
            changed(b={"retry": {"max_attempts": 3}}),
            ["Step 'b': retry.max_attempts is set to 3."],
        ),
        (
            changed(b={"config": {"function": "tests.echo", "arguments": {"value": 1}}}),
            ["Step 'b': config.arguments.value changes from \"b\" to 1."],
        ),
        (
            definition(*LINE["steps"][:2], name="Other"),
            [
                'The definition: name changes from "Test" to "Other".',
                "Step 'c' (FUNCTION) is removed.",
            ],
        ),
        (definition(*LINE["steps"], step("d")), ["Step 'd' (FUNCTION) is added."]),
    ],
)
def test_sentences(after: dict[str, Any], sentences: list[str]) -> None:
    assert [change.sentence for change in diff(LINE, after)] == sentences


def test_renaming_is_one_change() -> None:
    after = definition(
        step("first") | {"name": "A", "config": LINE["steps"][0]["config"]},
        step("b", "first"),
        step("c", "b", when="steps.first.output.value == 'x'"),
    )
    assert [(c.kind, c.before, c.after) for c in diff(LINE, after)] == [
        ("step_renamed", "a", "first")
    ]


def test_one_is_not_true() -> None:
    (change,) = diff(
        changed(a={"config": {"function": "tests.echo", "arguments": {"value": 1}}}),
        changed(a={"config": {"function": "tests.echo", "arguments": {"value": True}}}),
    )
    assert (change.path, change.before, change.after) == ("config.arguments.value", 1, True)


def test_what_a_change_holds() -> None:
    (change,) = diff(LINE, changed(b={"when": "inputs.a > 1"}))
    assert (change.kind, change.step, change.path) == ("step_changed", "b", "when")
    assert (change.before, change.after) == (None, "inputs.a > 1")
