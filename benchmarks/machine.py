"""The machine and the programs that figures come from, as anybody can read them."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil
import redis
from django.db import connection


def facts() -> list[tuple[str, str]]:
    """(what, value) for the head of the results."""
    return [
        ("Processor", f"{_processor()}, {os.cpu_count()} cores"),
        ("Memory", f"{psutil.virtual_memory().total / 2**30:.0f} GiB"),
        ("System", f"Linux {platform.release()}"),
        ("Python", platform.python_version()),
        ("PostgreSQL", f"{_shown('server_version')}, fsync {_shown('fsync')}"),
        ("Valkey", _valkey()),
        *((name, version(name)) for name in ("celery", "kombu", "django", "psycopg")),
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _shown(setting: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {setting}")
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def _valkey() -> str:
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        said = client.info("server")
    return str(said.get("valkey_version") or said["redis_version"])
