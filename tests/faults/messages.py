"""A broker that delivers messages several times, late, and in another order."""

from __future__ import annotations

import heapq
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from uuid import uuid4

from redis import Redis

from tests.faults import loads, oracle
from tests.faults.site import Site
from tests.faults.trial import Round

_DELIVERED = "delivered"


class Postman(threading.Thread):
    """Takes every message from the queue `default` and delivers it to `delivered` as it likes.

    Attributes:
        copied: messages that it delivered more than once.
        overtaken: ids of runs of which a message came behind one that was sent after it.
    """

    def __init__(self, broker: Redis, plan: Callable[[], list[float]]) -> None:
        """`plan` gives the delays, in seconds, of a message's deliveries."""
        super().__init__(name="postman", daemon=True)
        self.broker, self.plan = broker, plan
        self.copied = 0
        self.overtaken: set[str] = set()
        self._bag: list[tuple[float, int, bytes]] = []
        self._taken = self._newest = 0
        self._stopping = threading.Event()

    def run(self) -> None:
        while not (self._stopping.is_set() and not self._bag):
            while (message := self.broker.rpop("default")) is not None:
                self._take(message)  # type: ignore[arg-type]
            self._deliver()
            time.sleep(0.002)

    def stop(self) -> None:
        """Delivers what is left and ends."""
        self._stopping.set()
        self.join()

    def _take(self, message: bytes) -> None:
        delays = self.plan()
        self._taken += 1
        self.copied += len(delays) > 1
        for delay in delays:
            heapq.heappush(self._bag, (time.monotonic() + delay, self._taken, message))

    def _deliver(self) -> None:
        while self._bag and self._bag[0][0] <= time.monotonic():
            _, number, message = heapq.heappop(self._bag)
            letter = json.loads(message)
            letter["properties"]["delivery_tag"] = str(uuid4())  # by which the worker knows it
            if number < self._newest:
                self.overtaken.add(str(letter["headers"]["argsrepr"]).removeprefix("run "))
            self._newest = max(self._newest, number)
            self.broker.lpush(_DELIVERED, json.dumps(letter))


@contextmanager
def _postman(site: Site, plan: Callable[[], list[float]]) -> Iterator[Postman]:
    site.staff(concurrency=4, queue=_DELIVERED)
    postman = Postman(site.broker, plan)
    postman.start()
    try:
        yield postman
    finally:
        postman.stop()


def duplicates(site: Site, random: Random, wanted: int) -> Round:
    """Every message comes 2 to 5 times, within half a second."""

    def plan() -> list[float]:
        return [random.uniform(0, 0.5) for _ in range(random.randint(2, 5))]

    with _postman(site, plan) as postman:
        size = min(100, wanted // 4 + 4)
        runs = [site.start(random.choice(loads.ALL)(0.02)) for _ in range(size)]
        oracle.rest(runs, seconds=90)
    return Round(runs=runs, hits=postman.copied)


def reorder(site: Site, random: Random, wanted: int) -> Round:
    """Every message comes once, up to three seconds late: later than it is sent again."""

    def plan() -> list[float]:
        return [random.choice((0.0, 0.1, 0.5, 3.0)) * random.random()]

    with _postman(site, plan) as postman:
        runs = [site.start(random.choice(loads.ALL)(0.02)) for _ in range(min(100, wanted + 5))]
        oracle.rest(runs, seconds=90)
    return Round(runs=runs, hits=len(postman.overtaken & {str(run) for run in runs}))
