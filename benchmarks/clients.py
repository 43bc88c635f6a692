"""Many HTTP clients at once, each with a connection of its own that it keeps."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median, quantiles

_TIMEOUT = 60.0  # seconds for one answer


@dataclass(kw_only=True, slots=True)
class Answers:
    """What came back.

    Attributes:
        milliseconds: of each request, in no order.
        statuses: how many answers of each HTTP status; 0: no answer.
        seconds: from the first request to the last answer.
    """

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0

    @property
    def p50(self) -> float:
        """Half of the requests took at most this, in milliseconds."""
        return median(self.milliseconds)

    @property
    def p99(self) -> float:
        """99 of 100 requests took at most this, in milliseconds."""
        return quantiles(self.milliseconds, n=100)[98]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.milliseconds) / self.seconds

    @property
    def broken(self) -> int:
        """Requests that had no answer, or one of the server's errors."""
        return sum(count for status, count in self.statuses.items() if not 200 <= status < 500)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request, as often as wanted."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def together(port: int, call: Call, *, clients: int, requests: int) -> Answers:
    """`clients` threads with `requests` each, one behind the other."""

    def one(_: int) -> list[tuple[int, float]]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        found = []
        for _ in range(requests):
            started = time.monotonic()
            try:
                connection.request(call.method, call.path, call.body, dict(call.headers))
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                connection.close()
                status = 0
            found.append((status, (time.monotonic() - started) * 1000))
        connection.close()
        return found

    answers = Answers()
    started = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        for found in pool.map(one, range(clients)):
            answers.statuses.update(status for status, _ in found)
            answers.milliseconds += [took for _, took in found]
    answers.seconds = time.monotonic() - started
    return answers
