"""`make soak MINUTES=10`: constant load, a fault every 5 to 40 s; then the oracle, the gauges."""

from __future__ import annotations

import argparse
import os
import platform
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.faults import lane, place, report
from tests.support.options import above_zero, natural
from workflow_platform.local.servers import SOCKETS_PARENT, LocalServers


def main() -> int:
    """The exit code: 0 where nothing was lost and nothing grew."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=above_zero, default=10)
    parser.add_argument("--seed", type=natural, default=random.randrange(1_000_000))
    given = parser.parse_args()
    place.end_when_asked()
    lane.remove_leftovers()
    for name in [n for n in os.environ if n.startswith(place.NOT_OURS)]:
        del os.environ[name]
    # What a soak does to a step several times in a row is no poison of the step's.
    os.environ |= {"WORKER_LOST_ATTEMPTS": "20", "PROMETHEUS_PORT": "0"}
    os.environ["DJANGO_SETTINGS_MODULE"] = "workflow_platform.settings"
    folder = Path(tempfile.mkdtemp(prefix=place.PREFIX, dir=SOCKETS_PARENT))
    try:
        with place.servers(folder, durable=True) as servers:
            return soak(servers, folder, minutes=given.minutes, seed=given.seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def soak(servers: LocalServers, folder: Path, *, minutes: float, seed: int) -> int:
    """The settings are read here, behind the environment that they need."""
    import django

    django.setup()

    from tests.faults.soak.session import Session

    session = Session(servers, folder, minutes=minutes, seed=seed)
    found = session.run()
    machine = f"{os.cpu_count()} cores, {platform.system()}"
    text = found.text(machine=machine)
    print(text)
    if found.good and minutes >= 10:
        report.write_soak(text)
        print(f"Written: {report.DOCUMENT.relative_to(report.ROOT)}")
    return 0 if found.good else 1


if __name__ == "__main__":
    sys.exit(main())
