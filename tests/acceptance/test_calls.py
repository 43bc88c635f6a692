"""Steps that call out, on a real worker: its timeouts, and the key of every attempt."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.models import User
from engine.models import StepExecution
from tests.support.web import Received, Web, page
from tests.support.workers import Worker, finish, wait_until
from tests.support.workflows import definition, start, step


@pytest.fixture
def calling_worker(
    transactional_db: None,
    patient_flush: None,
    calls_inside: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Worker]:
    """A worker on the queue of slow calls that may call this machine."""
    monkeypatch.setenv("HTTP_ALLOWED_HOSTS", "127.0.0.1:*")
    monkeypatch.setenv("HTTP_ALLOWED_NETWORKS", "127.0.0.1/32")
    worker = Worker("ai", pool="threads", concurrency=2, folder=tmp_path, name="calling")
    worker.start()
    yield worker
    worker.kill()


def test_every_attempt_has_the_same_key(user: User, web: Web, calling_worker: Worker) -> None:
    """A busy server, a killed worker, a slow server, then an answer: four calls, one key."""

    def answer(received: Received, connection: socket.socket) -> None:
        number = len(web.received)
        if number == 1:
            page(status=503)(received, connection)
        elif number < 4:
            web.stopped.wait(20 if number == 2 else 2)
        else:
            page({"paid": True})(received, connection)

    web.pages["/pay"] = answer
    call = step(
        "pay",
        step_type="HTTP",
        config={"method": "POST", "url": web.url("/pay"), "json": {"amount": "${inputs.amount}"}},
        timeout=1,
        retry={"max_attempts": 5, "delay": 0.1},
    )
    run = start(definition(call), user=user, data={"amount": 5})
    wait_until(lambda: len(web.received) == 2, what="the second call")
    calling_worker.kill()
    calling_worker.start()
    assert finish(run.id).status == "completed"
    row = StepExecution.objects.get(execution=run)
    assert row.attempt >= 4
    assert row.output_data["body"] == {"paid": True}
    keys = [each.headers["idempotency-key"] for each in web.received]
    assert keys == [f"{run.id}/pay/"] * len(keys)
    assert len(keys) >= 4
    assert {each.body for each in web.received} == {b'{"amount": 5}'}
