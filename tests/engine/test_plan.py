from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given

from engine import graph, plan
from engine.definition import WorkflowDefinition, WorkflowStep
from tests.engine.test_graph import dags


def defined(spec: dict[str, str]) -> WorkflowDefinition:
    """Steps from `{"c": "a b"}`; a capital first letter makes a step slow, `@` puts it on the
    queue `ai`.
    """
    names = [name.strip("@") for name in spec]
    index = {name: n for n, name in enumerate(names)}
    steps = tuple(
        WorkflowStep(
            id=name,
            name=name,
            step_type="T",
            dependencies=tuple(before.split()),
            position=index[name],
            inline=name.islower(),
            queue="ai" if raw.endswith("@") else "default",
        )
        for (raw, before), name in zip(spec.items(), names, strict=True)
    )
    built = graph.build([[index[d] for d in step.dependencies] for step in steps])
    return WorkflowDefinition(
        id="", name="", description="", version="1", category="", steps=steps, entry_points=(),
        exit_points=(), ai_configurable=True, created_by="", created_at=None, updated_at=None,
        inputs=None, outputs=None, output_reads=frozenset(), graph=built, index=index,
    )  # fmt: skip


def rounds(definition: WorkflowDefinition) -> list[list[str]]:
    return [plan.describe(definition, segments) for segments in plan.preview(definition)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # A linear stretch: cheap neighbours in one task, slow ones a link each.
        ({"a": "", "b": "a", "c": "b"}, [["chain(a + b + c)"]]),
        ({"A": "", "B": "A", "C": "B"}, [["chain(A | B | C)"]]),
        ({"a": "", "b": "a", "C": "b", "d": "C"}, [["chain(a + b | C | d)"]]),
        # Cheap neighbours on other queues do not share a message.
        ({"a": "", "b@": "a", "c": "b"}, [["chain(a | b @ai | c)"]]),
        # Branches that meet: a chord with the join as its body.
        (
            {"a": "", "B": "a", "C": "a", "d": "B C"},
            [["chain(a)"], ["chord([B, C] -> d)"]],
        ),
        # Cheap branches fit one message, so there is nothing to count for a chord.
        ({"a": "", "b": "a", "c": "a", "d": "b c"}, [["chain(a)"], ["chain(b + c | d)"]]),
        # A branch of several slow steps would make the chord nested: chains alone.
        (
            {"a": "", "B": "a", "C": "B", "D": "a", "e": "C D"},
            [["chain(a)"], ["chain(B | C)", "chain(D)"], ["chain(e)"]],
        ),
        # Ragged: the slow branch D holds nothing back that does not depend on it.
        (
            {"a": "", "B": "a", "C": "a", "D": "a", "e": "B C", "f": "e D"},
            [["chain(a)"], ["chord([B, C] -> e)", "chain(D)"], ["chain(f)"]],
        ),
        # Cheap steps that meet nowhere share messages.
        ({"a": "", "b": "a", "c": "a"}, [["chain(a)"], ["chain(b + c)"]]),
        ({"a": "", "B": "a", "C": "a"}, [["chain(a)"], ["chain(B)", "chain(C)"]]),
    ],
)
def test_preview(spec: dict[str, str], expected: list[list[str]]) -> None:
    assert rounds(defined(spec)) == expected


def test_long_stretches_are_cut() -> None:
    slow = {f"S{n}": f"S{n - 1}" if n else "" for n in range(20)}
    chains = [segment for [segment] in plan.preview(defined(slow))]
    assert [len(chain.tasks) for chain in chains if isinstance(chain, plan.Chain)] == [8, 8, 4]
    cheap = {f"s{n}": f"s{n - 1}" if n else "" for n in range(60)}
    [[chain]] = list(plan.preview(defined(cheap)))
    assert isinstance(chain, plan.Chain)
    assert [len(task.positions) for task in chain.tasks] == [50, 10]


def test_without_fusing_every_step_has_a_message_of_its_own() -> None:
    definition = defined({"a": "", "b": "a", "c": "a", "d": "b c", "e": "d"})
    for ready, expected in (
        ([0], "chain(a)"),
        ([1, 2], "chord([b, c] -> d)"),
        ([3], "chain(d | e)"),
    ):
        segments = plan.next_segments(definition, ready, max_fused=1)
        assert plan.describe(definition, segments) == [expected]


def test_wide_fan_out_shares_messages() -> None:
    spec = {"a": "", **{f"b{n}": "a" for n in range(60)}}
    spec["join"] = " ".join(f"b{n}" for n in range(60))
    [_, [chord]] = list(plan.preview(defined(spec)))
    assert isinstance(chord, plan.Chord)
    assert [len(task.positions) for task in chord.header] == [50, 10]


def test_10_000_deep_is_planned() -> None:
    spec = {f"S{n}": f"S{n - 1}" if n else "" for n in range(10_000)}
    assert sum(1 for _ in plan.preview(defined(spec))) == 1_250


@given(dags())
def test_every_step_is_carried_and_messages_stay_small(dependencies: list[list[int]]) -> None:
    spec = {
        f"{'S' if n % 3 else 's'}{n}": " ".join(f"{'S' if d % 3 else 's'}{d}" for d in before)
        for n, before in enumerate(dependencies)
    }
    definition = defined(spec)
    definition = replace(definition, graph=graph.build(dependencies))
    carried: set[int] = set()
    for segments in plan.preview(definition):
        for segment in segments:
            tasks = segment.tasks if isinstance(segment, plan.Chain) else segment.header
            assert len(tasks) <= (plan.MAX_LINKS + 1 if isinstance(segment, plan.Chain) else 1_000)
            for task in tasks:
                assert len(task.positions) <= plan.MAX_FUSED
                assert len(json.dumps(task.positions)) < 4_000
                carried.update(task.positions)
            if isinstance(segment, plan.Chord):
                carried.update(segment.body.positions)
    assert carried == set(range(len(dependencies)))
