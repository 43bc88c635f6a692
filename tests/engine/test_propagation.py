from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import graph
from engine.propagation import Settled, affected, propagate
from tests.engine.test_graph import dags

#      0
#     / \
#    1   2      3 joins 1 and 2; 4 hangs on 1 alone; 5 joins 3 and 4
#    |\  |
#    4 \ |
#     \ \|
#      5-3
DEPENDENCIES = [[], [0], [0], [1, 2], [1], [3, 4]]
ZERO = dict.fromkeys(range(6), (0, 0))


@pytest.mark.parametrize(
    ("settled", "counts", "ready", "skipped", "exits"),
    [
        (Settled(position=0), {}, [1, 2], [], 0),
        (Settled(position=0, open=frozenset({2})), {}, [2], [1, 4], 0),
        (Settled(position=0, open=frozenset()), {}, [], [1, 2, 4, 3, 5], 1),
        (Settled(position=2), {}, [], [], 0),
        (Settled(position=2), {3: (1, 0)}, [3], [], 0),
        (Settled(position=2, open=frozenset()), {3: (1, 1)}, [3], [], 0),
        (Settled(position=2, open=frozenset()), {3: (1, 0), 5: (1, 1)}, [5], [3], 0),
        (Settled(position=5), {}, [], [], 1),
    ],
)
def test_propagate(
    settled: Settled,
    counts: dict[int, tuple[int, int]],
    ready: list[int],
    skipped: list[int],
    exits: int,
) -> None:
    changes = propagate(graph.build(DEPENDENCIES), settled, ZERO | counts)
    assert (changes.ready, changes.skipped, changes.exits) == (ready, skipped, exits)


def test_a_failing_run_only_counts() -> None:
    settled = Settled(position=0, open=frozenset())
    changes = propagate(graph.build(DEPENDENCIES), settled, ZERO, spread=False)
    assert changes.counts == {1: (1, 0), 2: (1, 0)}
    assert changes.exits == 0


def test_10_000_skipped_in_a_row() -> None:
    built = graph.build([[], *([n] for n in range(9_999))])
    counts = dict.fromkeys(range(10_000), (0, 0))
    changes = propagate(built, Settled(position=0, open=frozenset()), counts)
    assert (len(changes.skipped), changes.exits) == (9_999, 1)


@given(dags(), st.integers())
def test_every_step_settles_once_whatever_the_order(
    dependencies: list[list[int]], seed: int
) -> None:
    built = graph.build(dependencies)
    chance = random.Random(seed)
    counts = dict.fromkeys(range(len(dependencies)), (0, 0))
    ready, ran, skipped, exits = list(built.roots), [], [], 0
    while ready:
        position = ready.pop(chance.randrange(len(ready)))
        ran.append(position)
        dependents = built.dependents[position]
        some = frozenset(d for d in dependents if chance.random() < 0.7)
        settled = Settled(position=position, open=chance.choice([None, some]))
        loaded = {n: counts[n] for n in affected(built, settled)}
        changes = propagate(built, settled, loaded)
        counts |= changes.counts
        ready += changes.ready
        skipped += changes.skipped
        exits += changes.exits
    assert sorted(ran + skipped) == list(range(len(dependencies)))
    assert exits == len(built.sinks)
