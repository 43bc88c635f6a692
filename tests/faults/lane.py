"""One `serve` process: where faults are injected, one after the other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults import report
from tests.faults.place import NOT_OURS, PREFIX
from tests.faults.report import Outcome
from workflow_platform.local.errors import StartError
from workflow_platform.local.folder import only_one
from workflow_platform.local.processes import dies_with
from workflow_platform.local.servers import SOCKETS_PARENT, LocalServers


class Lane:
    """As a context manager: the platform is up inside the block and gone after it."""

    def __init__(self, *, small: bool) -> None:
        self.small = small
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=SOCKETS_PARENT))
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.faults.serve", str(self.folder)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(NOT_OURS)}
        with (self.folder / "serve.log").open("wb") as log:
            self.process = subprocess.Popen(
                command + (["small"] if self.small else []),
                cwd=report.ROOT,
                env={**environment, "DJANGO_SETTINGS_MODULE": "workflow_platform.settings"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
                preexec_fn=dies_with(os.getpid(), signal.SIGTERM),
            )
        return self

    def end(self) -> None:
        """Breaks off what it does. From any thread."""
        if self.process is not None:
            self.process.terminate()

    def inject(self, name: str, *, n: int, seed: int) -> Outcome:
        """Injects the fault until it has hit n times."""
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(f"{name} {n} {seed}\n")
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            return report.from_json(line)
        log = (self.folder / "serve.log").read_text()
        return Outcome(fault=name, wanted=n, seed=seed, problems=[f"the lane broke down:\n{log}"])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        remove(self.folder)


def remove(folder: Path) -> None:
    """Ends and deletes what a lane has left, unless it is in use."""
    try:
        with only_one(folder):
            LocalServers(folder).end_leftovers()
            shutil.rmtree(folder, ignore_errors=True)
    except StartError:
        return


def remove_leftovers() -> None:
    """Ends and deletes what lanes that were killed have left."""
    for folder in SOCKETS_PARENT.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):  # somebody else was faster
            ours = not folder.is_symlink() and folder.stat().st_uid == os.geteuid()
            if ours and (folder / "run.lock").exists():
                remove(folder)
