"""W7: a graph that is not series-parallel, whose slow branch nobody waits for."""

from __future__ import annotations

from typing import Any

from benchmarks import workers
from benchmarks.figures import Bar, Outcome, Series, Table
from benchmarks.options import Options
from benchmarks.platform import Platform, call, definition
from engine import definitions
from engine.workflows import create_workflow

_POLL = 0.001
# id -> (seconds, dependencies). `slow` is followed by nothing; the rest is not series-parallel: `d`
# waits for `b` and `c`, `e` for `c` alone, `f` for `b` and `d`, and so on.
GRAPH: dict[str, tuple[float, tuple[str, ...]]] = {
    "a": (0.05, ()),
    "slow": (0.8, ("a",)),
    "b": (0.1, ("a",)),
    "c": (0.2, ("a",)),
    "d": (0.1, ("b", "c")),
    "e": (0.2, ("c",)),
    "f": (0.1, ("b", "d")),
    "g": (0.1, ("d", "e")),
    "h": (0.1, ("e",)),
    "i": (0.1, ("f", "g")),
    "j": (0.1, ("g", "h")),
    "k": (0.05, ("i", "j")),
}


def document() -> dict[str, Any]:
    """The graph as a definition."""
    steps = [
        call(name, "bench.wait", {"seconds": seconds, "data": "${inputs.data}"}, *dependencies)
        for name, (seconds, dependencies) in GRAPH.items()
    ]
    return definition("ragged", steps)


def ragged(options: Options) -> Outcome:
    """The run's makespan beside the heaviest path through the graph."""
    parsed = definitions.parse(document())
    critical = parsed.graph.critical_path([GRAPH[step.id][0] for step in parsed.steps])
    staged = sum(stages())
    platform = Platform()
    workflow = create_workflow(document=document(), owner=platform.user)
    with workers.worker(workers.PLATFORM, pool="threads", concurrency=8):
        platform.timed(workflow, runs=1, poll=_POLL)
        series = Series.of(
            platform.timed(workflow, runs=1, poll=_POLL) for _ in range(options.rounds)
        )
    ratio = Series.of(value / critical for value in series.values)
    table = Table(
        title=f"W7: ragged graph of {len(GRAPH)} waiting steps with an independent slow branch",
        headings=("", "seconds", "x critical path"),
        rows=[
            ("platform", series.text(3), ratio.text(3)),
            ("critical path", f"{critical:.3f}", "1"),
            ("with a barrier behind each stage", f"{staged:.3f}", f"{staged / critical:.2f}"),
        ],
    )
    bar = Bar(
        load="W7",
        name="makespan / critical path",
        value=ratio.median,
        floor=1.25,
        goal=1.1,
        higher=False,
    )
    return Outcome(tables=[table], bars=[bar])


def stages() -> list[float]:
    """The longest step of each stage, where a step's stage follows those of its dependencies."""
    stage: dict[str, int] = {}
    longest: dict[int, float] = {}
    for name, (seconds, dependencies) in GRAPH.items():
        stage[name] = 1 + max((stage[other] for other in dependencies), default=-1)
        longest[stage[name]] = max(seconds, longest.get(stage[name], 0))
    return list(longest.values())
