"""A step and its type: what the type makes of the step's configuration."""

from __future__ import annotations

from dataclasses import replace

from core.errors import Problem
from engine import rules, validation
from engine.context import JsonObject
from engine.definition import WorkflowStep
from engine.step import STEP_VARIABLES, WorkflowStepExecutor


def bind(step: WorkflowStep, executor: WorkflowStepExecutor) -> tuple[WorkflowStep, list[Problem]]:
    """The step with what its type tells of it, and what is wrong with its configuration."""
    problems = validation.check_value(step.config, schema=executor.config_schema, path="config")
    if problems or (problems := executor.problems(step)):
        return step, problems
    expressions = list(executor.expressions(step))
    if step.when is not None:
        expressions.append(rules.Expression("when", step.when, STEP_VARIABLES))
    sources = list(executor.get_required_inputs())
    if (checks := step.validation_rules) is not None:
        problems += _validation_problems(checks)
        sources += [rule["expr"] for rule in checks.get("rules", ())] if not problems else []
    for expression in expressions:
        problems += rules.check(expression)
    if problems:
        return step, problems
    sources += [expression.source for expression in expressions]
    reads = frozenset[str]().union(*(rules.step_references(source) for source in sources))
    return replace(
        step,
        reads=reads,
        inline=executor.is_inline(step),
        queue=executor.get_queue(step),
        input_derived=_input_derived(step, executor),
    ), []


def _input_derived(step: WorkflowStep, executor: WorkflowStepExecutor) -> bool:
    """Not where the step has an effect: what it was given then is evidence."""
    return executor.effect(step) in ("none", "guard") and all(
        rules.is_reference(expression.source)
        for expression in rules.interpolations(step.config, "config")
    )


def _validation_problems(checks: JsonObject) -> list[Problem]:
    """What is wrong with a step's validation_rules."""
    path = "validation_rules"
    problems = [
        Problem(f"{path}.{key}", f"unknown key '{key[:80]}'; known: schema, rules")
        for key in checks.keys() - {"schema", "rules"}
    ]
    if "schema" in checks:
        problems += validation.schema_problems(checks["schema"], f"{path}.schema")
    variables = STEP_VARIABLES | {"output"}
    return problems + validation.rules_problems(checks.get("rules", []), f"{path}.rules", variables)
