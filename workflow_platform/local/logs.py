"""The servers' log files."""

from __future__ import annotations

from pathlib import Path
from typing import IO

LARGEST = 10_000_000  # bytes; a longer file is set aside once


def appending(path: Path) -> IO[bytes]:
    """The file opened for a process to write to; the previous 10 MB are kept as `<name>.1`."""
    # Closed to others: PostgreSQL quotes the statements that failed.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LARGEST:
        path.rename(path.with_name(f"{path.name}.1"))
    return path.open("ab")


def last_line(path: Path) -> str:
    """The last words of a process that ended, for an error message."""
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it wrote nothing")
