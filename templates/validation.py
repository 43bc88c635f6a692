"""What is wrong with a template: its definition, its sample, what it expects."""

from __future__ import annotations

from collections.abc import Iterator

from core.errors import Problem
from engine import definitions
from engine import validation as values
from engine.definition import InvalidDefinition, WorkflowDefinition
from templates.models import WorkflowCategory, WorkflowTemplate

_EXPECTED = {"status", "steps", "results", "answers"}
_STATUSES = {"completed", "failed", "cancelled"}


def template_problems(template: WorkflowTemplate) -> list[Problem]:
    """Every problem, with the path below the template's own fields: `template.steps[0].config`."""
    problems = list(_category_problems(template))
    if not isinstance(template.template, dict):
        return [*problems, Problem("template", "a definition is an object")]
    try:
        definition = definitions.parse(template.definition())
    except InvalidDefinition as error:
        return problems + [
            Problem(f"template.{problem.path}" if problem.path else "template", problem.message)
            for problem in error.problems
        ]
    return [
        *problems,
        *_sample_problems(template, definition),
        *_expected_problems(template, definition),
    ]


def _category_problems(template: WorkflowTemplate) -> Iterator[Problem]:
    if not WorkflowCategory.objects.filter(name=template.category).exists():
        yield Problem("category", f"there is no category '{template.category}'")


def _sample_problems(
    template: WorkflowTemplate, definition: WorkflowDefinition
) -> Iterator[Problem]:
    if not isinstance(template.sample_input, dict):
        yield Problem("sample_input", "a sample is an object")
    elif template.sample_input and definition.inputs is not None:
        yield from values.check_value(
            template.sample_input, schema=definition.inputs, path="sample_input"
        )


def _expected_problems(
    template: WorkflowTemplate, definition: WorkflowDefinition
) -> Iterator[Problem]:
    expected = template.expected
    if not isinstance(expected, dict):
        yield Problem("expected", "what is expected is an object")
        return
    for key in sorted(expected.keys() - _EXPECTED):
        yield Problem(f"expected.{key}", f"unknown key; known: {', '.join(sorted(_EXPECTED))}")
    if "status" in expected and expected["status"] not in _STATUSES:
        yield Problem("expected.status", f"one of {', '.join(sorted(_STATUSES))}")
    for key in ("steps", "answers"):
        named = expected.get(key, {})
        if not isinstance(named, dict):
            yield Problem(f"expected.{key}", "an object by step id")
            continue
        for step_id in sorted(named.keys() - definition.index.keys()):
            yield Problem(f"expected.{key}.{step_id}", "the definition has no such step")
