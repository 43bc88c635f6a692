"""One soak from its first process to its verdict."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import UUID

import psycopg
import requests
from django.core.management import call_command
from django.db import connection

from engine import schedules
from engine.models import WorkflowExecution, WorkflowSchedule
from engine.workflows import create_workflow
from tests.faults import oracle, place
from tests.faults.loads import effect
from tests.faults.site import Site
from tests.faults.soak.gauges import Gauges, Trend
from tests.faults.soak.hazards import HAZARDS
from tests.faults.soak.traffic import Clients, People
from tests.support import workers
from tests.support.workers import ROOT, wait_until
from tests.support.workflows import definition
from workflow_platform.local.postgres import ADMINISTRATOR, ROLE
from workflow_platform.local.processes import dies_with
from workflow_platform.local.servers import LocalServers

_WORKERS, _PROCESSES = 2, 3
_WARM_UP = 0.25  # of the whole time
_BATCH = 200


@dataclass(kw_only=True, slots=True)
class Found:
    """What a soak found.

    Attributes:
        hazards: how often each thing happened.
        answers: HTTP statuses of requests to start a run; 0 for no answer.
        problems: the oracle's.
        trends: of the gauges.
    """

    minutes: float
    seed: int
    accepted: int
    judged: int
    hazards: Counter[str]
    answers: Counter[int]
    problems: list[str] = field(default_factory=list)
    trends: list[Trend] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was lost and nothing grew."""
        return not self.problems and all(trend.good for trend in self.trends)

    def text(self, *, machine: str) -> str:
        """The section of docs/faults.md."""
        hazards = ", ".join(f"{name} {count}" for name, count in sorted(self.hazards.items()))
        refused = sum(n for status, n in self.answers.items() if status != 202)
        rows = [
            f"| {t.name} | {_number(t.start, t.unit)} | {_number(t.end, t.unit)} |"
            f" {t.slope:+.2f} | {t.limit.text(t.unit)} | {'ok' if t.good else 'GREW'} |"
            for t in self.trends
        ]
        verdict = "nothing was lost" if not self.problems else f"{len(self.problems)} PROBLEMS"
        lines = [
            "## Soak",
            "",
            f"`make soak MINUTES={self.minutes:g}`: {self.accepted:,} runs accepted through the"
            f" API, {self.judged:,} judged with those of a schedule; {verdict}.",
            f"{sum(self.hazards.values())} faults: {hazards}. {refused} requests were refused or"
            " not answered meanwhile, and sent again with the same key.",
            "",
            f"Medians of the first and the last fifth behind a warm-up of {_WARM_UP:.0%} of the"
            " time; the slope is a minute's.",
            "",
            "| gauge | start | end | slope | limit | |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            f"{machine}, {datetime.now(UTC):%Y-%m-%d}, seed {self.seed}.",
        ]
        return "\n".join([*lines, *(f"- {problem}" for problem in self.problems[:20])]) + "\n"


class Session:
    """The platform: two workers, a web server, a beat with one schedule, and what uses them."""

    def __init__(self, servers: LocalServers, folder: Path, *, minutes: float, seed: int) -> None:
        workers.QUICK |= place.QUICK
        call_command("migrate", verbosity=0)
        self.site = Site(servers, folder, small=False)
        self.minutes, self.seed = minutes, seed
        self.random = Random(f"soak {seed}")
        self.hazards: Counter[str] = Counter()
        self._under_way = False
        _allow_looking_into_tables(self.site)

    def run(self) -> Found:
        """Soaks, lets everything come to rest, and judges."""
        site = self.site
        site.staff(_WORKERS, concurrency=_PROCESSES)
        try:
            with _web(site) as (address, web), _beat(site) as beat:
                schedule = _schedule(site)
                every = max(1.0, self.minutes * 60 / 150)
                gauges = Gauges(site, {"web": web, "beat": beat}, every=every, steady=self._steady)
                clients, people = Clients(site, address, self.random), People(site, self.random)
                for thread in (clients, people, gauges):
                    thread.start()
                self._disturb()
                gauges.stop()
                clients.stop()
                schedule.enabled = False
                schedules.save_schedule(schedule)
                people.stop()
                runs = set(WorkflowExecution.objects.values_list("id", flat=True))
                oracle.rest(runs, seconds=120)
            return Found(
                minutes=self.minutes,
                seed=self.seed,
                accepted=len(clients.accepted),
                judged=len(runs),
                hazards=self.hazards,
                answers=clients.answers,
                problems=self._problems(runs, clients.accepted),
                trends=gauges.trends(after=self.minutes * _WARM_UP),
            )
        finally:
            site.dismiss()

    def _disturb(self) -> None:
        end = time.monotonic() + self.minutes * 60
        longest = max(6.0, min(40.0, self.minutes * 60 / len(HAZARDS)))
        order = self.random.sample(HAZARDS, len(HAZARDS))
        while True:
            pause = self.random.uniform(5, longest)
            if time.monotonic() + pause > end:
                break
            time.sleep(pause)
            hazard = order.pop() if order else self.random.choice(HAZARDS)
            self._under_way = True
            hazard(self.site, self.random)
            self._under_way = False
            self.hazards[hazard.__name__] += 1
            left = max(0, end - time.monotonic())
            print(f"{left:4.0f} s left: {hazard.__name__}", flush=True)
        time.sleep(max(0, end - time.monotonic()))

    def _steady(self) -> bool:
        return not self._under_way and all(
            worker.process is not None and len(worker.children()) == _PROCESSES
            for worker in self.site.workers
        )

    def _problems(self, runs: set[UUID], accepted: set[UUID]) -> list[str]:
        problems = [f"accepted run {pk} is gone" for pk in accepted - runs]
        ordered = sorted(runs)
        for n in range(0, len(ordered), _BATCH):
            problems += oracle.problems(
                ordered[n : n + _BATCH],
                effects=self.site.effects,
                expected=("completed", "cancelled"),
            )
        missing = [h.__name__ for h in HAZARDS if not self.hazards[h.__name__]]
        if missing and self.minutes >= 3:
            problems.append(f"never happened: {', '.join(missing)}")
        return problems


@contextmanager
def _web(site: Site) -> Iterator[tuple[str, int]]:
    """A web server as the Procfile starts it: its address and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    command = ["uvicorn", "workflow_platform.asgi:application", "--port", port, "--lifespan", "off"]
    with _running(site, "web", [*command, "--no-access-log"]) as pid:
        wait_until(lambda: _answers(address), what="the web server to answer", seconds=60)
        yield address, pid


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/health", timeout=10).status_code < 600
    except requests.RequestException:
        return False


@contextmanager
def _beat(site: Site) -> Iterator[int]:
    command = ["celery", "-A", "workflow_platform", "beat", "--max-interval", "1", "--pidfile="]
    with _running(site, "beat", command) as pid:
        yield pid


@contextmanager
def _running(site: Site, name: str, command: list[str]) -> Iterator[int]:
    with (site.folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=os.environ,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=dies_with(os.getpid(), signal.SIGKILL),
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _schedule(site: Site) -> WorkflowSchedule:
    document = definition(effect("a"), name="Fired")
    schedule = WorkflowSchedule(
        name="Every two seconds",
        workflow=create_workflow(document=document, owner=site.user),
        user=site.user,
        interval_seconds=2,
        allow_overlap=True,
    )
    schedules.save_schedule(schedule)
    return schedule


def _allow_looking_into_tables(site: Site) -> None:
    wanted = connection.get_connection_params()
    with psycopg.connect(
        host=wanted["host"],
        port=wanted["port"],
        dbname=wanted["dbname"],
        user=ADMINISTRATOR,
        password=site.postgres.administrator_password,
    ) as administrator:
        administrator.execute("CREATE EXTENSION IF NOT EXISTS pgstattuple")
        administrator.execute(f"GRANT pg_stat_scan_tables TO {ROLE}")


def _number(value: float, unit: str) -> str:
    return f"{value:,.1f} {unit}".rstrip()
