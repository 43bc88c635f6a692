"""W1 and W2 on Prefect: flows in worker processes, a server of its own, in PostgreSQL.

`python prefect_peer.py chain 10 RUNS ROUNDS PROCESSES` prints the seconds of each round as JSON.
"""

# mypy: ignore-errors
# Its engine is not in the environment that mypy reads.

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from prefect import flow, task

from benchmarks import work

_START_SECONDS = 120.0


@task
def cheap(data: str) -> str:
    return work.cheap(data)


@task
def gather(parts: list[str]) -> str:
    return work.gather(parts)


@flow
def chain(size: int, data: str) -> str:
    for _ in range(size):
        data = cheap(data)
    return data


@flow
def fan(size: int, data: str) -> str:
    return gather(cheap.map([cheap(data)] * size))


def once(name: str, size: int) -> None:
    """One run."""
    {"chain": chain, "fan": fan}[name](size, work.PAYLOAD)


def seconds(pool: ProcessPoolExecutor, name: str, size: int, runs: int) -> float:
    """From the first submitted run to the end of the last."""
    started = time.monotonic()
    for future in [pool.submit(once, name, size) for _ in range(runs)]:
        future.result()
    return time.monotonic() - started


def wait_for_server(url: str) -> None:
    """Returns when the server answers."""
    limit = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).close()  # noqa: S310 - our own server
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.2)
        else:
            return


def main() -> None:
    name = sys.argv[1]
    size, runs, rounds, processes = map(int, sys.argv[2:6])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    settings = {
        "PREFECT_API_DATABASE_CONNECTION_URL": (
            f"postgresql+asyncpg://{os.environ['BENCH_DATABASE']}"
        ),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
    }
    program = Path(sys.executable).with_name("prefect")
    server = subprocess.Popen(
        [program, "server", "start", "--host", "127.0.0.1", "--port", port],
        env=os.environ | settings,
        stdout=sys.stderr,
    )
    os.environ |= settings | {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
    try:
        wait_for_server(os.environ["PREFECT_API_URL"])
        # Spawned, so that they read the settings above.
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            seconds(pool, name, size, runs=processes)
            print(json.dumps([seconds(pool, name, size, runs) for _ in range(rounds)]))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
