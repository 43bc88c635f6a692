"""W6: `POST execute` under 50 clients, through the web server that the Procfile starts."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import clients, sides, workers
from benchmarks.clients import Answers, Call
from benchmarks.figures import Bar, Outcome, Series, Table
from benchmarks.options import Options
from benchmarks.platform import Platform, open_runs
from benchmarks.shapes import Shape
from benchmarks.work import PAYLOAD
from core.models import Scope
from core.tokens import issue_token
from workflow_platform.local import procfile

CLIENTS = 50
REQUESTS = 20  # of each client and round
_START_SECONDS = 60.0
_DRAIN_SECONDS = 300.0
SELECT_1 = Call(method="GET", path="/bench/select-1")


def web(options: Options) -> Outcome:
    """Requests a second and their times, server errors, and how long the backlog takes after."""
    platform = Platform()
    execute = post(platform)
    requests = options.scaled(REQUESTS)
    posts: list[Answers] = []
    selects: list[Answers] = []
    drains: list[float] = []
    left = 0
    with workers.worker(workers.PLATFORM, pool="prefork", concurrency=2), server() as port:
        clients.together(port, execute, clients=2, requests=10)
        clients.together(port, SELECT_1, clients=CLIENTS, requests=2)
        left += drain(drains)
        drains.clear()
        for _ in range(options.rounds):
            selects.append(clients.together(port, SELECT_1, clients=CLIENTS, requests=requests))
            posts.append(clients.together(port, execute, clients=CLIENTS, requests=requests))
            left += drain(drains)
    broken = sum(answers.broken for answers in posts)
    sent = sum(len(answers.milliseconds) for answers in posts)
    table = Table(
        title=f"W6: POST execute under {CLIENTS} clients",
        headings=("request", "requests/s", "p50 ms", "p99 ms", "server errors"),
        rows=[row("POST execute", posts), row("SELECT 1", selects)],
        note=f"{sent:,} runs of 10 cheap steps were started while two worker processes ran them; "
        f"after the last request the backlog took {Series.of(drains).text(1)} s to drain, "
        f"{left} runs were left. The clients share the machine's cores with everything else.",
    )
    bars = [
        Bar(load="W6", name="server errors", value=broken, floor=0, goal=0, higher=False),
        Bar(load="W6", name="runs not drained", value=left, floor=0, goal=0, higher=False),
    ]
    return Outcome(tables=[table], bars=bars)


def row(name: str, rounds: list[Answers]) -> list[str]:
    """The rounds of one request."""
    return [
        name,
        Series.of(answers.rate for answers in rounds).text(),
        Series.of(answers.p50 for answers in rounds).text(),
        Series.of(answers.p99 for answers in rounds).text(),
        str(sum(answers.broken for answers in rounds)),
    ]


def post(platform: Platform) -> Call:
    """The request that starts a run of W1's workflow."""
    workflow = platform.workflow(Shape(kind="chain", size=10))
    _, token = issue_token(user=platform.user, scope=Scope.RUN)
    return Call(
        method="POST",
        path=f"/api/v1/workflows/{workflow.id}/execute",
        body=json.dumps({"context": {"session_id": "bench", "data": {"data": PAYLOAD}}}).encode(),
        headers={"Authorization": f"Token {token}", "Content-Type": "application/json"},
    )


def drain(seconds: list[float]) -> int:
    """Waits for the runs that were started; how many are left when that takes too long."""
    started = time.monotonic()
    try:
        sides.wait_for(open_runs, poll=0.02, limit=_DRAIN_SECONDS, what="backlog")
    except sides.Stuck:
        return open_runs()
    seconds.append(time.monotonic() - started)
    return 0


@contextmanager
def server() -> Iterator[int]:
    """uvicorn on a free port, as the Procfile starts it, with the benchmarks' address beside."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = ["/bin/sh", "-c", f"exec {procfile.commands()['web']}"]
    env = {
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "PORT": str(port),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    with workers.running(command, name="web", env=env):
        limit = time.monotonic() + _START_SECONDS
        while clients.together(port, SELECT_1, clients=1, requests=1).broken:
            if time.monotonic() > limit:
                raise sides.Stuck("the web server does not answer")
            time.sleep(0.1)
        yield port
