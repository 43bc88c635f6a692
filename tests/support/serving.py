"""The real web server, on the test database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

from tests.support.workers import wait_until

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A web server that runs, and what it has printed."""

    port: int
    log: Path


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[Server]:
    """A web server on the test database."""
    with serving(tmp_path) as made:
        yield made


@contextmanager
def serving(folder: Path, **variables: str) -> Iterator[Server]:
    """A web server with these variables of the environment, which logs to the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        made = Server(port=free.getsockname()[1], log=folder / "web.log")
    database = {"DB_NAME": str(settings.DATABASES["default"]["NAME"])}
    with made.log.open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "workflow_platform.asgi:application"),
                *("--port", str(made.port), "--lifespan", "off", "--no-access-log"),
            ],
            cwd=ROOT,
            env={**os.environ, **database, **variables},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: _listens(made.port), what="the web server")
        yield made
    finally:
        process.terminate()
        process.wait(15)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
