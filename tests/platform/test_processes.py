"""No process outlives its supervisor, and nobody else's process is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from workflow_platform.local import processes

ROOT = Path(__file__).resolve().parents[2]
KILLED_PARENT = """
import os, signal, sys
from pathlib import Path
from workflow_platform.local import processes

child = processes.start(
    ["sleep", "60"], env=dict(os.environ), folder=Path("/"), when_orphaned=signal.SIGTERM
)
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
IGNORES_SIGTERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


def gone(pid: int, *, seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.run(
        [sys.executable, "-c", KILLED_PARENT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert parent.returncode == -signal.SIGKILL
    assert gone(int(parent.stdout), seconds=5)


def test_end_kills_what_does_not_listen() -> None:
    stubborn = subprocess.Popen([sys.executable, "-c", IGNORES_SIGTERM], stdout=subprocess.PIPE)
    polite = subprocess.Popen(["sleep", "60"])
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    processes.end([psutil.Process(stubborn.pid), psutil.Process(polite.pid)], grace=0.3)
    assert gone(stubborn.pid, seconds=0.1)
    assert gone(polite.pid, seconds=0.1)
    stubborn.stdout.close()


@pytest.mark.parametrize(
    ("mark", "found"),
    [("same folder", True), ("another folder", False), (None, False)],
)
def test_leftovers_are_known_by_their_mark(tmp_path: Path, mark: str | None, found: bool) -> None:
    env = {"PATH": os.defpath}
    if mark:
        env[processes.MARK] = str(tmp_path / mark)
    process = subprocess.Popen(["sleep", "60"], env=env)
    try:
        left = processes.leftovers(tmp_path / "same folder", tmp_path)
        assert [p.pid for p in left] == ([process.pid] if found else [])
    finally:
        process.kill()
        process.wait()
