"""Beat and the web while PostgreSQL is away, and after its return."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from django.db import DatabaseError, connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from core.models import Scope, User
from core.tokens import issue_token
from engine.beat import LastingScheduler
from tests.support.proxy import Proxy, cuttable
from tests.support.serving import serving
from tests.support.workers import ROOT, wait_until
from workflow_platform.celery import app

# It reads its whole schedule every three seconds, not every five minutes.
_HASTY_BEAT = """
import django
django.setup()
from django_celery_beat import schedulers
schedulers.SCHEDULE_SYNC_MAX_INTERVAL = 3
from celery.__main__ import main
main()
"""


@pytest.fixture
def proxy(transactional_db: None) -> Iterator[Proxy]:
    with cuttable() as made:
        yield made


def test_beat_outlives_the_database(proxy: Proxy, tmp_path: Path) -> None:
    every_second = IntervalSchedule.objects.create(every=1, period="seconds")
    entry = PeriodicTask.objects.create(name="a", task="engine.reconcile", interval=every_second)
    command = [
        *(sys.executable, "-c", _HASTY_BEAT, "-A", "workflow_platform", "beat", "-l", "INFO"),
        *("--max-interval", "1", "--pidfile", str(tmp_path / "beat.pid")),
    ]
    log = tmp_path / "beat.log"
    with log.open("wb") as output:
        beat = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | proxy.variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def said(line: str, more_than: int = 0) -> Callable[[], bool]:
        return lambda: log.read_text().count(line) > more_than

    try:
        wait_until(said("Sending due task a "), what="beat to send")
        for outage in range(2):
            proxy.cut()
            wait_until(said("The database is away", outage), what="its complaint")
            sent = log.read_text().count("Sending due task")
            wait_until(said("Sending due task", sent + 4), what="it to go on")
            PeriodicTask.objects.filter(id=entry.id).update(name=f"b{outage}")
            proxy.join()
            wait_until(said(f"Sending due task b{outage} "), what="the new schedule")
        assert beat.poll() is None
        assert log.read_text().count("The database is away") == 2, "once an outage"
    finally:
        beat.terminate()
        beat.wait(15)
    assert "celery.redirected" not in log.read_text()


@pytest.mark.django_db(transaction=True)
def test_the_schedule_of_before_counts_where_reading_breaks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = LastingScheduler(app, max_interval=1)
    scheduler._finalize.cancel()  # it would store its schedule at the very end of the tests
    known = scheduler.schedule
    read = LastingScheduler.all_as_schedule

    def cut_first(self: LastingScheduler) -> Any:
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return read(self)

    scheduler._last_full_sync = scheduler._last_full_sync.min
    with monkeypatch.context() as broken:
        broken.setattr(LastingScheduler, "all_as_schedule", cut_first)
        assert scheduler.tick() is not None
        assert scheduler.schedule is known
    every_minute = IntervalSchedule.objects.create(every=1, period="minutes")
    PeriodicTask.objects.create(name="new", task="engine.reconcile", interval=every_minute)
    assert "new" in scheduler.schedule, "read anew, however lately it was read"


def test_no_request_meets_a_connection_that_died(proxy: Proxy, user: User, tmp_path: Path) -> None:
    _, token = issue_token(user=user, scope=Scope.READ, name="", days=1)
    variables = proxy.variables | {"DB_POOL_SIZE": "8", "DB_WAIT_SECONDS": "2"}
    with (
        serving(tmp_path, **variables) as server,
        ThreadPoolExecutor(16) as at_once,
    ):

        def ask(_: int) -> int:
            request = urllib.request.Request(
                f"http://127.0.0.1:{server.port}/api/v1/workflows",
                headers={"Authorization": f"Token {token}"},
            )
            try:  # half of what the pool's own limit would be
                with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310
                    return int(answer.status)
            except HTTPError as error:
                return error.code

        def fill() -> bool:
            assert set(at_once.map(ask, range(64))) == {200}
            return proxy.connections >= 6

        wait_until(fill, what="the pool to fill")
        proxy.cut()
        proxy.join()  # it was started again before anybody asked
        assert [ask(n) for n in range(12)] == [200] * 12
        wait_until(fill, what="the pool to fill")
        proxy.cut()
        assert set(at_once.map(ask, range(16))) == {503}
        assert ask(0) == 503
        proxy.join()
        assert [ask(n) for n in range(12)] == [200] * 12
