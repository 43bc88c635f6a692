"""W3 and W4: how long one run takes on an idle platform."""

from __future__ import annotations

import time
from statistics import median

from benchmarks import workers
from benchmarks.baseline.side import RawCelery
from benchmarks.figures import Bar, Outcome, Series, Table
from benchmarks.options import Options
from benchmarks.platform import Platform
from benchmarks.shapes import Shape
from benchmarks.sides import Side

_POLL = 0.001
_IDLE = 0.05  # seconds between runs, in which both sides come to rest


def waiting(options: Options) -> Outcome:
    """W3: 1 -> 20 waits of 50 ms -> join, on a thread pool."""
    shape = Shape(kind="fan", size=20, seconds=0.05)
    ours, raw = rounds(options, shape, runs=options.scaled(10), pool="threads", concurrency=20)
    return outcome(
        "W3",
        "W3: 1 -> 20 steps that wait 50 ms -> join, thread pool of 20",
        (ours, raw),
        floor=1.2,
        goal=1.0,
    )


def idle(options: Options) -> Outcome:
    """W4: one run of 10 cheap steps while nothing else goes on."""
    shape = Shape(kind="chain", size=10)
    ours, raw = rounds(options, shape, runs=options.scaled(40), pool="prefork", concurrency=2)
    return outcome("W4", "W4: one idle run of 10 cheap steps", (ours, raw), floor=0.7, goal=0.4)


def rounds(
    options: Options, shape: Shape, *, runs: int, pool: str, concurrency: int
) -> tuple[Series, Series]:
    """Milliseconds of a run on the platform and on raw Celery: the median of each round's runs."""
    sides: tuple[Side, Side] = Platform(), RawCelery()
    found: tuple[list[float], list[float]] = [], []
    with workers.both(pool=pool, concurrency=concurrency):
        for side in sides:
            side.seconds(shape, runs=2 * concurrency, poll=_POLL)
        for _ in range(options.rounds):
            for side, makespans in zip(sides, found, strict=True):
                times = []
                for _ in range(runs):
                    time.sleep(_IDLE)
                    times.append(side.seconds(shape, runs=1, poll=_POLL) * 1000)
                makespans.append(median(times))
    return Series.of(found[0]), Series.of(found[1])


def outcome(
    load: str, title: str, found: tuple[Series, Series], *, floor: float, goal: float
) -> Outcome:
    """The table and the bar of two series of makespans."""
    ours, raw = found
    ratio = ours.over(raw)
    table = Table(
        title=title,
        headings=("side", "ms a run", "x raw Celery's time"),
        rows=[("platform", ours.text(1), ratio.text(2)), ("raw Celery", raw.text(1), "1")],
        note="From the call that starts the run until its end can be read; less is better.",
    )
    bar = Bar(
        load=load,
        name="x raw Celery's time",
        value=ratio.median,
        floor=floor,
        goal=goal,
        higher=False,
    )
    return Outcome(tables=[table], bars=[bar])
