"""Directed acyclic graphs over step positions. Iterative: 100,000 steps in a row are fine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Ancestor sets travel as bits of one integer; this many at a time bounds the memory they take.
_BITS = 4096


class CycleFound(Exception):
    """The dependencies form a cycle."""

    def __init__(self, cycle: Sequence[int]) -> None:
        super().__init__(f"cycle through {len(cycle)} steps")
        self.cycle = tuple(cycle)


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """Edges in both directions, by position.

    Attributes:
        dependencies: for each position, the positions that it waits for.
        dependents: for each position, the positions that wait for it.
        order: all positions, each behind its dependencies (Kahn 1962).
    """

    dependencies: tuple[tuple[int, ...], ...]
    dependents: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]

    @property
    def roots(self) -> list[int]:
        """Positions that wait for nothing."""
        return [n for n, before in enumerate(self.dependencies) if not before]

    @property
    def sinks(self) -> list[int]:
        """Positions that nothing waits for."""
        return [n for n, after in enumerate(self.dependents) if not after]

    def descendants(self, start: int) -> set[int]:
        """Every position that waits for `start`, directly or not."""
        found: set[int] = set()
        todo = deque(self.dependents[start])
        while todo:
            position = todo.popleft()
            if position not in found:
                found.add(position)
                todo.extend(self.dependents[position])
        return found

    def non_ancestors(self, pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those of the (step, other) pairs in which `other` does not come before `step`."""
        open_pairs = [(s, o) for s, o in pairs if o not in self.dependencies[s]]
        targets = sorted({other for _, other in open_pairs})
        bad: list[tuple[int, int]] = []
        for first in range(0, len(targets), _BITS):
            bit = {other: 1 << n for n, other in enumerate(targets[first : first + _BITS])}
            before = [0] * len(self.order)
            for position in self.order:
                for dependency in self.dependencies[position]:
                    before[position] |= before[dependency] | bit.get(dependency, 0)
            bad += [(s, o) for s, o in open_pairs if o in bit and not before[s] & bit[o]]
        return bad

    def critical_path(self, weights: Sequence[float]) -> float:
        """The weight of the heaviest path: the least time a run can take with enough workers."""
        heaviest = [0.0] * len(self.order)
        for position in self.order:
            before = max((heaviest[d] for d in self.dependencies[position]), default=0.0)
            heaviest[position] = before + weights[position]
        return max(heaviest, default=0.0)


def build(dependencies: Sequence[Sequence[int]]) -> Graph:
    """The graph of these dependencies.

    Raises:
        CycleFound: naming the positions of one cycle in order.
    """
    dependents: list[list[int]] = [[] for _ in dependencies]
    for position, before in enumerate(dependencies):
        for dependency in before:
            dependents[dependency].append(position)
    missing = [len(before) for before in dependencies]
    todo = deque(n for n, count in enumerate(missing) if not count)
    order: list[int] = []
    while todo:
        position = todo.popleft()
        order.append(position)
        for dependent in dependents[position]:
            missing[dependent] -= 1
            if not missing[dependent]:
                todo.append(dependent)
    if len(order) < len(dependencies):
        raise CycleFound(_one_cycle(dependencies, missing))
    return Graph(
        dependencies=tuple(map(tuple, dependencies)),
        dependents=tuple(map(tuple, dependents)),
        order=tuple(order),
    )


def _one_cycle(dependencies: Sequence[Sequence[int]], missing: Sequence[int]) -> list[int]:
    """Walks back among the positions that never became free, until one comes round again."""
    position = next(n for n, count in enumerate(missing) if count)
    seen: dict[int, int] = {}
    path: list[int] = []
    while position not in seen:
        seen[position] = len(path)
        path.append(position)
        position = next(d for d in dependencies[position] if missing[d])
    return path[seen[position] :][::-1]
