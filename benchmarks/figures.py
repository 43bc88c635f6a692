"""Figures of several rounds, and the tables that show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Series:
    """What the rounds measured, in their order."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Series:
        """The series of these values."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        return median(self.values)

    def text(self, digits: int = 0, unit: str = "") -> str:
        """`median (lowest-highest)`, or the only value."""
        shown = f"{self.median:,.{digits}f}{unit}"
        if len(self.values) == 1:
            return shown
        return f"{shown} ({min(self.values):,.{digits}f}-{max(self.values):,.{digits}f})"

    def over(self, other: Series) -> Series:
        """This by the other, round by round."""
        return Series.of(a / b for a, b in zip(self.values, other.values, strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows under headings, with a title above and a note below."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """The table as GitHub shows it."""
        lines = [self.headings, ["---"] * len(self.headings), *self.rows]
        text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"## {self.title}\n\n{text}\n" + (f"\n{self.note}\n" if self.note else "")

    def plain(self) -> str:
        """The table in columns, for a terminal."""
        lines = [self.headings, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, *(f"  {line}" for line in shown), self.note]).rstrip() + "\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A figure that the bench is judged by.

    Attributes:
        load: such as `W1`; name: what is measured; value: the median.
        floor: the least that counts as good enough; goal: what is aimed at.
        higher: whether higher is better.
    """

    load: str
    name: str
    value: float
    floor: float
    goal: float
    higher: bool

    @property
    def met(self) -> bool:
        """Whether the floor is held."""
        return self.value >= self.floor if self.higher else self.value <= self.floor

    def cells(self) -> list[str]:
        """The bar as a row of a table."""
        sign = ">=" if self.higher else "<="
        reached = self.value >= self.goal if self.higher else self.value <= self.goal
        state = "goal reached" if reached else "floor held" if self.met else "BELOW THE FLOOR"
        shown = f"{self.value:.2f}"
        return [
            self.load,
            self.name,
            shown,
            f"{sign} {self.floor:g}",
            f"{sign} {self.goal:g}",
            state,
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a load measured.

    Attributes:
        heading, speeds: for the chart: (side, steps a second).
    """

    tables: Sequence[Table]
    bars: Sequence[Bar] = ()
    heading: str = ""
    speeds: Sequence[tuple[str, float]] = ()
