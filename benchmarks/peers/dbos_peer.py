"""W1 and W2 on DBOS: workflows from a queue, in worker processes, in PostgreSQL.

`python dbos_peer.py chain 10 RUNS ROUNDS PROCESSES` prints the seconds of each round as JSON.
"""

# mypy: ignore-errors
# Its engine is not in the environment that mypy reads.

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

import psycopg
from dbos import DBOS, DBOSClient

from benchmarks import work

DATABASE = os.environ["BENCH_DATABASE"]
QUEUE = "runs"
_OPEN = "SELECT count(*) FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING')"


@DBOS.step()
def cheap(data: str) -> str:
    return work.cheap(data)


@DBOS.step()
async def cheap_branch(data: str) -> str:
    return work.cheap(data)


@DBOS.step()
async def gather(parts: list[str]) -> str:
    return work.gather(parts)


@DBOS.workflow()
def chain(size: int, data: str) -> str:
    for _ in range(size):
        data = cheap(data)
    return data


@DBOS.workflow()
async def fan(size: int, data: str) -> str:
    data = await cheap_branch(data)
    return await gather(await asyncio.gather(*(cheap_branch(data) for _ in range(size))))


def serve() -> None:
    """A worker process: takes runs until it is ended."""
    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"postgresql+psycopg://{DATABASE}",
            "log_level": "ERROR",
            "application_version": "bench",
        }
    )
    DBOS.launch()
    DBOS.register_queue(QUEUE, polling_interval_sec=0.05)
    signal.pause()


def seconds(client: DBOSClient, name: str, size: int, runs: int) -> float:
    """From the first enqueued run to the end of the last."""
    started = time.monotonic()
    for _ in range(runs):
        client.enqueue(
            {"workflow_name": name, "queue_name": QUEUE, "app_version": "bench"},
            size,
            work.PAYLOAD,
        )
    with psycopg.connect(f"postgresql://{DATABASE}", autocommit=True) as connection:
        while connection.execute(_OPEN).fetchone() != (0,):
            time.sleep(0.01)
    return time.monotonic() - started


def main() -> None:
    name = sys.argv[1]
    size, runs, rounds, processes = map(int, sys.argv[2:6])
    workers = [
        subprocess.Popen([sys.executable, __file__, "worker"], stdout=sys.stderr)
        for _ in range(processes)
    ]
    try:
        time.sleep(5)  # both make their tables
        client = DBOSClient(system_database_url=f"postgresql+psycopg://{DATABASE}")
        seconds(client, name, size, runs=processes)
        print(json.dumps([seconds(client, name, size, runs) for _ in range(rounds)]))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


if __name__ == "__main__":
    serve() if sys.argv[1] == "worker" else main()
