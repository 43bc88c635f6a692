"""What happens to the platform during a soak, one thing at a time."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from random import Random

from tests.faults.outages import restart_postgres
from tests.faults.site import Site
from tests.support.workers import Worker

Hazard = Callable[[Site, Random], None]


def kill_step_process(site: Site, random: Random) -> None:
    """SIGKILL to a process that runs steps."""
    os.kill(_child(random.choice(site.workers), random), signal.SIGKILL)


def kill_worker(site: Site, random: Random) -> None:
    """SIGKILL to a worker with its processes; a new one comes soon."""
    worker = random.choice(site.workers)
    worker.kill()
    time.sleep(random.uniform(0, 3))
    worker.start()


def flush_broker(site: Site, random: Random) -> None:
    """FLUSHALL."""
    site.broker.flushall()


def restart_broker(site: Site, random: Random) -> None:
    """The broker is killed and comes back empty after a while."""
    site.valkey.stop(signal.SIGKILL)
    (site.valkey.data / "dump.rdb").unlink(missing_ok=True)
    time.sleep(random.uniform(0, 5))
    site.valkey.start()


def stop_postgres(site: Site, random: Random) -> None:
    """`stop -m immediate`, and up again."""
    restart_postgres(site)


def freeze_step_process(site: Site, random: Random) -> None:
    """SIGSTOP to a process that runs steps, for longer than its lease."""
    _freeze(_child(random.choice(site.workers), random), random.uniform(3, 6))


def freeze_worker(site: Site, random: Random) -> None:
    """SIGSTOP to a worker, whose step processes go on."""
    process = random.choice(site.workers).process
    assert process is not None
    _freeze(process.pid, random.uniform(3, 6))


def rolling_restart(site: Site, random: Random) -> None:
    """SIGTERM to one worker after the other, each replaced before the next."""
    for worker in site.workers:
        worker.stop()
        worker.start()


HAZARDS: tuple[Hazard, ...] = (
    kill_step_process,
    kill_worker,
    flush_broker,
    restart_broker,
    stop_postgres,
    freeze_step_process,
    freeze_worker,
    rolling_restart,
)


def _child(worker: Worker, random: Random) -> int:
    return int(random.choice(worker.children()).pid)


def _freeze(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)
