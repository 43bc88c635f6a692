"""The variables that the supervisor decides by and hands to the processes it starts."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from workflow_platform.local.errors import StartError
from workflow_platform.local.processes import MARK

ROOT = Path(__file__).resolve().parents[2]
# Celery's advice against root and whitenoise's about a folder that only `collectstatic` fills: on a
# developer's machine both are so on purpose.
QUIET = "ignore:You're running the worker with superuser privileges,ignore:No directory at"
DATABASE = ("DB_HOST", "DATABASE_URL")
BROKER = ("REDIS_HOST", "REDIS_URL")


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What this machine and the person who typed `make run` decided."""

    #: The environment, with what only `.env` sets.
    variables: dict[str, str]
    data_dir: Path
    #: Where the web listens.
    host: str
    port: int
    #: False where the variables name a server to use instead.
    embedded_postgres: bool
    embedded_valkey: bool

    @property
    def url(self) -> str:
        """The web as this machine reaches it."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 # nosec B104 # compared
        return f"http://{everywhere.get(self.host, self.host)}:{self.port}"


def read() -> Surroundings:
    """The surroundings. Variables that are set win over `.env`; an empty one counts as not set."""
    stored = {k: v for k, v in dotenv_values(ROOT / ".env").items() if v}
    variables = {**os.environ, **stored, **{k: v for k, v in os.environ.items() if v}}

    def given(names: tuple[str, ...]) -> bool:
        return any(variables.get(name) or variables.get(f"{name}_FILE") for name in names)

    port = variables.get("PORT") or "8000"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise StartError(f"PORT is {port!r}: it must be a number from 1 to 65535.")
    return Surroundings(
        variables=variables,
        data_dir=ROOT / (variables.get("DATA_DIR") or "var"),
        host=variables.get("WEB_HOST") or "127.0.0.1",
        port=int(port),
        embedded_postgres=not given(DATABASE),
        embedded_valkey=not given(BROKER),
    )


def for_processes(surroundings: Surroundings, servers: dict[str, str]) -> dict[str, str]:
    """The environment of every process that the supervisor starts."""
    given = surroundings.variables
    programs = Path(sys.executable).parent  # the virtual environment's celery and uvicorn
    return {
        **given,
        **servers,
        "DATA_DIR": str(surroundings.data_dir),
        "WEB_HOST": surroundings.host,
        "PORT": str(surroundings.port),
        "LOG_LEVEL": given.get("LOG_LEVEL") or "WARNING",
        "PATH": f"{programs}{os.pathsep}{given.get('PATH') or os.defpath}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": given.get("PYTHONWARNINGS") or QUIET,
        MARK: str(surroundings.data_dir),
    }


def require_free_port(host: str, port: int) -> None:
    """StartError where another program listens already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartError(
                f"Port {port} on {host} cannot be used ({error.strerror}). "
                f"Choose another: make run PORT={port + 1}"
            ) from None
