"""The graphs of the loads, which each side builds in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """A graph of equal steps.

    Attributes:
        kind: `chain`: one step after the other; `fan`: one step, then `size` branches, then a join.
        size: steps of the chain, or branches.
        seconds: how long each of them waits; 0: it is cheap, and works on 1 KB.
        gathers: whether the join gets every branch's output.
    """

    kind: Literal["chain", "fan"]
    size: int
    seconds: float = 0
    gathers: bool = True

    @property
    def steps(self) -> int:
        """How many steps a run has."""
        return self.size if self.kind == "chain" else self.size + 2
