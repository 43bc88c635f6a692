"""Every read that the API and the admin need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Case, IntegerField, QuerySet, Value, When

from core.errors import Problem
from templates.errors import UnknownCategory
from templates.models import WorkflowCategory, WorkflowTemplate


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryNode:
    """A category with those below it, by name."""

    category: WorkflowCategory
    depth: int
    children: list[CategoryNode]


def get_templates(category: str | None = None) -> QuerySet[WorkflowTemplate]:
    """The templates on offer: all, or those filed under the category or anywhere below it.

    Raises:
        UnknownCategory: there is no category of this name.
    """
    offered = WorkflowTemplate.objects.filter(is_active=True)
    return offered if category is None else offered.filter(category__in=names_below(category))


def names_below(category: str) -> list[str]:
    """The category's name and those of all categories below it. Raises UnknownCategory."""
    node = next((node for node in flat(category_tree()) if node.category.name == category), None)
    if node is None:
        message = f"There is no category '{category[:100]}'."
        raise UnknownCategory(message, problems=[Problem("category", message)])
    return [below.category.name for below in flat([node])]


def category_tree() -> list[CategoryNode]:
    """The categories without one above them, each with all that is below it. One query."""
    below: dict[UUID | None, list[WorkflowCategory]] = defaultdict(list)
    for category in WorkflowCategory.objects.order_by("name"):
        below[category.parent_id].append(category)
    return _nodes(below, None, 0)


def flat(nodes: Iterable[CategoryNode]) -> list[CategoryNode]:
    """The nodes and all below them, in the order of an indented list."""
    return [found for node in nodes for found in (node, *flat(node.children))]


def in_tree_order(nodes: Sequence[CategoryNode]) -> QuerySet[WorkflowCategory]:
    """These categories as a queryset, in this order, with `tree_position` and `tree_depth`."""

    def by_row(values: Iterable[int]) -> Case:
        cases = [
            When(pk=node.category.pk, then=Value(value))
            for node, value in zip(nodes, values, strict=True)
        ]
        return Case(*cases, default=Value(0), output_field=IntegerField())

    return (
        WorkflowCategory.objects.filter(pk__in=[node.category.pk for node in nodes])
        .annotate(
            tree_position=by_row(range(len(nodes))), tree_depth=by_row(node.depth for node in nodes)
        )
        .order_by("tree_position")
    )


def _nodes(
    below: dict[UUID | None, list[WorkflowCategory]], parent: UUID | None, depth: int
) -> list[CategoryNode]:
    return [
        CategoryNode(category=category, depth=depth, children=_nodes(below, category.id, depth + 1))
        for category in below[parent]
    ]
