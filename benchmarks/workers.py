"""The worker processes of both sides: started alike, as the Procfile starts the platform's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from workflow_platform.local import logs, processes

ROOT = Path(__file__).resolve().parents[1]
PLATFORM = ("workflow_platform", "default")
BASELINE = ("benchmarks.baseline.app", "baseline")


@contextmanager
def worker(
    side: tuple[str, str], *, pool: str, concurrency: int, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """One `celery worker` while the block runs."""
    application, queue = side
    if side == BASELINE:  # without Celery's care for Django's connections around each task
        env = {**(env or {}), "DJANGO_SETTINGS_MODULE": ""}
    command = [
        sys.executable, "-m", "celery", "--quiet", "-A", application, "worker",
        "-Q", queue, "-P", pool, "-c", str(concurrency), "-n", f"{queue}@bench",
        "-l", "WARNING", "--without-gossip", "--without-mingle",
    ]  # fmt: skip
    with running(command, name=queue, env=env) as process:
        yield process


@contextmanager
def running(
    command: list[str], *, name: str, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the bench; its children end with it."""
    with logs.appending(Path(os.environ["DATA_DIR"]) / "logs" / f"{name}.log") as output:
        process = processes.start(
            list(command),
            env={**os.environ, "PROMETHEUS_PORT": "0", **(env or {})},
            folder=ROOT,
            when_orphaned=signal.SIGTERM,
            output=output,
        )
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            processes.end(processes.with_descendants([psutil.Process(process.pid)]), grace=15)
        process.wait()


def last_words() -> list[str]:
    """The last line that each process has written, for whoever wonders why nothing goes on."""
    folder = Path(os.environ["DATA_DIR"]) / "logs"
    return [f"{path.name}: {logs.last_line(path)}" for path in sorted(folder.glob("*.log"))]


@contextmanager
def both(*, pool: str, concurrency: int, fused: bool = True) -> Iterator[None]:
    """A worker of each side, with the same pool."""
    env = {} if fused else {"ENGINE_FUSE": "0"}
    with (
        worker(PLATFORM, pool=pool, concurrency=concurrency, env=env),
        worker(BASELINE, pool=pool, concurrency=concurrency),
    ):
        yield
