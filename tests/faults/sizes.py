"""Outputs and graphs at the edge of what is taken, and beyond."""

from __future__ import annotations

import time
from random import Random
from uuid import UUID

from engine.models import StepExecution
from engine.runner import MAX_OUTPUT_BYTES
from tests.faults import loads, oracle
from tests.faults.loads import Document, effect
from tests.faults.site import Site
from tests.faults.trial import Round
from tests.support.workflows import definition

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


def _large(site: Site, document: Document, small: Document, size: int) -> Round:
    site.staff(concurrency=4)
    cost = {}
    runs = []
    for steps, which in ((100, small), (size, document)):
        began = time.monotonic()
        run_id = site.start(which)
        oracle.rest([run_id], seconds=240)
        cost[steps] = (time.monotonic() - began) / steps
        runs.append(run_id)
    note = f"{size:,} steps: {cost[size] * 1000:.2f} ms a step, {cost[100] * 1000:.2f} at 100"
    return Round(runs=runs, hits=1, notes=[note], patience=240)


def deep(site: Site, random: Random, wanted: int) -> Round:
    """One line of very many steps."""
    size = 1_000 if site.small else 10_000
    return _large(site, loads.deep(size), loads.deep(100), size)


def wide(site: Site, random: Random, wanted: int) -> Round:
    """Very many steps side by side."""
    size = 1_000 if site.small else 10_000
    return _large(site, loads.wide(size), loads.wide(100), size)
