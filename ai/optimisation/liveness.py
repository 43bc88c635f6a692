"""When does a step run? As a formula over conditions and choices, so that two can be compared.

A step runs where one of its dependencies leads on to it, and its own `when` holds. So what makes it
run is a disjunction of conjunctions of `when`s and of decisions' choices. None of them is negated,
so that the set of its smallest conjunctions is the one normal form: two formulas are equal exactly
where these sets are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.definition import WorkflowDefinition

Atom = tuple[str, ...]
"""("when", step) or ("chosen", decision, branch)."""
Formula = frozenset[frozenset[Atom]]
"""Any of these conjunctions; the empty conjunction always holds."""

ALWAYS: Formula = frozenset({frozenset()})
MAX_TERMS = 256


def formulas(
    definition: WorkflowDefinition, branches: Mapping[str, frozenset[str]]
) -> dict[str, Formula] | None:
    """Step id -> when it runs; None where that takes too many words to say.

    Args:
        branches: step id -> the dependents that it chooses among.
    """
    found: dict[str, Formula] = {}
    for position in definition.graph.order:
        step = definition.steps[position]
        formula = _any(
            _both(found[before], ("chosen", before, step.id))
            if step.id in branches.get(before, ())
            else found[before]
            for before in step.dependencies
        )
        if not step.dependencies:
            formula = ALWAYS
        if step.when is not None:
            formula = _both(formula, ("when", step.id))
        if len(formula) > MAX_TERMS:
            return None
        found[step.id] = formula
    return found


def implies(one: Formula, other: Formula) -> bool:
    """Whether the other holds wherever the one does."""
    return all(any(weaker <= term for weaker in other) for term in one)


def _both(formula: Formula, atom: Atom) -> Formula:
    return frozenset(term | {atom} for term in formula)


def _any(formulas: Iterable[Formula]) -> Formula:
    terms: list[frozenset[Atom]] = []
    for term in sorted({term for formula in formulas for term in formula}, key=len):
        if not any(smaller <= term for smaller in terms):
            terms.append(term)
    return frozenset(terms)
