"""Failpoints: a process is killed, fails or stalls at a named point of a step's way."""

from __future__ import annotations

import time
from itertools import product
from pathlib import Path
from random import Random

from engine.failpoints import ACTIONS, POINTS
from tests.faults import loads, oracle
from tests.faults.site import Site
from tests.faults.trial import Round

_PAIRS = tuple(product(POINTS, ACTIONS))


def _arm(site: Site, point: str, action: str) -> Path:
    file = site.failpoints / f"{point}.{action}"
    file.touch()
    return file


def failpoints(site: Site, random: Random, wanted: int) -> Round:
    """Each point with each action, once."""
    site.staff(concurrency=4)
    point, action = _PAIRS[-wanted % len(_PAIRS)]
    file = _arm(site, point, action)
    began = time.monotonic()
    runs = [site.start(load(0.1)) for load in loads.ALL]
    with site.supervised():  # the reconciler comes to some of the points too
        oracle.rest(runs, seconds=60)
    hit = not file.exists()
    file.unlink(missing_ok=True)
    problems = [] if hit else [f"no process came to {point} while {action} was armed"]
    took = time.monotonic() - began
    return Round(runs=runs, hits=int(hit), recovery=[took], problems=problems)


def random_failpoints(site: Site, random: Random, wanted: int) -> Round:
    """Points and actions at random, several at a time, while runs come and go."""
    site.staff(concurrency=4)
    runs, armed = [], []
    for _ in range(min(wanted, 10)):
        armed.append(_arm(site, *random.choice(_PAIRS)))
        runs += [site.start(random.choice(loads.ALL)(0.05)) for _ in range(5)]
        time.sleep(random.uniform(0, 0.3))
    with site.supervised():
        oracle.rest(runs, seconds=90)
    hits = sum(not file.exists() for file in set(armed))
    for file in armed:
        file.unlink(missing_ok=True)
    # A step may meet several of them, and is given up after it lost three workers.
    return Round(runs=runs, hits=hits, expected=("completed", "failed"))
