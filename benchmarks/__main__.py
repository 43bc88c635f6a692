"""Fresh servers in a folder of their own, then the loads: `python -m benchmarks --load W1`."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import django
from django.core.management import call_command

from benchmarks import options
from workflow_platform.local.folder import only_one
from workflow_platform.local.processes import MARK
from workflow_platform.local.servers import SOCKETS_PARENT, LocalServers

FOLDER_PREFIX = "workflow-bench-"
BASELINE_DATABASE = 1  # of Valkey; the platform has 0


def main() -> int:
    """The exit code: 1 where a floor is not held and the check was asked for."""
    wanted = options.read(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything below is undone
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=SOCKETS_PARENT))
        folder.chmod(0o711)  # as root, the servers run as another user, who must get through
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(only_one(folder))
        servers = stack.enter_context(LocalServers(folder, durable=True))
        address = servers.environment["REDIS_URL"].partition("?")[0]
        os.environ |= servers.environment | {
            "BASELINE_REDIS_URL": f"{address}?db={BASELINE_DATABASE}",
            "DATA_DIR": str(folder / "data"),
            "EXTRA_APPS": "benchmarks",
            "LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "workflow_platform.settings",
            "PYTHONWARNINGS": "ignore",
            MARK: str(folder),
        }
        django.setup()
        call_command("migrate", interactive=False, verbosity=0)
        # Imported here, since its modules need Django with the way to these servers.
        from benchmarks import session

        return session.run(wanted)


if __name__ == "__main__":
    sys.exit(main())
