"""Dry runs: every branch, no effect outside, and what a run would fail at."""

from __future__ import annotations

from typing import Any

import pytest

from ai.generation.dry_run import dry_run
from engine import definitions, registry
from templates.starters import read_templates


def run(*steps: dict[str, Any], last: bool = False, inputs: dict[str, Any] | None = None) -> Any:
    document = {"name": "Try", "version": "1", "category": "tests", "steps": list(steps)}
    definition = definitions.parse(document)
    return dry_run(definition, executors=registry.executors(), inputs=inputs or {}, last=last)


def step(step_id: str, kind: str, config: dict[str, Any], *before: str, **more: Any) -> Any:
    return {
        "id": step_id, "name": step_id, "step_type": kind, "config": config,
        "dependencies": list(before), **more,
    }  # fmt: skip


ASK = step(
    "ask",
    "DECISION",
    {
        "title": "Go on?",
        "choices": [{"value": "yes", "then": ["on"]}, {"value": "no", "then": ["off"]}],
    },
)
ON = step("on", "HTTP", {"url": "https://nobody.invalid/", "method": "POST"}, "ask")
OFF = step("off", "TRANSFORM", {"output": {"a": "1"}}, "ask")


@pytest.mark.parametrize(("last", "taken", "skipped"), [(False, "on", "off"), (True, "off", "on")])
def test_persons_choose_first_or_last(last: bool, taken: str, skipped: str) -> None:
    found = run(ASK, ON, OFF, last=last)
    assert found.asked == ("ask",)
    assert found.statuses == {"ask": "completed", taken: "completed", skipped: "skipped"}
    assert not found.problems


def test_what_fails_is_told_with_its_step() -> None:
    found = run(step("sum", "TRANSFORM", {"output": {"a": "inputs.missing + 1"}}))
    assert found.statuses == {"sum": "failed"}
    assert found.problems[0].path == "steps[0]"
    assert "step 'sum' fails in a dry run" in found.problems[0].message


def test_a_check_that_samples_do_not_hold_is_no_fault() -> None:
    check = {"value": "${inputs.n}", "rules": [{"expr": "value > 5", "message": "too small"}]}
    found = run(
        step("check", "VALIDATION", check),
        step("next", "TRANSFORM", {"output": {"a": "1"}}, "check"),
        inputs={"n": 1},
    )
    assert (found.statuses["next"], found.problems) == ("completed", ())


def test_every_step_type_can_be_simulated() -> None:
    """The starter templates use most of them, and functions."""
    for starter in read_templates():
        definition = definitions.parse(starter.template)
        found = dry_run(definition, executors=registry.executors(), inputs=starter.sample_input)
        assert set(found.statuses) == {s.id for s in definition.steps}
