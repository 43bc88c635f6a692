from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import graph

DIAMOND = [[], [0], [0], [1, 2]]


@pytest.mark.parametrize(
    ("dependencies", "roots", "sinks"),
    [
        ([[]], [0], [0]),
        (DIAMOND, [0], [3]),
        ([[], [], [0, 1], []], [0, 1, 3], [2, 3]),
        ([[1], []], [1], [0]),
    ],
)
def test_ends(dependencies: list[list[int]], roots: list[int], sinks: list[int]) -> None:
    built = graph.build(dependencies)
    assert (built.roots, built.sinks) == (roots, sinks)


@pytest.mark.parametrize(
    ("dependencies", "cycle"),
    [
        ([[1], [0]], {0, 1}),
        ([[], [0, 3], [1], [2]], {1, 2, 3}),
        ([[2], [0], [1], [0]], {0, 1, 2}),
    ],
)
def test_cycle_is_named(dependencies: list[list[int]], cycle: set[int]) -> None:
    with pytest.raises(graph.CycleFound) as found:
        graph.build(dependencies)
    assert set(found.value.cycle) == cycle
    positions = found.value.cycle
    following = [*positions[1:], positions[0]]
    assert all(a in dependencies[b] for a, b in zip(positions, following, strict=True))


def test_descendants_and_ancestors() -> None:
    built = graph.build([*DIAMOND, []])
    assert built.descendants(0) == {1, 2, 3}
    assert built.descendants(4) == set()
    pairs = [(3, 0), (3, 1), (1, 0), (1, 2), (0, 3), (4, 0)]
    assert sorted(built.non_ancestors(pairs)) == [(0, 3), (1, 2), (4, 0)]


def test_critical_path() -> None:
    assert graph.build(DIAMOND).critical_path([1, 5, 2, 1]) == 7  # 1 + 5 + 1


def test_100_000_in_a_row() -> None:
    built = graph.build([[], *([n] for n in range(99_999))])
    assert built.order[-1] == 99_999
    assert len(built.descendants(0)) == 99_999
    assert built.non_ancestors([(99_999, 0), (0, 99_999)]) == [(0, 99_999)]


@st.composite
def dags(draw: st.DrawFn) -> list[list[int]]:
    size = draw(st.integers(1, 25))
    return [
        sorted(draw(st.sets(st.integers(0, n - 1), max_size=4))) if n else [] for n in range(size)
    ]


@given(dags())
def test_order_puts_dependencies_first(dependencies: list[list[int]]) -> None:
    built = graph.build(dependencies)
    place = {position: n for n, position in enumerate(built.order)}
    assert sorted(place) == list(range(len(dependencies)))
    for position, before in enumerate(dependencies):
        assert all(place[d] < place[position] for d in before)
        assert set(built.dependents[position]) == {
            n for n, d in enumerate(dependencies) if position in d
        }
