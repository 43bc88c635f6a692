"""Scores the offline planner and, where a key is set, the configured model: `python -m evals`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

from workflow_platform.local.folder import only_one
from workflow_platform.local.processes import MARK
from workflow_platform.local.servers import SOCKETS_PARENT, LocalServers

FOLDER_PREFIX = "workflow-evals-"
BAR = 36
"""Of the clear requirements, how many the offline planner must meet."""


def main() -> int:
    """The exit code: 1 where the offline planner misses its bar."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=SOCKETS_PARENT))
        folder.chmod(0o711)  # as root, the servers run as another user, who must get through
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(only_one(folder))
        servers = stack.enter_context(LocalServers(folder, durable=False))
        os.environ |= servers.environment | {
            "DATA_DIR": str(folder / "data"),
            "LOG_LEVEL": "ERROR",
            "DJANGO_SETTINGS_MODULE": "workflow_platform.settings",
            MARK: str(folder),
        }
        django.setup()
        call_command("migrate", interactive=False, verbosity=0)
        call_command("load_catalogue", verbosity=0)
        return _scores()


def _scores() -> int:
    # Imported here, since they need Django with the way to these servers.
    from core.models import User
    from evals.scoring import read, scored, table

    user = User.objects.create_user("evals")
    cases = read()
    key = settings.OPENAI_API_KEY
    if key:
        print(f"Model: {settings.AI_MODEL} at {settings.MODEL_ENDPOINT}")
        print(table(list(scored(cases, user))), end="\n\n")
    else:
        print("No OPENAI_API_KEY is set: no model is asked.\n")
    settings.OPENAI_API_KEY = ""
    scores = list(scored(cases, user))
    print("Offline planner")
    print(table(scores))
    clear = [s for s in scores if s.case.expect == "draft"]
    met = sum(s.good for s in clear) >= BAR and not any(s.refused or s.error for s in clear)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
