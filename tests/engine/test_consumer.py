"""What a worker does about an event loop that stands still, or has stood still."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from celery import current_app

from engine import broker, presence, worker
from engine.consumer import StepConsumer, renew_limits, watch_all
from engine.models import WorkflowWorker
from engine.presence import Presence


def test_every_process_is_watched_after_an_absence() -> None:
    watched, forgotten = SimpleNamespace(_sentinel_poll=7), SimpleNamespace(_sentinel_poll=None)
    watch_all(SimpleNamespace(_pool=[watched, forgotten, SimpleNamespace()]))
    assert watched._sentinel_poll == 7
    assert not hasattr(forgotten, "_sentinel_poll")  # Celery makes it anew


def test_limits_of_what_is_carried_out_begin_anew() -> None:
    told: list[tuple[Any, ...]] = []
    jobs = [
        SimpleNamespace(_accepted=accepted, _soft_timeout=None, _timeout=limit)
        for accepted, limit in ((True, 60), (True, None), (False, 60))
    ]
    pool = SimpleNamespace(
        _cache=dict(enumerate(jobs)),
        on_timeout_cancel=lambda job: told.append(("cancel", job)),
        on_timeout_set=lambda job, *limits: told.append(("set", job, *limits)),
    )
    renew_limits(pool)
    assert told == [("cancel", jobs[0]), ("set", jobs[0], None, 60)]


def test_tries_to_connect_often_and_says_so() -> None:
    asked: dict[str, Any] = {}

    def ensure_connection(errback: Any, max_retries: Any, **how: Any) -> str:
        how.pop("callback")()
        asked.update(how)
        return "connected"

    consumer = StepConsumer.__new__(StepConsumer)
    consumer.app = current_app
    consumer.first_connection_attempt = False
    excuses: list[bool] = []
    consumer.presence = SimpleNamespace(excuse=lambda: excuses.append(True))  # type: ignore[assignment]
    connection = SimpleNamespace(ensure_connection=ensure_connection)
    assert consumer.ensure_connected(connection) == "connected"
    assert (asked["interval_max"], excuses) == (5.0, [True])


@pytest.fixture
def watch(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a presence that touches no database, and looks every 50 ms whether its loop hangs."""
    settings.ENGINE_RECONCILE_SECONDS = 0.05
    monkeypatch.setattr(presence, "_HUNG_SECONDS", 0.2)
    monkeypatch.setattr(Presence, "_show", lambda self: None)
    made: list[Presence] = []

    def make(**row: Any) -> tuple[Presence, threading.Event]:
        hung = threading.Event()
        made.append(
            Presence(WorkflowWorker(**row), silent_after=9, on_hang=lambda still: hung.set())
        )
        made[-1].start()
        return made[-1], hung

    yield make
    for one in made:
        one._left.set()
        one.join()


def test_a_loop_that_stands_still_is_told(watch: Any) -> None:
    _, hung = watch()
    assert hung.wait(5)


@pytest.mark.parametrize("sign", ["pulse", "excuse"])
def test_a_loop_that_turns_or_has_a_reason_is_not(watch: Any, sign: str) -> None:
    one, hung = watch()
    for _ in range(20):
        getattr(one, sign)()
        time.sleep(0.05)
    assert not hung.is_set()


def test_a_worker_that_stops_may_stand_still(watch: Any) -> None:
    _, hung = watch(stopping=True)
    assert not hung.wait(0.6)


def test_a_worker_that_hangs_ends_with_its_processes() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    pid = os.fork()
    if pid == 0:
        worker._end_hung(61, Presence(WorkflowWorker(), silent_after=9), [child.pid, 2**22 + 1])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == os.EX_SOFTWARE
    assert child.wait(5) == -signal.SIGKILL


def test_a_worker_does_not_end_for_a_broker_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker, "queue_lengths", lambda: None)
    one = Presence(WorkflowWorker(), silent_after=9)
    one._excused = 0.0
    worker._end_hung(61, one, [])
    assert time.monotonic() - one._excused < 5
