"""`make run`: it serves, it stops whole, and it starts again on the same data."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workflow_platform.local import environment, processes

ROOT = Path(__file__).resolve().parents[2]
SERVERS = (*environment.DATABASE, *environment.BROKER)


class Supervisor:
    """Starts of the supervisor on one DATA_DIR, their output in a file."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self.output = folder / "output"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        # The tests' own servers would count as external ones.
        env = {name: value for name, value in os.environ.items() if name not in SERVERS}
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "workflow_platform.local.run", *arguments],
                cwd=ROOT,
                env={**env, "DATA_DIR": str(self.data_dir), "PORT": str(self.port)},
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=ignore_interrupts,
            )

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_until_serving(self, process: subprocess.Popen[bytes]) -> None:
        while f"Serving on http://127.0.0.1:{self.port}" not in self.text():
            assert process.poll() is None, self.text()
            time.sleep(0.1)

    def manage(self, *arguments: str) -> str:
        """What a command says that an operator gives in another terminal."""
        theirs = ("DB_", "REDIS_", "DATABASE_")  # the way to the tests' own servers
        env = {name: v for name, v in os.environ.items() if not name.startswith(theirs)}
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**env, "DATA_DIR": str(self.data_dir)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def left(self) -> list[str]:
        found = processes.leftovers(self.data_dir, self.data_dir / "postgres")
        return [process.info["name"] for process in found]


def ignore_interrupts() -> None:
    """What a shell's `&` does to the processes that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    folder = Path(tempfile.mkdtemp(prefix="wf-", dir="/tmp"))
    folder.chmod(0o711)
    made = Supervisor(folder)
    yield made
    processes.end(processes.leftovers(made.data_dir, made.data_dir / "postgres"))
    shutil.rmtree(folder)


@pytest.mark.timeout(240)
def test_three_starts_on_one_folder(supervisor: Supervisor) -> None:
    first = supervisor.start()
    supervisor.wait_until_serving(first)
    assert re.search(r"^operator account: admin / \S+$", supervisor.text(), flags=re.MULTILINE)
    assert {"postgres", "valkey-server", "uvicorn", "celery"} <= set(supervisor.left())
    assert (supervisor.data_dir / "servers.env").stat().st_mode & 0o777 == 0o600
    rival = subprocess.run(
        [sys.executable, "-m", "workflow_platform.local.run"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(supervisor.data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert rival.returncode == 1
    # The sample has run.
    assert re.search(r"^[1-9]\d* values opened", supervisor.manage("keys", "check"), re.MULTILINE)
    assert "The audit log is whole." in supervisor.manage("audit", "verify")
    assert re.fullmatch(rf"make run: .* \(process {first.pid}\)\. Stop it first.*\n", rival.stderr)
    first.send_signal(signal.SIGINT)
    assert first.wait() == 0
    assert supervisor.left() == []
    assert not (supervisor.data_dir / "servers.env").exists()

    second = supervisor.start()
    supervisor.wait_until_serving(second)
    assert "operator account" not in supervisor.text()
    second.kill()
    second.wait()

    third = supervisor.start("--once")
    assert third.wait() == 0, supervisor.text()
    assert supervisor.left() == []


def test_a_taken_port_is_one_line_and_nothing_starts(supervisor: Supervisor) -> None:
    with socket.create_server(("127.0.0.1", supervisor.port)):
        assert supervisor.start().wait() == 1
    line = rf"make run: Port {supervisor.port} .* make run PORT={supervisor.port + 1}\n"
    assert re.fullmatch(line, supervisor.text())
    assert not (supervisor.data_dir / "postgres").exists()
