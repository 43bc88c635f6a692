"""Runs the Procfile's processes together, by honcho: `python -m workflow_platform.local.procfile`.

Ends when one of them ends, or at SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import honcho.manager
from honcho.compat import ProcessManager
from honcho.environ import parse_procfile
from honcho.printer import Printer

PROCFILE = Path(__file__).resolve().parents[2] / "Procfile"
STOP_SECONDS = 15  # for the steps that run, then the process group is killed


class WarmStop(ProcessManager):  # type: ignore[misc]  # honcho has no types
    """Asks the process alone to end. honcho asks its whole group, which would kill a Celery
    worker's children in the middle of the steps that a warm shutdown waits for."""

    def terminate(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def commands() -> dict[str, str]:
    """The Procfile as name -> shell command."""
    return dict(parse_procfile(PROCFILE.read_text()).processes)


def main() -> int:
    honcho.manager.KILL_WAIT = STOP_SECONDS
    manager = honcho.manager.Manager(Printer(sys.stdout))
    manager._procmgr = WarmStop()
    for name, command in commands().items():
        manager.add_process(name, f"exec {command}")  # exec: the signal must not stop at a shell
    manager.loop()
    return int(manager.returncode or 0)


if __name__ == "__main__":
    sys.exit(main())
