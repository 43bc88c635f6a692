"""PostgreSQL, Redis and Vault by TLS: the right certificate works, nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from celery import Celery
from django.conf import settings as django_settings
from django.db import OperationalError, connections
from kombu.exceptions import OperationalError as BrokerError

from core.cache import EncryptedCache, hidden_name
from core.errors import KeyUnavailable
from core.keys.vault import Vault
from tests.support.cast import Cast
from tests.support.tls import Authority, Terminator, at_once, plainly, when_asked
from tests.support.vault import VaultServer
from tests.support.workers import Worker, finish
from tests.support.workflows import definition, start, step
from workflow_platform.env import Environment

HERE = "localhost"


@pytest.fixture
def postgres(authority: Authority) -> Iterator[Terminator]:
    """The tests' PostgreSQL, which speaks TLS alone there."""
    entry = django_settings.DATABASES["default"]
    socket = f"{entry['HOST']}/.s.PGSQL.{entry['PORT']}"
    with Terminator(socket, authority.server(HERE), negotiate=when_asked) as terminator:
        yield terminator


@pytest.fixture
def valkey(authority: Authority) -> Iterator[Terminator]:
    """The tests' Valkey, which speaks TLS alone there."""
    with valkey_by(authority, HERE) as terminator:
        yield terminator


def valkey_by(authority: Authority, *names: str, negotiate: Any = at_once) -> Terminator:
    socket = urlsplit(django_settings.REDIS_URL).path
    return Terminator(socket, authority.server(*names), negotiate=negotiate)


def environment(**variables: Any) -> Environment:
    return Environment(**variables, _env_file=None)  # type: ignore[call-arg]


def asked_of_postgres(port: int, **variables: str) -> bool:
    """Connects as the settings would; whether the connection is by TLS."""
    entry = environment(
        db_host=HERE,
        db_port=port,
        db_name=connections["default"].settings_dict["NAME"],
        db_user=django_settings.DATABASES["default"]["USER"],
        db_password=django_settings.DATABASES["default"]["PASSWORD"],
        **variables,
    ).database()
    shared = connections["default"]
    own = type(shared)({**shared.settings_dict, **entry}, "default")
    try:
        with own.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
        found: bool = own.connection.pgconn.ssl_in_use
        return found
    finally:
        own.close()


@pytest.mark.django_db(transaction=True)
class TestPostgres:
    def test_the_right_certificate(self, postgres: Terminator, authority: Authority) -> None:
        full = {"db_sslmode": "verify-full", "db_sslrootcert": str(authority.file)}
        assert asked_of_postgres(postgres.port, **full)
        assert postgres.passed == 1

    def test_another_authority(self, postgres: Terminator, stranger: Authority) -> None:
        full = {"db_sslmode": "verify-full", "db_sslrootcert": str(stranger.file)}
        with pytest.raises(OperationalError, match="certificate verify failed"):
            asked_of_postgres(postgres.port, **full)

    def test_another_name(self, authority: Authority) -> None:
        entry = django_settings.DATABASES["default"]
        socket = f"{entry['HOST']}/.s.PGSQL.{entry['PORT']}"
        context = authority.server("elsewhere.example.org")
        full = {"db_sslmode": "verify-full", "db_sslrootcert": str(authority.file)}
        with (
            Terminator(socket, context, negotiate=when_asked) as other,
            pytest.raises(OperationalError, match='does not match host name "localhost"'),
        ):
            asked_of_postgres(other.port, **full)

    def test_plaintext_to_a_server_with_tls(self, postgres: Terminator) -> None:
        with pytest.raises(OperationalError, match="no encryption"):
            asked_of_postgres(postgres.port, db_sslmode="disable")
        assert postgres.passed == 0

    def test_a_server_without_tls(self, authority: Authority) -> None:
        """As somebody in between who takes the encryption away."""
        entry = django_settings.DATABASES["default"]
        socket = f"{entry['HOST']}/.s.PGSQL.{entry['PORT']}"
        full = {"db_sslmode": "verify-full", "db_sslrootcert": str(authority.file)}
        with (
            Terminator(socket, authority.server(HERE), negotiate=plainly) as plain,
            pytest.raises(OperationalError, match="server does not support SSL"),
        ):
            asked_of_postgres(plain.port, **full)


def by_redis(given: Environment) -> None:
    options = given.redis_verification() | {"socket_timeout": 2}
    with redis.Redis.from_url(given.redis(), **options) as client:
        client.ping()


def by_cache(given: Environment) -> None:
    options = given.redis_verification() | {"socket_timeout": 2}
    cache = EncryptedCache(given.redis(), {"KEY_FUNCTION": hidden_name, "OPTIONS": options})
    cache.set("tls", "through")
    if cache.get("tls") != "through":
        raise redis.ConnectionError("a miss")


def celery(given: Environment) -> Celery:
    app = Celery("tls", set_as_current=False)
    app.conf.update(
        broker_url=given.redis(),
        broker_use_ssl=given.redis_verification() or None,
        broker_transport_options={"socket_connect_timeout": 2, "socket_timeout": 2},
        redis_socket_timeout=2,
        result_backend=given.redis(),
        redis_backend_use_ssl=given.redis_verification() or None,
    )
    return app


def by_broker(given: Environment) -> None:
    with celery(given).connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
        channel: Any = connection.default_channel
        channel.client.ping()


def by_results(given: Environment) -> None:
    backend: Any = celery(given).backend
    backend.client.ping()


WAYS: list[Callable[[Environment], None]] = [by_redis, by_cache, by_broker, by_results]
REFUSED = (redis.RedisError, BrokerError, OSError)


def through(terminator: Terminator, authority: Authority | None, **variables: Any) -> Environment:
    url = urlsplit(django_settings.REDIS_URL)
    return environment(
        redis_url="",
        redis_host=HERE,
        redis_port=terminator.port,
        redis_password=url.password or "",
        redis_ca_cert=str(authority.file) if authority else "",
        **{"redis_tls": True, **variables},
    )


@pytest.mark.parametrize("way", WAYS)
class TestRedis:
    def test_the_right_certificate(
        self, way: Callable[..., None], valkey: Terminator, authority: Authority
    ) -> None:
        given = through(valkey, authority)
        assert given.redis().startswith("rediss://")
        way(given)
        assert valkey.passed >= 1

    def test_another_authority(
        self, way: Callable[..., None], valkey: Terminator, stranger: Authority
    ) -> None:
        for wrong in (stranger, None):  # None: those that the system trusts
            with pytest.raises(REFUSED):
                way(through(valkey, wrong))
        assert valkey.passed == 0

    def test_another_name(self, way: Callable[..., None], authority: Authority) -> None:
        with valkey_by(authority, "elsewhere.example.org") as other:
            with pytest.raises(REFUSED):
                way(through(other, authority))
            assert other.passed == 0

    def test_plaintext_to_a_server_with_tls(
        self, way: Callable[..., None], valkey: Terminator
    ) -> None:
        with pytest.raises(REFUSED):
            way(through(valkey, None, redis_tls=False))
        assert valkey.passed == 0

    def test_a_server_without_tls(self, way: Callable[..., None], authority: Authority) -> None:
        with (
            valkey_by(authority, HERE, negotiate=plainly) as plain,
            pytest.raises(REFUSED),
        ):
            way(through(plain, authority))


def test_vault_by_tls(
    authority: Authority, stranger: Authority, vault: VaultServer, tmp_path: Path
) -> None:
    vault.encrypt(authority.server("127.0.0.1"))
    assert vault.address.startswith("https://")
    trusting = Vault(**vault.options(ca_cert=str(authority.file)))
    assert trusting.unwrap(trusting.wrap(b"k" * 32, bound_to="a"), bound_to="a") == b"k" * 32
    for wrong in (str(stranger.file), ""):
        vault.asked = []
        with pytest.raises(KeyUnavailable, match="does not answer"):
            Vault(**vault.options(ca_cert=wrong)).wrap(b"k" * 32, bound_to="a")
        assert vault.asked == [], "no token was shown to a stranger"


@pytest.mark.timeout(180)
def test_a_run_by_workers_that_speak_tls_alone(
    transactional_db: None,
    no_workers: None,
    cast: Cast,
    postgres: Terminator,
    valkey: Terminator,
    authority: Authority,
    worker_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = urlsplit(django_settings.REDIS_URL)
    database = url.query.partition("db=")[2] or "0"
    for name, value in {
        "DB_HOST": HERE,
        "DB_PORT": str(postgres.port),
        "DB_SSLMODE": "verify-full",
        "DB_SSLROOTCERT": str(authority.file),
        "REDIS_URL": f"rediss://:{url.password}@{HERE}:{valkey.port}/{database}",
        "REDIS_CA_CERT": str(authority.file),
    }.items():
        monkeypatch.setenv(name, value)
    worker = Worker("default", pool="prefork", concurrency=1, folder=worker_folder, name="tls")
    worker.start()
    try:
        steps = [step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c")]  # with a chord
        run = start(definition(*steps), user=cast.owner.user)
        assert finish(run.id).status == "completed"
    finally:
        worker.stop()
    assert postgres.passed >= 2
    assert valkey.passed >= 2
