"""Memory, connections and tables while the load is constant: do they grow?"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from statistics import median

import psutil
from django.db import DatabaseError, connection
from redis import RedisError

from tests.faults.site import Site

_MIB = 1024 * 1024
TABLES = (
    "workflow_executions",
    "workflow_step_executions",
    "workflow_execution_events",
    "workflow_execution_metrics",
    "workflow_workers",
)
# Each table's size by its live rows and its share of dead tuples, read from the table itself: the
# statistics do not outlive a crash of the server.
_TABLE = """
SELECT pg_total_relation_size(%s::regclass), tuple_count, dead_tuple_percent
  FROM pgstattuple(%s)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """How much a gauge may have grown from the start to the end.

    Attributes:
        share: of what it was at the start.
        more: on top, in the gauge's unit.
    """

    share: float
    more: float

    def allows(self, start: float, end: float) -> bool:
        """Whether the end is within it."""
        return end <= start * (1 + self.share) + self.more

    def text(self, unit: str) -> str:
        """As the table says it."""
        share = f"+{self.share:.0%}" if self.share else ""
        more = f"+{self.more:g} {unit}".rstrip() if self.more else ""
        return " ".join(filter(None, (share, more)))


MEMORY = Limit(share=0.15, more=10)
CONNECTIONS = Limit(share=0.0, more=5)
ROW_SIZE = Limit(share=0.15, more=0)
# A row for each worker, rewritten every second: a few pages however many faults there are.
SMALL_TABLE = Limit(share=0.0, more=512)
DEAD = Limit(share=0.0, more=20)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """What became of one gauge after the warm-up.

    Attributes:
        start, end: medians of the first and the last fifth.
        slope: a minute, the median of the slopes between any two samples.
    """

    name: str
    unit: str
    start: float
    end: float
    slope: float
    limit: Limit

    @property
    def good(self) -> bool:
        """Whether it stayed within its limit."""
        return self.limit.allows(self.start, self.end)


class Gauges(threading.Thread):
    """Reads all gauges every few seconds, where no fault is under way."""

    def __init__(
        self, site: Site, others: Mapping[str, int], *, every: float, steady: Callable[[], bool]
    ) -> None:
        """`others`: process ids by role, of what is no worker and no server."""
        super().__init__(name="gauges", daemon=True)
        self.readings: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        self._site, self._others, self._every, self._steady = site, others, every, steady
        self._limits: dict[tuple[str, str], Limit] = {}
        self._began = time.monotonic()
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(self._every):
            if not self._steady():
                continue
            with suppress(DatabaseError, RedisError, psutil.NoSuchProcess):
                found = list(self._read())
                if self._steady():  # else a fault came in between
                    now = (time.monotonic() - self._began) / 60
                    for name, unit, limit, value in found:
                        self.readings[name, unit].append((now, value))
                        self._limits[name, unit] = limit
            connection.close()

    def stop(self) -> None:
        """Ends it."""
        self._stopping.set()
        self.join()

    def trends(self, *, after: float) -> list[Trend]:
        """Each gauge behind a warm-up of so many minutes."""
        return [
            trend(name, unit, [r for r in readings if r[0] >= after], self._limits[name, unit])
            for (name, unit), readings in self.readings.items()
        ]

    def _read(self) -> Iterator[tuple[str, str, Limit, float]]:
        for name, value in self._memory():
            yield f"memory of {name}", "MiB", MEMORY, value / _MIB
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            )
            yield "connections to PostgreSQL", "", CONNECTIONS, cursor.fetchone()[0]
            clients = self._site.broker.info("clients")["connected_clients"]
            yield "connections to Valkey", "", CONNECTIONS, clients
            for table in TABLES:
                cursor.execute(_TABLE, [table, table])
                size, rows, dead = cursor.fetchone()
                if table == "workflow_workers":
                    yield f"size of {table}", "KiB", SMALL_TABLE, size / 1024
                else:
                    yield f"{table} by live row", "B", ROW_SIZE, size / max(rows, 1)
                    yield f"dead tuples of {table}", "%", DEAD, dead

    def _memory(self) -> Iterator[tuple[str, float]]:
        parents = [psutil.Process(w.process.pid) for w in self._site.workers if w.process]
        children = [child for parent in parents for child in parent.children(recursive=True)]
        yield "workers", _resident(parents)
        yield "step processes", _resident(children)
        for role, pid in self._others.items():
            yield role, _resident([psutil.Process(pid)])
        for role, server in (("PostgreSQL", self._site.postgres), ("Valkey", self._site.valkey)):
            assert server.process is not None
            root = psutil.Process(server.process.pid)
            processes = [root, *root.children(recursive=True)]
            # Without what they share, which is shared_buffers once and not once for each.
            yield role, sum(_own(process) for process in processes)


def trend(name: str, unit: str, readings: list[tuple[float, float]], limit: Limit) -> Trend:
    """The trend of (minute, value) readings."""
    values = [value for _, value in readings]
    fifth = max(1, len(values) // 5)
    slopes = [
        (b - a) / (later - sooner)
        for (sooner, a), (later, b) in combinations(_spread(readings, 100), 2)
        if later > sooner
    ]
    return Trend(
        name=name,
        unit=unit,
        start=median(values[:fifth]) if values else 0.0,
        end=median(values[-fifth:]) if values else float("inf"),
        slope=median(slopes) if slopes else 0.0,
        limit=limit,
    )


def _spread(readings: list[tuple[float, float]], count: int) -> list[tuple[float, float]]:
    """At most so many of them, evenly."""
    return readings[:: max(1, len(readings) // count)]


def _resident(processes: Iterable[psutil.Process]) -> float:
    return sum(float(process.memory_info().rss) for process in processes)


def _own(process: psutil.Process) -> float:
    info = process.memory_info()
    return float(info.rss - info.shared)
