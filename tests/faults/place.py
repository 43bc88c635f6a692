"""Servers in a folder of their own, and the environment that leads settings and workers to them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from workflow_platform.local.folder import only_one
from workflow_platform.local.processes import MARK
from workflow_platform.local.servers import LocalServers

PREFIX = "workflow-faults-"
QUICK = {"LEASE_SECONDS": "2", "RECONCILE_SECONDS": "1", "RESEND_SECONDS": "2"}
# The servers of whoever asks are not those that may be killed.
NOT_OURS = ("DB_", "DATABASE_URL", "REDIS_", "DATA_DIR", "PYTEST_", "KEY_", "VAULT_")


def end_when_asked() -> None:
    """SIGTERM ends this process as Ctrl-C does: what it has started is taken down first."""
    signal.signal(signal.SIGTERM, _end)


def _end(signum: int, frame: FrameType | None) -> None:
    # make, timeout and a terminal send it to a whole group, so that it comes more than once.
    signal.signal(signum, signal.SIG_IGN)
    raise SystemExit(128 + signum)


@contextmanager
def servers(folder: Path, *, durable: bool) -> Iterator[LocalServers]:
    """PostgreSQL and Valkey are up inside the block. Read the settings in it, not before."""
    folder.chmod(0o711)  # as root, the servers run as another user, who must get through
    with only_one(folder), LocalServers(folder, durable=durable) as running:
        for name in ("effects", "failpoints", "data"):
            (folder / name).mkdir(exist_ok=True)
        os.environ |= running.environment | QUICK
        os.environ |= {
            MARK: str(folder),
            "DATA_DIR": str(folder / "data"),
            "EXTRA_APPS": "tests.support.functions,tests.faults.effects",
            "FAULTS_EFFECTS": str(folder / "effects"),
        }
        yield running
