"""However a soak ends, nothing that it has started lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.faults import lane
from tests.support.workers import ROOT, wait_until
from workflow_platform.local.processes import children_of

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_a_soak_that_is_ended_leaves_no_process(signum: signal.Signals, tmp_path: Path) -> None:
    with (tmp_path / "soak.log").open("wb") as log:
        soak = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.soak", "--minutes", "5"],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        top = psutil.Process(soak.pid)
        wait_until(lambda: _beats(top), what="the last of its processes", seconds=120)
        started = children_of(top)
        assert len(started) > 10
        os.kill(soak.pid, signum)
        soak.wait(90)
        gone = lambda: not [p for p in started if p.is_running() and p.status() != "zombie"]  # noqa: E731
        wait_until(gone, what="the others to end")
    finally:
        soak.kill()
        soak.wait()
        lane.remove_leftovers()


def _beats(top: psutil.Process) -> bool:
    for child in top.children():
        with suppress(psutil.Error):  # it may end just now
            if "beat" in child.cmdline():
                return True
    return False
