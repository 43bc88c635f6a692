"""Constant load: clients of the API start runs, people answer, pause, resume and cancel."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from random import Random
from uuid import UUID, uuid4

import requests
from django.db import InterfaceError, OperationalError, connection

from core.errors import Conflict
from core.models import Scope
from core.tokens import issue_token
from engine.models import StepExecution, Workflow, WorkflowExecution
from engine.services import WorkflowEngine
from engine.workflows import create_workflow
from tests.faults import loads
from tests.faults.site import Site

PER_SECOND = 4.0
_TIMEOUT = (2, 10)
_LAST_ANSWERS = 120  # seconds
_OPEN = ("pending", "running", "paused")


class Clients(threading.Thread):
    """Starts runs at a steady pace, each with a key, and again with the same key until it is told
    that the run was accepted.

    Attributes:
        accepted: ids of runs.
        answers: how often each status was answered; 0 for none.
    """

    def __init__(self, site: Site, address: str, random: Random) -> None:
        super().__init__(name="clients", daemon=True)
        self.accepted: set[UUID] = set()
        self.answers: Counter[int] = Counter()
        self._random, self._address = random, address
        self._workflows = _workflows(site)
        _, token = issue_token(user=site.user, scope=Scope.RUN)
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Token {token}"
        self._stopping = threading.Event()

    def run(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            due = max(due + 1 / PER_SECOND, time.monotonic() - 5)  # what was missed is made up for
            self._start(self._random.choice(self._workflows))
            self._stopping.wait(max(0, due - time.monotonic()))
        connection.close()

    def stop(self) -> None:
        """Ends it; the run that is being started is accepted first."""
        self._stopping.set()
        self.join()

    def _start(self, workflow: Workflow) -> None:
        key = str(uuid4())
        while True:
            status, run_id = self._post(workflow, key)
            self.answers[status] += 1
            if run_id is not None:
                self.accepted.add(run_id)
                return
            time.sleep(0.2)

    def _post(self, workflow: Workflow, key: str) -> tuple[int, UUID | None]:
        url = f"{self._address}/api/v1/workflows/{workflow.id}/execute"
        try:
            answer = self._session.post(
                url, json={}, headers={"Idempotency-Key": key}, timeout=_TIMEOUT
            )
            found = UUID(answer.json()["execution_id"]) if answer.status_code == 202 else None
        except (requests.RequestException, ValueError):
            return 0, None
        return answer.status_code, found


class People(threading.Thread):
    """Answer what waits, pause runs for a moment, and cancel a few."""

    def __init__(self, site: Site, random: Random) -> None:
        super().__init__(name="people", daemon=True)
        self._engine = WorkflowEngine()
        self._site, self._random = site, random
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(0.3):
            try:
                self._act()
            except (OperationalError, InterfaceError):
                connection.close()  # it will be back
        connection.close()

    def stop(self) -> None:
        """Ends it once nothing new is started and every run has ended, or after two minutes: what
        a last fault holds up asks late.
        """
        self._stopping.set()
        self.join()
        self._resume()
        end = time.monotonic() + _LAST_ANSWERS
        unfinished = WorkflowExecution.objects.filter(status__in=_OPEN)
        while time.monotonic() < end and unfinished.exists():
            self._answer()
            time.sleep(0.2)

    def _act(self) -> None:
        self._resume()
        self._answer()
        running = WorkflowExecution.objects.filter(status="running").order_by("-id")
        some = list(running.values_list("id", flat=True)[:20])
        if some and self._random.random() < 0.2:
            self._engine.pause_workflow(self._random.choice(some))
        if some and self._random.random() < 0.05:
            self._engine.cancel_workflow(self._random.choice(some))

    def _resume(self) -> None:
        for pk in WorkflowExecution.objects.filter(status="paused").values_list("id", flat=True):
            self._engine.resume_workflow(pk)

    def _answer(self) -> int:
        waiting = StepExecution.objects.filter(status="waiting", execution__status="running")
        found = list(waiting.values_list("execution_id", "step_id"))
        for run_id, step_id in found:
            with suppress(Conflict):  # it was cancelled just now
                self._engine.answer_step(run_id, step_id, {}, user=self._site.user)
        return len(found)


def _workflows(site: Site) -> list[Workflow]:
    shapes = [shape(seconds) for shape in loads.ALL for seconds in (0.02, 0.3, 1.0)]
    documents = [*shapes, loads.waiting(), loads.waiting()]
    return [create_workflow(document=document, owner=site.user) for document in documents]
