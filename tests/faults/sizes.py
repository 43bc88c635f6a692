"""Outputs and graphs at the edge of what is taken, and beyond."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from random import Random
from statistics import median
from uuid import UUID

import psutil

from engine.models import StepExecution, WorkflowExecution
from engine.runner import MAX_OUTPUT_BYTES
from tests.faults import loads, oracle
from tests.faults.loads import Document, effect
from tests.faults.site import Site
from tests.faults.trial import Round
from tests.support.workers import wait_until
from tests.support.workflows import definition

_SMALL = 100
_DEARER = 1.2  # times as much as a step of a small run may cost
_SIZES = (1, 1_000, 1_000_000, 16_000_000, 100_000_000)


def outputs(site: Site, random: Random, wanted: int) -> Round:
    """Steps whose outputs are of every size; the next step does its work or never starts."""
    site.staff(concurrency=2)
    problems: list[str] = []
    fitting: list[UUID] = []
    sizes = _SIZES[:wanted]
    for size in sizes:
        run_id = site.start(
            definition(effect("a", bytes=size), effect("b", "a"), name=f"Output of {size}")
        )
        oracle.rest([run_id], seconds=60)
        if size < MAX_OUTPUT_BYTES:
            fitting.append(run_id)
            output = StepExecution.objects.get(execution_id=run_id, step_id="a").output_data
            if len((output or {}).get("fill", "")) != size:
                problems.append(f"an output of {size} bytes came back otherwise")
            continue
        code = StepExecution.objects.get(execution_id=run_id, step_id="a").error_code
        if code != "output_too_large":
            problems.append(f"an output of {size} bytes gave {code!r}")
        problems += oracle.problems([run_id], effects=site.effects, expected=("failed",))
    return Round(runs=fitting, hits=len(sizes), problems=problems)


def deep(site: Site, random: Random, wanted: int) -> Round:
    """One line of very many steps."""
    return _large(site, loads.deep, min(wanted, 5))


def wide(site: Site, random: Random, wanted: int) -> Round:
    """Very many steps side by side."""
    return _large(site, loads.wide, min(wanted, 5))


def _large(site: Site, shape: Callable[[int], Document], times: int) -> Round:
    """Large runs and series of small ones in turn; a step costs hardly more in the large ones.

    The cost is processor time of servers and workers: what else the machine does changes it little.
    """
    site.staff(concurrency=4)
    size = 1_000 if site.small else 10_000
    small, large = shape(_SMALL), shape(size)
    series = size // _SMALL // 5  # a fifth of the large run's steps
    runs = [_through(site, small), _through(site, large)]  # what is to be prepared once is prepared
    costs: dict[int, list[float]] = {_SMALL: [], size: []}
    for _ in range(times):
        for steps, document, count in ((_SMALL, small, series), (size, large, 1)):
            before = processor_seconds(site)
            runs += [_through(site, document) for _ in range(count)]
            costs[steps].append((processor_seconds(site) - before) / (steps * count))
    cost = {steps: median(values) * 1000 for steps, values in costs.items()}
    ratio = cost[size] / cost[_SMALL]
    note = (
        f"{size:,} steps: {cost[size]:.2f} ms of processor time a step, {cost[_SMALL]:.2f} at"
        f" {_SMALL}: {ratio:.2f}x"
    )
    problems = [] if ratio <= _DEARER else [f"{note}, more than {_DEARER}x"]
    return Round(runs=runs, hits=times, notes=[note], problems=problems, patience=240)


def _through(site: Site, document: Document) -> UUID:
    """Starts a run and waits for its end, asking for little: looking costs processor time too."""
    run_id = site.start(document)
    rows = WorkflowExecution.objects.filter(id=run_id, status="running")
    wait_until(lambda: not rows.exists(), what="a large run to end", seconds=240, every=0.1)
    return run_id


def processor_seconds(site: Site) -> float:
    """What servers, workers and this process have used so far, with their ended children."""
    used = time.process_time()
    roots = [worker.process for worker in site.workers]
    roots += [site.postgres.process, site.valkey.process]
    for root in filter(None, roots):
        parent = psutil.Process(root.pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                used += sum(process.cpu_times()[:4])  # its own and its children's, user and system
    return used
