"""The container files: they parse, hold no secret, and run only what the tests run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from workflow_platform.local import procfile

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker/docker-compose.workflow.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: s for name, s in SERVICES.items() if s["image"] == "workflow-platform"}
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text().replace("\\\n", "")
INSTRUCTIONS = [
    tuple(line.split(None, 1))
    for line in DOCKERFILE.splitlines()
    if line.strip() and not line.startswith("#")
]
KNOWN = {
    *("FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD")
}


def of(instruction: str) -> list[str]:
    return [rest for name, rest in INSTRUCTIONS if name == instruction]


def test_the_documented_services_and_ports() -> None:
    assert {"workflow-engine", "workflow-db", "workflow-redis", "workflow-ai"} <= SERVICES.keys()
    assert SERVICES["workflow-engine"]["ports"] == ["8003:8000"]
    assert SERVICES["workflow-redis"]["ports"] == ["127.0.0.1:6380:6379"]


def test_every_process_of_the_procfile_runs_once_and_nothing_else_does() -> None:
    commands = {name: service["command"] for name, service in OURS.items()}
    assert commands.pop("workflow-setup") == ["python", "-m", "workflow_platform.local.prepare"]
    assert sorted(commands.values()) == sorted([name] for name in procfile.commands())
    assert commands["workflow-engine"] == ["web"]
    assert commands["workflow-ai"] == ["worker-ai"]


@pytest.mark.parametrize("name", sorted(procfile.commands()))
def test_the_entry_script_runs_the_procfiles_command(name: str, tmp_path: Path) -> None:
    for program in ("uvicorn", "celery"):
        (tmp_path / program).write_text(f'#!/bin/sh\necho "{program} $*"\n')
        (tmp_path / program).chmod(0o755)
    answer = subprocess.run(
        [ROOT / "docker/entrypoint.sh", name],
        cwd=ROOT,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "PORT": "8123", "WORKER_CONCURRENCY": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = procfile.commands()[name]
    for variable, value in {"PORT": "8123", "WORKER_CONCURRENCY": "7"}.items():
        wanted = re.sub(rf"\$\{{{variable}:-[^}}]*}}", value, wanted)
    wanted = re.sub(r"\$\{[A-Z_]+:-([^}]*)}", r"\1", wanted)
    assert answer.stdout.strip() == wanted


def test_the_entry_script_runs_other_commands_as_they_are() -> None:
    answer = subprocess.run(
        [ROOT / "docker/entrypoint.sh", "echo", "two words"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "two words\n"


def test_dependencies_exist_and_are_waited_for() -> None:
    for service in SERVICES.values():
        for name, condition in service.get("depends_on", {}).items():
            assert name in SERVICES
            if condition["condition"] == "service_healthy":
                assert SERVICES[name]["healthcheck"]["test"]
    for volume in (v for s in SERVICES.values() for v in s.get("volumes", [])):
        assert volume.split(":")[0] in COMPOSE["volumes"]


def test_secrets_come_from_outside_only() -> None:
    secret = re.compile(r"PASSWORD|SECRET|_KEY|AUTH")
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if secret.search(name):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+}", value), name
    assert not any(secret.search(rest) for rest in of("ENV") + of("ARG"))
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".env", "var", ".git", ".venv"} <= set(ignored)


def test_the_image_runs_as_an_ordinary_user_what_the_repository_holds() -> None:
    assert {name for name, _ in INSTRUCTIONS} <= KNOWN
    assert INSTRUCTIONS[0][0] == "FROM"
    assert of("USER") == ["10001:10001"]
    assert of("ENTRYPOINT") == ['["/app/docker/entrypoint.sh"]']
    assert (ROOT / "docker/entrypoint.sh").stat().st_mode & 0o111
    for source in (rest.split()[0] for rest in of("COPY")):
        assert (ROOT / source).exists()
    for service in OURS.values():
        build = service["build"]
        context = (ROOT / "docker" / build["context"]).resolve()
        assert (context, context / build["dockerfile"]) == (ROOT, ROOT / "docker/Dockerfile")
