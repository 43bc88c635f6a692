"""The loads that were asked for, one after the other, and what they say."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import results, sides, workers
from benchmarks.figures import Outcome
from benchmarks.loads import ai, costs, growth, makespan, peers, ragged, rows, throughput, web
from benchmarks.options import Options

LOADS: dict[str, Callable[[Options], Outcome]] = {
    "W1": throughput.linear,
    "W2": throughput.fan_out,
    "W3": makespan.waiting,
    "W4": makespan.idle,
    "W5": growth.growth,
    "W6": web.web,
    "W7": ragged.ragged,
    "W1M": rows.million_rows,
    "AI": ai.ai,
    "COSTS": costs.costs,
}


def run(options: Options) -> int:
    """The exit code: 1 where a floor is not held and the check was asked for."""
    outcomes: dict[str, Outcome] = {}
    loads = [(name, LOADS[name]) for name in options.loads]
    if options.peers:
        loads.append(("PEERS", peers.peers))
    for name, load in loads:
        rows.empty()  # alike for each load
        print(f"{name} ...", flush=True)
        try:
            outcomes[name] = load(options)
        except sides.Stuck as error:
            print(error, *workers.last_words(), sep="\n")
            return 1
        for table in outcomes[name].tables:
            print(table.plain(), flush=True)
    print(results.bars(outcomes).plain())
    if options.full:
        results.write(options, outcomes)
        print(f"Written: {results.RESULTS} and {results.CHART}")
    missed = [bar for outcome in outcomes.values() for bar in outcome.bars if not bar.met]
    if not options.check or not missed:
        return 0
    for bar in missed:
        print(f"{bar.load}: {bar.name} is {bar.value:.2f}, the floor is {bar.floor:g}")
    return 1
