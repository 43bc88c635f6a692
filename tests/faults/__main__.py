"""`make faults`: the catalogue, fault by fault; what was done stays done when it is interrupted."""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

from tests.faults import lane as lanes
from tests.faults import place, report
from tests.faults.plan import BY_NAME, FAULTS, Fault
from tests.faults.report import Outcome
from tests.support.options import at_least_one, natural

KEPT = report.ROOT / "var" / "faults.jsonl"


def main() -> int:
    """The exit code: 0 where every fault hit as often as it was to, and nothing was lost."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--fault", choices=sorted(BY_NAME), help="only this one")
    parser.add_argument("--n", type=at_least_one, help="how often it is to hit")
    parser.add_argument("--seed", type=natural, default=random.randrange(1_000_000))
    parser.add_argument("--subset", action="store_true", help="the part that every check runs")
    parser.add_argument("--lanes", type=at_least_one, default=3, help="platforms side by side")
    given = parser.parse_args()
    place.end_when_asked()
    lanes.remove_leftovers()
    whole = not given.subset and given.fault is None and given.n is None
    done = kept() if whole else {}
    todo = [BY_NAME[given.fault]] if given.fault else list(FAULTS)
    todo = sorted((f for f in todo if f.name not in done), key=lambda f: -f.minutes)
    inject = partial(_inject, done, given=given, whole=whole)
    inject([fault for fault in todo if not fault.alone], given.lanes)
    inject([fault for fault in todo if fault.alone], 1)
    if any(not outcome.good for outcome in done.values()):
        return 1
    if whole:
        report.write(done, machine=f"{os.cpu_count()} cores, {platform.system()}")
        KEPT.unlink()
        print(f"Written: {report.DOCUMENT.relative_to(report.ROOT)}")
    return 0


def _inject(
    done: dict[str, Outcome],
    todo: list[Fault],
    beside: int,
    *,
    given: argparse.Namespace,
    whole: bool,
) -> None:
    """Injects these faults in so many lanes, the longest first."""
    queue: SimpleQueue[tuple[Fault, int]] = SimpleQueue()
    for fault in todo:
        n = given.n or (fault.subset if given.subset else fault.n)
        if n:
            queue.put((fault, n))
    running: list[lanes.Lane] = []
    work = [
        threading.Thread(
            target=_lane, args=(queue, done, running), kwargs={"given": given, "whole": whole}
        )
        for _ in range(min(beside, queue.qsize()))
    ]
    for thread in work:
        thread.start()
    try:
        for thread in work:
            thread.join()
    except (SystemExit, KeyboardInterrupt):
        with suppress(Empty):
            while True:
                queue.get_nowait()
        for lane in running:
            lane.end()
        raise  # Python waits for the threads, which take down what the lanes have left


def _lane(
    queue: SimpleQueue[tuple[Fault, int]],
    done: dict[str, Outcome],
    running: list[lanes.Lane],
    *,
    given: argparse.Namespace,
    whole: bool,
) -> None:
    with lanes.Lane(small=given.subset) as lane:
        running.append(lane)
        while True:
            try:
                fault, n = queue.get_nowait()
            except Empty:
                return
            outcome = lane.inject(fault.name, n=n, seed=given.seed)
            done[fault.name] = outcome
            print(outcome.line(), *outcome.problems[:20], *outcome.notes, sep="\n  ", flush=True)
            if whole and outcome.good:
                keep(outcome)


def kept() -> dict[str, Outcome]:
    """What an interrupted run of the whole catalogue has done."""
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    found = {outcome.fault: outcome for outcome in map(report.from_json, lines)}
    for outcome in found.values():
        print(f"{outcome.line()} (before)")
    return found


def keep(outcome: Outcome) -> None:
    """Remembers a fault that is done."""
    KEPT.parent.mkdir(exist_ok=True)
    with Path(KEPT).open("a") as file:
        file.write(report.to_json(outcome) + "\n")


if __name__ == "__main__":
    sys.exit(main())
