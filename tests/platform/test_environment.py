"""What the supervisor reads from its surroundings and hands on."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from workflow_platform import env as settings_environment
from workflow_platform.local import environment
from workflow_platform.local.errors import StartError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()
SERVERS = (*environment.DATABASE, *environment.BROKER)


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No server named and an empty project folder; returns the path of its .env."""
    for name in (*SERVERS, "PORT", "DATA_DIR", "WEB_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    return tmp_path / ".env"


@pytest.mark.parametrize(
    ("dotenv", "variables", "embedded"),
    [
        ("", {}, (True, True)),
        (EXAMPLE, {}, (True, True)),  # copying the example keeps the default
        ("", {"DB_HOST": "db"}, (False, True)),
        ("", {"DB_HOST": ""}, (True, True)),  # empty counts as not set
        ("", {"DATABASE_URL": "postgresql://u@h/n"}, (False, True)),
        ("", {"DATABASE_URL_FILE": "/run/secrets/url"}, (False, True)),
        ("", {"REDIS_URL": "redis://h/0"}, (True, False)),
        ("DB_HOST=db\nREDIS_HOST=broker\n", {}, (False, False)),
    ],
)
def test_servers_are_embedded_unless_named(
    nothing_set: Path,
    monkeypatch: pytest.MonkeyPatch,
    dotenv: str,
    variables: dict[str, str],
    embedded: tuple[bool, bool],
) -> None:
    nothing_set.write_text(dotenv)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = environment.read()
    assert (found.embedded_postgres, found.embedded_valkey) == embedded


def test_the_environment_wins_over_the_file(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_set.write_text("PORT=9001\nDATA_DIR=elsewhere\nWEB_HOST=0.0.0.0\n")
    monkeypatch.setenv("PORT", "9002")
    found = environment.read()
    assert found.url == "http://127.0.0.1:9002"
    assert found.data_dir == nothing_set.parent / "elsewhere"
    handed = environment.for_processes(found, {"DB_HOST": "/sockets"})
    assert (handed["PORT"], handed["WEB_HOST"], handed["DB_HOST"]) == (
        "9002",
        "0.0.0.0",  # noqa: S104
        "/sockets",
    )


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(StartError, match="number from 1 to 65535"):
        environment.read()


def test_a_taken_port_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"make run PORT={port + 1}"):
            environment.require_free_port("127.0.0.1", port)
    environment.require_free_port("127.0.0.1", port)


def test_the_example_names_every_variable() -> None:
    named = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", EXAMPLE, flags=re.MULTILINE))
    read_by_settings = {name.upper() for name in settings_environment.Environment.model_fields}
    in_commands = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "Procfile").read_text()))
    opentelemetry = {name for name in named if name.startswith("OTEL_")}
    assert named == read_by_settings | in_commands | opentelemetry


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://u:p%40ss@h:6000/n",  # pragma: allowlist secret - made up
            {"HOST": "h", "PORT": 6000, "PASSWORD": "p@ss"},  # pragma: allowlist secret - made up
        ),
        ("postgres://u@h/n?sslmode=verify-full", {"OPTIONS": {"sslmode": "verify-full"}}),
    ],
)
def test_a_database_url_is_read_whole(url: str, expected: dict[str, object]) -> None:
    entry = settings_environment.Environment(database_url=url, db_host="").database()
    assert {name: entry[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_ALLOWED_HOSTS", "api.example.com, http://x/path"),
        ("HTTP_ALLOWED_NETWORKS", "10.20.0.0/16,0.0.0.0/0"),
        ("HTTP_ALLOWED_NETWORKS", "inside"),
    ],
)
def test_outgoing_rules_that_are_none_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=name):
        settings_environment.read()
