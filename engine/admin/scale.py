"""The time line's scale: seconds of a run -> percent of the page's width.

Pure arithmetic. Idle time that is longer than all work is drawn short and marked as a break: a day
of waiting for somebody would leave the seconds of work no width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

SHORTEST_BREAK = 1.0  # seconds
MAX_BREAKS = 2  # the longest; more would leave no room for their labels
BREAK_SHARE = 0.25  # of the work's width
_TICKS = 8
_NICE = (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600,
         900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)  # fmt: skip

Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Seconds `start` to `end`, drawn from `left` to `right` percent; `broken`: drawn short."""

    start: float
    end: float
    left: float
    right: float
    broken: bool


class Scale:
    """Where the seconds from 0 to `length` lie, given the intervals in which something worked."""

    def __init__(self, length: float, busy: Iterable[Interval]) -> None:
        length = max(length, 1e-3)
        breaks = _breaks(length, _merged(busy, length))
        plain = length - sum(end - start for start, end in breaks)
        shown = plain * (1 + BREAK_SHARE * len(breaks))
        self.pieces: list[Piece] = []
        at = left = 0.0
        for start, end, broken in _alternating(length, breaks):
            wide = plain * BREAK_SHARE if broken else end - start
            right = left + wide / shown * 100
            self.pieces.append(Piece(start=at, end=end, left=left, right=right, broken=broken))
            at, left = end, right

    def x(self, second: float) -> float:
        """Where a second lies, in percent."""
        for piece in self.pieces:
            if second <= piece.end:
                share = max(second - piece.start, 0.0) / (piece.end - piece.start)
                return piece.left + share * (piece.right - piece.left)
        return 100.0

    @property
    def breaks(self) -> list[Piece]:
        """The idle stretches that are drawn short."""
        return [piece for piece in self.pieces if piece.broken]

    def ticks(self) -> Iterator[tuple[float, float]]:
        """(percent, second) of round seconds from the start on, and behind each break."""
        for piece in self.pieces:
            if piece.broken:
                continue
            width = piece.right - piece.left
            if piece.start:
                if width > 5 and piece.left < 94:
                    yield piece.left, piece.start
                continue
            step = _nice((piece.end - piece.start) / max(_TICKS * width / 100, 1))
            yield 0.0, 0.0
            second = step
            while self.x(second) <= piece.right - 7 and second < piece.end:
                yield self.x(second), second
                second += step


def _merged(intervals: Iterable[Interval], length: float) -> list[Interval]:
    found: list[Interval] = []
    for start, end in sorted(intervals):
        start, end = max(start, 0.0), min(max(end, start), length)
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        elif start < length:
            found.append((start, end))
    return found


def _breaks(length: float, busy: list[Interval]) -> list[Interval]:
    work = sum(end - start for start, end in busy)
    if not work:
        return []
    edges = [0.0, *(moment for interval in busy for moment in interval), length]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    long = [(start, end) for start, end in gaps if end - start > max(work, SHORTEST_BREAK)]
    return sorted(sorted(long, key=lambda gap: gap[0] - gap[1])[:MAX_BREAKS])


def _alternating(length: float, breaks: list[Interval]) -> Iterator[tuple[float, float, bool]]:
    at = 0.0
    for start, end in breaks:
        if start > at:
            yield at, start, False
        yield start, end, True
        at = end
    if at < length:
        yield at, length, False


def _nice(second: float) -> float:
    for nice in _NICE:
        if nice >= second:
            return nice
    days = int(second // 86_400) + 1
    return days * 86_400.0
