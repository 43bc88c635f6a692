"""Both embedded servers as one thing: folders, sockets, secrets, start and stop."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from workflow_platform.local import account as accounts
from workflow_platform.local import processes, programs
from workflow_platform.local.account import Account
from workflow_platform.local.errors import StartError
from workflow_platform.local.postgres import Postgres
from workflow_platform.local.valkey import Valkey

#: Where root's servers keep their data when DATA_DIR lies below a folder closed to other users.
REACHABLE_HOME = Path("/var/lib/workflow-platform")
#: Not TMPDIR, which may be long: a socket's path holds about 107 bytes.
SOCKETS_PARENT = Path("/tmp")  # noqa: S108 # nosec B108 # the folder in it is mkdtemp's


class LocalServers:
    """PostgreSQL and Valkey for one `data_dir`; the caller makes sure that it is the only one.

    As a context manager: servers are up inside the block and gone after it. `environment` holds the
    variables that lead the settings to them.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        postgres: bool = True,
        valkey: bool = True,
        durable: bool = True,
    ) -> None:
        self.data_dir = data_dir
        self.durable = durable
        self.wants_postgres = postgres
        self.wants_valkey = valkey
        self.account = Account()
        self.home = recorded_home(data_dir)
        if postgres or valkey:
            self.account = accounts.choose(self.home / "postgres")
            self.home = choose_home(data_dir, self.account)
        self.sockets: Path | None = None
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None

    @property
    def running(self) -> list[Postgres | Valkey]:
        return [server for server in (self.valkey, self.postgres) if server]

    @property
    def environment(self) -> dict[str, str]:
        return {k: v for server in self.running for k, v in server.environment().items()}

    def end_leftovers(self) -> int:
        """Ends what an earlier start left behind when it was killed; the number of processes."""
        found = processes.leftovers(self.data_dir, self.home / "postgres")
        processes.end(found, grace=10)
        self.remove_sockets()
        return len(found)

    def start(self) -> None:
        if not (self.wants_postgres or self.wants_valkey):
            return
        self.sockets = self.make_sockets()
        found = programs.find(account=self.account, copies=self.home / "programs")
        # Nothing of the caller's environment, which may hold keys, reaches the servers.
        env = {"PATH": os.defpath, "LC_ALL": "C", processes.MARK: str(self.data_dir)}
        logs = self.data_dir / "logs"
        if self.wants_valkey:
            self.valkey = Valkey(
                programs=found,
                account=self.account,
                data=self.home / "valkey",
                sockets=self.sockets,
                log=logs / "valkey.log",
                password=self.secret("valkey_password"),
                env=env,
            )
            self.valkey.launch()
        if self.wants_postgres:
            self.postgres = Postgres(
                programs=found,
                account=self.account,
                data=self.home / "postgres",
                sockets=self.sockets,
                log=logs / "postgres.log",
                administrator_password=self.secret("postgres_administrator_password"),
                password=self.secret("postgres_password"),
                env=env,
                durable=self.durable,
            )
            self.postgres.start()
        if self.valkey:
            self.valkey.wait_until_ready()

    def stop(self) -> None:
        for server in self.running:
            server.stop()
        self.remove_sockets()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def secret(self, name: str) -> str:
        """A random password, made once and kept in a 0600 file."""
        folder = self.data_dir / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / name
        if not path.exists():
            part = path.with_suffix(".part")
            part.touch(mode=0o600)
            part.write_text(secrets.token_urlsafe(32))
            part.rename(path)
        return path.read_text()

    def make_sockets(self) -> Path:
        """A new folder that only the servers' account (and root) can enter."""
        folder = Path(tempfile.mkdtemp(prefix="workflow-", dir=SOCKETS_PARENT))
        (self.data_dir / "sockets").write_text(str(folder))
        return self.account.own(folder, 0o700)

    def remove_sockets(self) -> None:
        record = self.data_dir / "sockets"
        if not record.exists():
            return
        folder = Path(record.read_text())
        # Only a folder of our own making: /tmp is everybody's.
        owners = {os.geteuid(), self.account.uid}
        if (
            folder.parent == SOCKETS_PARENT
            and folder.is_dir()
            and not folder.is_symlink()
            and folder.stat().st_uid in owners
        ):
            shutil.rmtree(folder, ignore_errors=True)
        record.unlink()


def recorded_home(data_dir: Path) -> Path:
    record = data_dir / "servers_home"
    return Path(record.read_text()) if record.exists() else data_dir


def choose_home(data_dir: Path, account: Account) -> Path:
    """The folder for the servers' data: `data_dir` itself where the account can reach it, else one
    in /var/lib that `data_dir` remembers."""
    data_dir.mkdir(parents=True, exist_ok=True)
    home = recorded_home(data_dir)
    if home == data_dir and not account.can_enter(data_dir):
        REACHABLE_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
        home = Path(tempfile.mkdtemp(prefix=f"{data_dir.parent.name}-", dir=REACHABLE_HOME))
        home.chmod(0o755)
        if not account.can_enter(home):
            raise StartError(
                f"The servers do not run as root, and their user can enter neither {data_dir} nor "
                f"{REACHABLE_HOME}. Set DATA_DIR to a folder below which all users may enter."
            )
        (data_dir / "servers_home").write_text(str(home))
    return home
