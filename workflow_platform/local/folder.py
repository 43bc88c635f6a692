"""DATA_DIR while a supervisor uses it: the lock, and the way to its servers for other programs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workflow_platform.local.errors import StartError


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Holds the lock of `data_dir`, which the kernel gives back however we end."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "run.lock").open("a+")
    except OSError as error:
        raise StartError(
            f"{data_dir} cannot be written ({error.strerror}). Start as its owner, or set DATA_DIR "
            "to a folder of your own."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StartError(
                f"The platform runs already in this folder (process {lock.read() or 'unknown'}). "
                "Stop it first, or set another DATA_DIR and PORT."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def published(data_dir: Path, variables: dict[str, str]) -> Iterator[None]:
    """Keeps the way to the servers in DATA_DIR/servers.env while they run, so that `manage.py`
    finds them from another terminal."""
    path = data_dir / "servers.env"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
