"""Where the time of W1 goes, part by part, and the share of the database's own speed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from benchmarks import pgbench, sides, stopwatch, workers
from benchmarks.baseline.app import REDIS_URL, nothing
from benchmarks.figures import Bar, Outcome, Series, Table
from benchmarks.options import Options
from benchmarks.platform import Platform
from benchmarks.shapes import Shape
from benchmarks.stopwatch import Spent
from engine import runner

_SHAPE = Shape(kind="chain", size=10)
_WORKERS = 2
_MESSAGES = 3_000
_RUNS = 100
_PGBENCH_SECONDS = 4
_QUEUE = "baseline"


def costs(options: Options) -> Outcome:
    """A message, a submission and a step of W1, taken apart; then commits a second."""
    publish, consume = messages(options.scaled(_MESSAGES))
    submitting, working = alone(options.scaled(_RUNS))
    speeds, commits = shares(options)
    parts = Table(
        title="Where the time goes",
        headings=("part", "ms", "statements", "encryption", "publishing", "Python"),
        rows=[
            ("publish a message", f"{publish:.3f}", "", "", "", ""),
            ("consume a message (two processes)", f"{consume:.3f}", "", "", "", ""),
            row("submit a run of 10 steps", submitting, per=options.scaled(_RUNS)),
            row("carry out a step of W1", working, per=options.scaled(_RUNS) * _SHAPE.steps),
        ],
        note="Milliseconds of one process that nothing disturbs. A message of W1 carries 10 steps. "
        "Statements include the wait for the database and its fsync; the number of statements is "
        "in brackets.",
    )
    share = speeds.over(commits)
    database = Table(
        title="Share of the database's own speed",
        headings=("", "a second"),
        rows=[
            ("steps of W1, each with a commit", speeds.text()),
            (f"pgbench, one-row updates of {_WORKERS} clients, commits", commits.text()),
            ("share", share.text(2)),
        ],
    )
    encryption = submitting.encryption.seconds + working.encryption.seconds
    bar = Bar(
        load="COSTS",
        name="encryption's share of W1",
        value=encryption / (submitting.total + working.total),
        floor=0.15,
        goal=0.1,
        higher=False,
    )
    return Outcome(tables=[parts, database], bars=[bar])


def row(name: str, spent: Spent, *, per: int) -> list[str]:
    """The parts of a stretch of work, of which there were `per`."""

    def text(seconds: float) -> str:
        return f"{1000 * seconds / per:.3f}"

    return [
        name,
        text(spent.total),
        f"{text(spent.statements.seconds)} ({spent.statements.calls / per:.1f})",
        text(spent.encryption.seconds),
        text(spent.publishing.seconds),
        text(spent.rest),
    ]


def messages(count: int) -> tuple[float, float]:
    """Milliseconds to publish an empty message, and for a worker of two processes to take one."""
    broker = redis.Redis.from_url(REDIS_URL)

    def left() -> int:
        return int(broker.llen(_QUEUE))

    with workers.worker(workers.BASELINE, pool="prefork", concurrency=_WORKERS) as worker:
        for _ in range(100):
            nothing.delay()
        sides.wait_for(left, poll=0.01, what="empty messages")
        with stopped(worker):
            started = time.monotonic()
            for _ in range(count):
                nothing.delay()
            published = time.monotonic() - started
        started = time.monotonic()
        sides.wait_for(left, poll=0.001, what="empty messages")
        consumed = time.monotonic() - started
    return 1000 * published / count, 1000 * consumed / count


@contextmanager
def stopped(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """The process rests while the block runs."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def alone(runs: int) -> tuple[Spent, Spent]:
    """Submits runs of W1 while no worker is there, then carries them out in this process."""
    platform = Platform()
    workflow = platform.workflow(_SHAPE)
    positions = list(range(_SHAPE.steps))
    runner.run_steps(platform.start(workflow), positions, None, trace={})
    with stopwatch.watching() as submitting:
        started = [platform.start(workflow) for _ in range(runs)]
    with stopwatch.watching() as working:
        for execution_id in started:
            runner.run_steps(execution_id, positions, None, trace={"task": "bench"})
    redis.Redis.from_url(os.environ["REDIS_URL"]).flushdb()
    return submitting, working


def shares(options: Options) -> tuple[Series, Series]:
    """Steps a second of W1 and commits a second of pgbench, in turn."""
    platform = Platform()
    runs = options.scaled(300)
    speeds, commits = [], []
    pgbench.prepare()
    with workers.worker(workers.PLATFORM, pool="prefork", concurrency=_WORKERS):
        platform.seconds(_SHAPE, runs=10, poll=0.005)
        for _ in range(options.rounds):
            speeds.append(runs * _SHAPE.steps / platform.seconds(_SHAPE, runs=runs, poll=0.005))
            commits.append(pgbench.commits(clients=_WORKERS, seconds=_PGBENCH_SECONDS))
    pgbench.clean()
    return Series.of(speeds), Series.of(commits)
