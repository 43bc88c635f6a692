"""Starting processes that cannot outlive the supervisor, and ending every one of them.

Three nets, since a worker's children are not ours and a SIGKILL leaves no time to clean up:
a process started here gets a signal from the kernel when its parent dies; orphans of our processes
become our own children (subreaper); and every process carries a mark in its environment, by which
the next start recognises what an earlier one left behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

import psutil

from workflow_platform.local.account import Account

MARK = "WORKFLOW_PLATFORM_SUPERVISOR"
PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36
LIBC = ctypes.CDLL(None)


def start(
    command: Sequence[str | Path],
    *,
    env: dict[str, str],
    folder: Path,
    when_orphaned: signal.Signals,
    account: Account | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    output: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts `command` in a session of its own, so that the terminal's Ctrl-C reaches only us.

    `when_orphaned` is the signal that the kernel sends it should this process die. Call it from the
    main thread: the kernel counts the death of the starting thread.
    """
    return subprocess.Popen(  # nosec B603 # the Procfile's commands
        command,
        env=env,
        cwd=folder,
        start_new_session=True,
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        preexec_fn=dies_with(os.getpid(), when_orphaned),
        **(account or Account()).popen_options(),
    )


def dies_with(parent: int, signum: signal.Signals) -> Callable[[], None]:
    """What the new process does before exec: asks for `signum` at `parent`'s death."""

    def ask_the_kernel() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return ask_the_kernel


def end_with_parent() -> None:
    """Sends this process SIGTERM when the one that started it (make) dies."""
    LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def adopt_orphans() -> None:
    """Makes this process the parent of every descendant whose own parent dies."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(*, but: Iterable[int] = ()) -> list[psutil.Process]:
    """The processes directly below this one, adopted orphans among them, save those of `but`."""
    spared = set(but)
    return [child for child in psutil.Process().children() if child.pid not in spared]


def with_descendants(roots: Iterable[psutil.Process]) -> list[psutil.Process]:
    return [process for root in roots for process in (root, *children_of(root))]


def children_of(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def leftovers(mark: Path, cluster: Path) -> list[psutil.Process]:
    """What an earlier supervisor of `mark` left running: its mark is in their environment, or they
    are PostgreSQL processes (which overwrite their environment) working in the folder `cluster`."""
    ours = psutil.Process()
    spared = {ours.pid, *(parent.pid for parent in ours.parents())}
    found = []
    for process in psutil.process_iter(["name"]):
        if process.pid in spared:
            continue
        try:
            if process.environ().get(MARK) == str(mark) or (
                process.info["name"] == "postgres" and process.cwd() == str(cluster)
            ):
                found.append(process)
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's
    return found


def end(processes: Sequence[psutil.Process], *, grace: float = 0) -> None:
    """SIGTERM, then after `grace` seconds SIGKILL, to each of `processes`, until all are gone.

    psutil compares start times before it signals, so a reused process id is never hit.
    """
    if grace:
        each(processes, psutil.Process.terminate)
        _, processes = psutil.wait_procs(processes, timeout=grace)
    each(processes, psutil.Process.kill)
    psutil.wait_procs(processes, timeout=5)


def each(processes: Iterable[psutil.Process], action: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        try:
            action(process)
        except psutil.NoSuchProcess:
            continue
