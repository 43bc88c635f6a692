"""The embedded servers: what they promise to whoever starts them, and what survives a kill."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workflow_platform.local import servers as module
from workflow_platform.local.errors import StartError
from workflow_platform.local.folder import only_one
from workflow_platform.local.postgres import Postgres
from workflow_platform.local.servers import LocalServers
from workflow_platform.local.valkey import Valkey

NO_RETRY = Retry(NoBackoff(), 0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="wf-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def connect(
    environment: dict[str, str], password: str | None = None
) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=environment["DB_HOST"],
        port=environment["DB_PORT"],
        dbname=environment["DB_NAME"],
        user=environment["DB_USER"],
        password=password or environment["DB_PASSWORD"],
        autocommit=True,
    )


def one(connection: psycopg.Connection[tuple[object, ...]], query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def both(servers: LocalServers) -> tuple[Postgres, Valkey]:
    assert servers.postgres is not None
    assert servers.valkey is not None
    return servers.postgres, servers.valkey


def test_a_first_start_gives_two_private_servers(folder: Path) -> None:
    with LocalServers(folder, durable=False) as servers:
        postgres, valkey = both(servers)
        with connect(servers.environment) as connection:
            assert one(connection, "SHOW server_encoding") == "UTF8"
            assert (
                one(connection, "SELECT datlocprovider FROM pg_database WHERE datname = 'postgres'")
                == "b"
            )
            assert one(
                connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
            ) is (False)
            assert one(connection, "SHOW listen_addresses") == ""
        with redis.Redis.from_url(servers.environment["REDIS_URL"]) as client:
            assert client.ping()
            assert client.config_get("port") == {"port": "0"}
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(servers.environment, password="wrong")  # pragma: allowlist secret - made up
        with (
            pytest.raises(redis.AuthenticationError),
            redis.Redis(unix_socket_path=str(valkey.socket), retry=NO_RETRY) as client,
        ):
            client.ping()

        assert servers.sockets is not None
        assert stat.S_IMODE(servers.sockets.stat().st_mode) == 0o700
        assert len(str(postgres.sockets / ".s.PGSQL.5432")) < 80
        for path in (folder / "secrets").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for process in (postgres.process, valkey.process):
            assert process is not None
            assert psutil.Process(process.pid).uids().effective != 0
            assert "password" not in " ".join(psutil.Process(process.pid).cmdline())
    assert not servers.sockets.exists()
    assert not (folder / "sockets").exists()


def test_the_servers_see_nothing_of_our_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-servers")
    with LocalServers(folder, postgres=False) as servers:
        assert servers.postgres is None
        assert servers.valkey is not None
        assert servers.valkey.process is not None
        assert "OPENAI_API_KEY" not in psutil.Process(servers.valkey.process.pid).environ()
        assert list(servers.environment) == ["REDIS_URL"]


def test_a_second_start_finds_the_data_even_after_a_kill(folder: Path) -> None:
    with LocalServers(folder) as servers:
        postgres, valkey = both(servers)
        with connect(servers.environment) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (1)")
            postgres.stop(signal.SIGQUIT)  # at once: what is committed comes from the log again
        valkey.stop(signal.SIGKILL)
        valkey.start()
        postgres.start()
        with connect(servers.environment) as connection:
            connection.execute("INSERT INTO kept VALUES (2)")
        with redis.Redis.from_url(servers.environment["REDIS_URL"]) as client:
            client.set("hint", "kept on a clean stop")
    with LocalServers(folder) as again:
        with connect(again.environment) as connection:
            assert one(connection, "SELECT sum(n) FROM kept") == 3
        with redis.Redis.from_url(again.environment["REDIS_URL"]) as client:
            assert client.get("hint") == b"kept on a clean stop"


def test_what_a_kill_left_is_ended_and_removed(folder: Path) -> None:
    killed = LocalServers(folder, durable=False)
    killed.start()
    sockets = killed.sockets
    assert sockets is not None
    fresh = LocalServers(folder, durable=False)
    assert fresh.end_leftovers() >= 2
    assert not sockets.exists()
    with fresh, connect(fresh.environment) as connection:
        assert one(connection, "SELECT 1") == 1
    assert fresh.end_leftovers() == 0
    killed.stop()


def test_half_a_cluster_is_made_anew(folder: Path) -> None:
    half = folder / "postgres.part"
    half.mkdir()
    (half / "PG_VERSION").write_text("18")
    with LocalServers(folder, valkey=False, durable=False) as servers:
        connect(servers.environment).close()
    assert not half.exists()


def test_data_without_its_secrets_is_refused_in_one_line(folder: Path) -> None:
    with LocalServers(folder, valkey=False, durable=False):
        pass
    shutil.rmtree(folder / "secrets")
    with pytest.raises(StartError, match="Put it back"), LocalServers(folder, valkey=False):
        pass


def test_a_socket_folder_that_is_not_ours_is_left_alone(folder: Path) -> None:
    (folder / "precious").mkdir()
    (folder / "sockets").write_text(str(folder / "precious"))
    LocalServers(folder).end_leftovers()
    assert (folder / "precious").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user")
def test_roots_servers_move_out_of_a_closed_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(module, "REACHABLE_HOME", folder / "reachable")
    monkeypatch.setattr("workflow_platform.local.account.Account.can_run", lambda *_: False)
    with LocalServers(closed / "var", durable=False) as servers:
        postgres, _ = both(servers)
        assert postgres.data.is_relative_to(folder / "reachable")
        for program in (servers.postgres, servers.valkey):
            assert program is not None
            assert program.process is not None
            running = psutil.Process(program.process.pid)
            assert Path(running.exe()).is_relative_to(folder / "reachable")
        connect(servers.environment).close()
    assert LocalServers(closed / "var").home == servers.home


def test_with_servers_elsewhere_nothing_is_started(folder: Path) -> None:
    with LocalServers(folder, postgres=False, valkey=False) as servers:
        assert servers.environment == {}
    assert list(folder.iterdir()) == []


def test_one_folder_has_one_supervisor(folder: Path) -> None:
    with (
        only_one(folder),
        pytest.raises(StartError, match=rf"runs already .*process {os.getpid()}"),
        only_one(folder),
    ):
        pass
    with only_one(folder):
        pass
