"""An embedded Valkey: broker, chord results and cache, reached through a unix socket only."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workflow_platform.local import logs, processes
from workflow_platform.local.account import Account
from workflow_platform.local.errors import StartError
from workflow_platform.local.programs import Programs

START_SECONDS = 20.0
STOP_SECONDS = 10.0

# What it holds are hints, PostgreSQL knows the truth: saved on a clean stop, not while running.
CONFIGURATION = """\
port 0
unixsocket "{socket}"
unixsocketperm 700
requirepass "{password}"
dir "{data}"
save ""
appendonly no
shutdown-on-sigterm save
maxmemory-policy noeviction
loglevel notice
set-proc-title no
"""


class Valkey:
    """Starts, stops and describes the server that keeps its file in `data`."""

    def __init__(
        self,
        *,
        programs: Programs,
        account: Account,
        data: Path,
        sockets: Path,
        log: Path,
        password: str,
        env: dict[str, str],
    ) -> None:
        self.programs = programs
        self.account = account
        self.data = data
        self.socket = sockets / "valkey.sock"
        self.log = log
        self.password = password
        self.env = env
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self, database: int = 0) -> dict[str, str]:
        """The settings' variables that lead to database number `database` (0 to 15)."""
        return {"REDIS_URL": f"unix://:{self.password}@{self.socket}?db={database}"}

    def start(self) -> None:
        """Returns when the server answers."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Starts the server. Does not wait."""
        self.account.own(self.data, 0o700)
        self.socket.unlink(missing_ok=True)
        text = CONFIGURATION.format(socket=self.socket, password=self.password, data=self.data)
        # Configured through its standard input: an argument would show the password to `ps`.
        with tempfile.TemporaryFile() as configuration, logs.appending(self.log) as output:
            configuration.write(text.encode())
            configuration.seek(0)
            self.process = processes.start(
                [self.programs.valkey, "-"],
                env=self.env,
                folder=self.data,
                when_orphaned=signal.SIGTERM,
                account=self.account,
                stdin=configuration,
                output=output,
            )

    def wait_until_ready(self) -> None:
        limit = time.monotonic() + START_SECONDS
        client = redis.Redis(
            unix_socket_path=str(self.socket), password=self.password, retry=Retry(NoBackoff(), 0)
        )
        with client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:  # also "loading": it is a subclass
                    dead = self.process is None or self.process.poll() is not None
                    if dead or time.monotonic() > limit:
                        self.stop()
                        reason = f"{logs.last_line(self.log)} (more in {self.log})"
                        raise StartError(f"Valkey does not start: {reason}") from None
                    time.sleep(0.02)
                else:
                    return

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> None:
        """Ends the server; SIGTERM saves what it holds first."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signum)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
