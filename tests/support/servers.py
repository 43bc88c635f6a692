"""Real PostgreSQL and Valkey for the tests: a plugin for `pytest -p tests.support.servers`.

A plugin and no conftest.py, since pytest-django imports the settings before it reads any conftest.
It does nothing for a server that the environment names already. With pytest-xdist the controller
alone starts servers; its workers inherit the way to them, each with a Valkey database of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from workflow_platform.local import environment
from workflow_platform.local.errors import StartError
from workflow_platform.local.folder import only_one
from workflow_platform.local.processes import MARK
from workflow_platform.local.servers import SOCKETS_PARENT, LocalServers

FOLDER_PREFIX = "workflow-tests-"
STARTED_BY = "WORKFLOW_TESTS_VALKEY"
running = ExitStack()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None, object, object]:
    try:
        if "PYTEST_XDIST_WORKER" not in os.environ:
            remove_leftovers()
            start()
        elif STARTED_BY in os.environ:
            choose_database(os.environ["PYTEST_XDIST_WORKER"])
        return (yield)
    except BaseException:
        running.close()  # pytest does not unconfigure what was not configured
        raise


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    running.close()


def start() -> None:
    os.environ.setdefault("EXTRA_APPS", "tests.support.functions")
    surroundings = environment.read()
    if not (surroundings.embedded_postgres or surroundings.embedded_valkey):
        return
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=SOCKETS_PARENT))
    folder.chmod(0o711)  # as root, the servers run as another user, who must get through
    running.callback(shutil.rmtree, folder, ignore_errors=True)
    running.enter_context(only_one(folder))
    servers = running.enter_context(
        LocalServers(
            folder,
            postgres=surroundings.embedded_postgres,
            valkey=surroundings.embedded_valkey,
            durable=False,
        )
    )
    os.environ |= servers.environment
    os.environ[MARK] = str(folder)  # by which remove_leftovers knows workers that tests started
    os.environ.setdefault("DATA_DIR", str(folder / "data"))
    if servers.valkey:
        os.environ[STARTED_BY] = "1"


def choose_database(worker: str) -> None:
    """Database 1, 2 ... for worker gw0, gw1 ...; 0 is left to a run without workers."""
    number = int(worker.removeprefix("gw")) % 15 + 1
    os.environ["REDIS_URL"] = os.environ["REDIS_URL"].partition("?")[0] + f"?db={number}"


def remove_leftovers() -> None:
    """Ends and deletes what test runs that were killed have left; their locks are free again."""
    for folder in SOCKETS_PARENT.glob(f"{FOLDER_PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            if not (folder / "run.lock").exists():
                continue  # a run that is just starting
            with only_one(folder):
                LocalServers(folder).end_leftovers()
                shutil.rmtree(folder, ignore_errors=True)
        except (StartError, FileNotFoundError):
            continue  # in use, or just ended by itself
