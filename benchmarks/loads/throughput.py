"""W1 and W2: steps a second, linear and fanned out, from the first submission to the last end."""

from __future__ import annotations

from collections.abc import Sequence

from django.test import override_settings

from benchmarks import workers
from benchmarks.baseline.side import RawCelery
from benchmarks.figures import Bar, Outcome, Series, Table
from benchmarks.options import Options
from benchmarks.platform import Platform
from benchmarks.shapes import Shape
from benchmarks.sides import Side

CONCURRENCY = 2
_POLL = 0.005
_WARM_UP = 10  # runs before the first round
_UNFUSED_ROUNDS = 3


def linear(options: Options) -> Outcome:
    """W1: 300 runs of 10 cheap steps in line."""
    return compare(
        options,
        load="W1",
        title="W1: runs of 10 cheap steps in line",
        shape=Shape(kind="chain", size=10),
        runs=options.scaled(300),
        floor=2.5,
        goal=3.5,
    )


def fan_out(options: Options) -> Outcome:
    """W2: 20 runs of 1 -> 100 cheap -> join."""
    return compare(
        options,
        load="W2",
        title="W2: runs of 1 -> 100 cheap steps -> join",
        shape=Shape(kind="fan", size=100),
        runs=options.scaled(20),
        floor=2,
        goal=3,
    )


def compare(
    options: Options, *, load: str, title: str, shape: Shape, runs: int, floor: float, goal: float
) -> Outcome:
    """Both sides in turn; then the platform with one message a step."""
    steps = shape.steps * runs
    ours, raw, forgetful = rounds(
        (Platform(), RawCelery(), RawCelery(keeps=False)), shape, runs=runs, count=options.rounds
    )
    unfused, beside = rounds(
        (Platform(), RawCelery()),
        shape,
        runs=runs,
        count=min(options.rounds, _UNFUSED_ROUNDS),
        fused=False,
    )
    ratio = ours.over(raw)
    table = Table(
        title=title,
        headings=("side", "steps/s", "x raw Celery", "rounds"),
        rows=[
            ("platform", ours.text(), ratio.text(2), str(len(ours.values))),
            ("raw Celery", raw.text(), "1", str(len(raw.values))),
            (
                "raw Celery, keeping no result that leads to one other task",
                forgetful.text(),
                forgetful.over(raw).text(2),
                str(len(forgetful.values)),
            ),
            (
                "platform, a message a step",
                unfused.text(),
                unfused.over(beside).text(2),
                str(len(unfused.values)),
            ),
        ],
        note=f"{runs} runs, {steps:,} steps a round; median (lowest-highest) of the rounds; "
        "the ratio is that of each round's two sides.",
    )
    bar = Bar(
        load=load, name="x raw Celery", value=ratio.median, floor=floor, goal=goal, higher=True
    )
    speeds = [("platform", ours.median), ("raw Celery", raw.median)]
    return Outcome(tables=[table], bars=[bar], heading=title, speeds=speeds)


def rounds(
    sides: Sequence[Side], shape: Shape, *, runs: int, count: int, fused: bool = True
) -> list[Series]:
    """Steps a second of each side, one round of each after the other."""
    speeds: list[list[float]] = [[] for _ in sides]
    with (
        override_settings(ENGINE_FUSE=fused),
        workers.both(pool="prefork", concurrency=CONCURRENCY, fused=fused),
    ):
        for side in sides:
            side.seconds(shape, runs=min(runs, _WARM_UP), poll=_POLL)
        for _ in range(count):
            for side, found in zip(sides, speeds, strict=True):
                found.append(shape.steps * runs / side.seconds(shape, runs=runs, poll=_POLL))
    return [Series.of(found) for found in speeds]
