"""An embedded PostgreSQL: one cluster in one folder, reached through a unix socket only."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from workflow_platform.local import logs, processes
from workflow_platform.local.account import Account
from workflow_platform.local.errors import StartError
from workflow_platform.local.programs import Programs

ADMINISTRATOR = "postgres"
ROLE = "workflow"
DATABASE = "workflow_automation"
PORT = 5432  # only names the socket
START_SECONDS = 60.0  # recovery after a crash replays the log first
STOP_SECONDS = 20.0


class Postgres:
    """Starts, stops and describes the cluster in `data`.

    `durable=False` leaves out fsync, for tests: nothing is lost when processes die, only when the
    machine does.
    """

    def __init__(
        self,
        *,
        programs: Programs,
        account: Account,
        data: Path,
        sockets: Path,
        log: Path,
        administrator_password: str,
        password: str,
        env: dict[str, str],
        durable: bool = True,
    ) -> None:
        self.programs = programs
        self.account = account
        self.data = data
        self.sockets = sockets
        self.log = log
        self.administrator_password = administrator_password
        self.password = password
        self.env = env
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """The settings' variables that lead to the platform's database."""
        return {
            "DB_HOST": str(self.sockets),
            "DB_PORT": str(PORT),
            "DB_NAME": DATABASE,
            "DB_USER": ROLE,
            "DB_PASSWORD": self.password,
        }

    def start(self) -> None:
        """Returns when the platform's role can connect to its database."""
        self.launch()
        self.wait_until_ready()
        self.ensure_database()

    def launch(self) -> None:
        """Starts the server, making the cluster first where there is none. Does not wait."""
        if not (self.data / "PG_VERSION").exists():
            self.create_cluster()
        # Nothing of ours runs any more (the supervisor holds the lock and has ended leftovers), so
        # a pid file is stale; its number may belong to another process since and stop this start.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        options = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "timezone": "UTC",
            "log_checkpoints": "off",
            # For many small transactions on a solid-state disk.
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            "random_page_cost": "1.1",
            "jit": "off",
        }
        if not self.durable:
            options |= {"fsync": "off", "full_page_writes": "off"}
        command: list[str | Path] = [self.programs.postgres, "-D", self.data]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with logs.appending(self.log) as output:
            self.process = processes.start(
                command,
                env=self.env,
                folder=self.data,
                when_orphaned=signal.SIGINT,
                account=self.account,
                output=output,
            )

    def create_cluster(self) -> None:
        """Makes the cluster beside its place and moves it there whole, so that a kill in between
        never leaves half a cluster."""
        part = self.data.with_name(f"{self.data.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        self.account.own(part, 0o700)
        password_file = part.with_name(f"{part.name}.password")
        password_file.touch(mode=0o600)
        self.account.take(password_file)
        password_file.write_text(self.administrator_password)
        command: list[str | Path] = [
            *(self.programs.initdb, "-D", part, "-E", "UTF8"),
            *("--locale-provider=builtin", "--locale=C.UTF-8"),
            *("--auth=scram-sha-256", f"--username={ADMINISTRATOR}", f"--pwfile={password_file}"),
        ]
        if not self.durable:
            command.append("--no-sync")
        try:
            with logs.appending(self.log) as output:
                code = processes.start(
                    command,
                    env=self.env,
                    folder=part,
                    when_orphaned=signal.SIGKILL,
                    account=self.account,
                    output=output,
                ).wait()
        finally:
            password_file.unlink()
        if code:
            raise StartError(f"PostgreSQL cannot make its data folder: {logs.last_line(self.log)}")
        part.rename(self.data)

    def wait_until_ready(self) -> None:
        limit = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connect_as_administrator().close()
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise StartError(
                        f"The secrets folder does not belong to the data in {self.data}. "
                        "Put it back, or move the data away to start empty."
                    ) from None
                self.check_alive(timed_out=time.monotonic() > limit)
                time.sleep(0.02)
            else:
                return

    def check_alive(self, *, timed_out: bool) -> None:
        if self.process is None or self.process.poll() is not None or timed_out:
            self.stop()
            raise StartError(
                f"PostgreSQL does not start: {logs.last_line(self.log)} (more in {self.log})"
            )

    def connect_as_administrator(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.sockets),
            port=PORT,
            user=ADMINISTRATOR,
            password=self.administrator_password,
            dbname="postgres",
            autocommit=True,
        )

    def ensure_database(self) -> None:
        """The platform's role owns its database and may make more (tests do), no superuser."""
        role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
        with self.connect_as_administrator() as connection:
            if not connection.execute(
                "SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]
            ).fetchone():
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(role, self.password)
                )
            if not connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))

    def stop(self, signum: signal.Signals = signal.SIGINT) -> None:
        """Ends the server: SIGINT ends sessions and shuts down cleanly, SIGQUIT stops at once and
        leaves recovery to the next start."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signum)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(STOP_SECONDS)
