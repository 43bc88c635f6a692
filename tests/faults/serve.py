"""A process with a platform of its own, which injects the faults that its standard input names.

`python -m tests.faults.serve FOLDER [small]`: each line in is `<fault> <n> <seed>`, each line out
the outcome as JSON. In a process of its own, since the settings lead to its servers from the start.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from tests.faults import place, report
from workflow_platform.local.servers import LocalServers


def main(folder: Path, *, small: bool) -> None:
    """Serves until its input ends, then takes everything down."""
    place.end_when_asked()
    outcomes = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what others print is no outcome
    with place.servers(folder, durable=not small) as servers:
        serve(servers, folder, outcomes, small=small)


def serve(servers: LocalServers, folder: Path, outcomes: object, *, small: bool) -> None:
    """The settings are read here, behind the environment that they need."""
    import django

    django.setup()
    # Behind the setup: failpoints are the workers', this process is to live.
    os.environ["ENGINE_FAILPOINT"] = str(folder / "failpoints")

    import pytest
    from django.core.management import call_command

    from tests.faults.catalogue import INJECT
    from tests.faults.site import Site
    from tests.faults.trial import run
    from tests.support import workers

    workers.QUICK |= place.QUICK
    call_command("migrate", verbosity=0)
    site = Site(servers, folder, small=small)
    try:
        for line in sys.stdin:
            name, n, seed = line.split()
            try:
                outcome = run(name, INJECT[name], site=site, n=int(n), seed=int(seed))
            except (Exception, pytest.fail.Exception):
                outcome = report.Outcome(fault=name, wanted=int(n), seed=int(seed))
                outcome.problems.append(traceback.format_exc())
                for worker in site.workers:
                    outcome.problems += worker.log.read_text().splitlines()[-5:]
            print(report.to_json(outcome), file=outcomes, flush=True)  # type: ignore[call-overload]
    finally:
        site.dismiss()


if __name__ == "__main__":
    main(Path(sys.argv[1]), small="small" in sys.argv[2:])
