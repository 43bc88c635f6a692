"""What follows from a step that settled: which steps become ready, which are skipped.

Every step counts on its own row how many of its dependencies have settled (`arrived`) and how many
of those lead on (`live`). A step all of whose dependencies arrived is ready if one is live, else
skipped, and skipping spreads (dead-path elimination; Leymann and Roller, Production Workflow,
2000).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from engine.graph import Graph

Counts = tuple[int, int]  # arrived, live


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """A step that ended.

    Attributes:
        position: which one.
        open: positions of the dependents that go on; None: all; empty: none (it was skipped).
    """

    position: int
    open: frozenset[int] | None = None


@dataclass(kw_only=True, slots=True)
class Changes:
    """What to write.

    Attributes:
        counts: the new counters of every step whose counters changed.
        ready, skipped: positions, in the order found.
        exits: how many of the graph's sinks settled.
    """

    counts: dict[int, Counts] = field(default_factory=dict)
    ready: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    exits: int = 0


def affected(graph: Graph, settled: Settled) -> Collection[int]:
    """The positions whose counters `propagate` may need: all descendants where an edge is dead."""
    dependents = graph.dependents[settled.position]
    if settled.open is None or settled.open.issuperset(dependents):
        return dependents
    return graph.descendants(settled.position)


def propagate(
    graph: Graph, settled: Settled, counts: Mapping[int, Counts], *, spread: bool = True
) -> Changes:
    """Follows one settled step through the graph.

    Args:
        counts: the present counters of at least the `affected` positions.
        spread: whether skipping goes on beyond the dependents. A run that is failing only counts,
            so that a retry can decide later.
    """
    changes = Changes()
    todo = deque([settled])
    while todo:
        step = todo.popleft()
        dependents = graph.dependents[step.position]
        changes.exits += not dependents
        for dependent in dependents:
            arrived, live = changes.counts.get(dependent) or counts[dependent]
            arrived += 1
            live += step.open is None or dependent in step.open
            changes.counts[dependent] = arrived, live
            if arrived < len(graph.dependencies[dependent]):
                continue
            if live:
                changes.ready.append(dependent)
            else:
                changes.skipped.append(dependent)
                if spread:
                    todo.append(Settled(position=dependent, open=frozenset()))
    return changes
