"""W5: what a step costs in a chain and in a fan-out of 100, 1,000 and 10,000."""

from __future__ import annotations

from typing import Literal

from benchmarks import workers
from benchmarks.baseline.side import RawCelery
from benchmarks.figures import Bar, Outcome, Series, Table
from benchmarks.options import Options
from benchmarks.platform import Platform
from benchmarks.shapes import Shape
from benchmarks.sides import Side

Kind = Literal["chain", "fan"]
KINDS: tuple[Kind, Kind] = ("chain", "fan")
SIZES = (100, 1_000, 10_000)
# Runs a round: as many steps at the smallest size as count against noise.
RUNS = {100: 10, 1_000: 2, 10_000: 1}
# A chain's messages hold the rest of the chain, so its cost grows with the square of its length:
# 5,000 did not end in two minutes.
RAW_LARGEST: dict[Kind, int] = {"chain": 1_000, "fan": 10_000}
_POLL = 0.002


def growth(options: Options) -> Outcome:
    """Milliseconds a step, by size, one run at a time."""
    sizes = [size for size in SIZES if size <= SIZES[-1] * options.scale]
    rows: list[list[str]] = []
    bars: list[Bar] = []
    with workers.both(pool="prefork", concurrency=2):
        for kind in KINDS:
            ours = by_size(Platform(), kind, sizes, rounds=options.rounds)
            rows.append(["platform", kind, *(ours[size].text(2) for size in sizes)])
            if len(sizes) > 1:
                ratio = ours[sizes[-1]].over(ours[sizes[0]])
                bars.append(bar(kind, sizes, ratio))
        # 10 to 80 s each, so one round has to do.
        for kind in KINDS:
            small = [size for size in sizes if size <= RAW_LARGEST[kind]]
            raw = by_size(RawCelery(), kind, small, rounds=1)
            cells = [raw[size].text(2) if size in raw else "not run" for size in sizes]
            rows.append(["raw Celery", kind, *cells])
    table = Table(
        title="W5: milliseconds a step, one run at a time",
        headings=("side", "graph", *(f"{size:,} steps" for size in sizes)),
        rows=rows,
        note="Fan-outs have a join that reads none of their outputs. Raw Celery ran one round, and "
        "not the chain of 10,000: each of its messages holds the rest of the chain, and 5,000 did "
        "not end in two minutes.",
    )
    return Outcome(tables=[table], bars=bars)


def by_size(side: Side, kind: Kind, sizes: list[int], *, rounds: int) -> dict[int, Series]:
    """Milliseconds a step of each size; every round takes all sizes in turn."""
    found: dict[int, list[float]] = {size: [] for size in sizes}
    shapes = {size: Shape(kind=kind, size=size, gathers=False) for size in sizes}
    side.seconds(shapes[sizes[0]], runs=2, poll=_POLL)
    for _ in range(rounds):
        for size, shape in shapes.items():
            took = [side.seconds(shape, runs=1, poll=_POLL) for _ in range(RUNS[size])]
            found[size].append(1000 * sum(took) / len(took) / shape.steps)
    return {size: Series.of(values) for size, values in found.items()}


def bar(kind: Kind, sizes: list[int], ratio: Series) -> Bar:
    """How much dearer a step of the largest size is."""
    return Bar(
        load="W5",
        name=f"{kind}: cost of a step at {sizes[-1]:,} / at {sizes[0]}",
        value=ratio.median,
        floor=1.5,
        goal=1.2,
        higher=False,
    )
