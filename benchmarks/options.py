"""What a bench was asked to do."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

LOADS = ("W1", "W2", "W3", "W4", "W5", "W6", "W7", "W1M", "AI", "COSTS")
FULL_ROUNDS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The command line.

    Attributes:
        loads: which to run, in order.
        rounds: how many interleaved rounds.
        scale: share of each load's runs, for a quick look.
        check: exit non-zero where a figure is below its floor.
        peers: the Python that has DBOS and Prefect; empty: without them.
    """

    loads: tuple[str, ...]
    rounds: int
    scale: float
    check: bool
    peers: str

    @property
    def full(self) -> bool:
        """Whether the figures are those that the repository keeps."""
        return self.loads == LOADS and self.rounds >= FULL_ROUNDS and self.scale == 1

    def scaled(self, count: int) -> int:
        """A load's number of runs or steps at this scale."""
        return max(1, round(count * self.scale))


def read(arguments: Sequence[str]) -> Options:
    """The options, or an exit that says what does not fit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--load", default="", help=f"of {', '.join(LOADS)}, by comma; none: all")
    parser.add_argument("--rounds", type=int, default=FULL_ROUNDS)
    parser.add_argument("--scale", type=float, default=1, help="0.1: a tenth of each load")
    parser.add_argument("--check", action="store_true", help="fail below a floor")
    parser.add_argument("--peers", default="", help="the Python that has DBOS and Prefect")
    given = parser.parse_args(arguments)
    loads = tuple(name for name in given.load.upper().split(",") if name) or LOADS
    if unknown := sorted(set(loads) - set(LOADS)):
        parser.error(f"there is no load {', '.join(unknown)}; known: {', '.join(LOADS)}")
    if given.rounds < 1 or not 0 < given.scale <= 1:
        parser.error("at least one round, and a scale above 0 and at most 1")
    return Options(
        loads=loads,
        rounds=given.rounds,
        scale=given.scale,
        check=given.check,
        peers=given.peers,
    )
