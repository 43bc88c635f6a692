"""The whole API by its own description: schemathesis makes requests that fit it and requests that
do not, in sequences too, and checks every answer against it.

Also after a finding: `st replay <id>`, as its output says, or the printed curl command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.audit.models import AuditEntry, Outcome
from core.audit.sealing import seal
from core.audit.verification import verify
from tests.fuzz.conftest import FULL
from tests.support.serving import Server, serving
from tests.support.world import PASSWORD, World, make_world

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTION = ROOT / "docs" / "openapi.json"
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, item in json.loads(DESCRIPTION.read_text())["paths"].items()
    for method, operation in item.items()
}
ROLES = ("admin", "editor", "viewer")
MINUTE = 60
# Requests for each operation, and how long all may take.
EXAMPLES, SECONDS = (100, 60 * MINUTE) if FULL else (2, 5 * MINUTE)

# A description by JSON Schema cannot say everything: input that fits it may rightly be refused.
# Everywhere else what fits must be taken.
MEANING = {
    "POST /api/v1/auth/token": "the password may be wrong",
    "POST /api/v1/auth/session": "the password may be wrong",
    "DELETE /api/v1/auth/session": "a token signs these requests in",
    "POST /api/v1/workflows": "definitions have rules of their own",
    "PUT /api/v1/workflows/{workflow_id}": "definitions have rules of their own",
    "PATCH /api/v1/workflows/{workflow_id}": "definitions have rules of their own",
    "POST /api/v1/workflows/validate": "definitions have rules of their own",
    "POST /api/v1/workflows/plan": "definitions have rules of their own",
    "POST /api/v1/workflows/templates/{template_id}/instantiate": "overrides may not fit",
    "POST /api/v1/workflows/{workflow_id}/execute": "the workflow says what it can be started with",
    "POST /api/v1/executions/{execution_id}/steps/{step_id}/answer": "the step says what it asks",
    "POST /api/v1/schedules": "cron, time zone, and either cron or interval",
    "PATCH /api/v1/schedules/{schedule_id}": "cron, time zone, and either cron or interval",
    "POST /api/v1/credentials": "names and hosts have rules of their own",
    "PATCH /api/v1/credentials/{credential_id}": "hosts have rules of their own",
    "POST /api/v1/workflows/generate": "what is drawn up must be said clearly",
    "POST /api/v1/ai/workflows/generate": "what is drawn up must be said clearly",
    "POST /api/v1/ai/steps/execute": "a step has rules of its own",
    "POST /api/v1/ai/workflows/optimize": "only a suggestion's id can be applied",
    "POST /api/v1/ai/budgets": "amounts, at least one of them, and what a scope is narrowed by",
    "PATCH /api/v1/ai/budgets/{budget_id}": "amounts, at least one of them",
}
PARAMETERS_OF_MEANING = {
    "cursor": "only links have good ones",
    "time_period": "at most ten years",
    "execution_id": "the same in query and body",
}
# They end what the requests are signed in by: asked last, by a token of their own.
LAST = ("DELETE /api/v1/auth/token", "DELETE /api/v1/auth/tokens/{token_id}")
# Object -> the ids that requests are to use mostly: ours, and another organisation's.
IDS = {
    "workflow_id": ("workflow_id", "unused_workflow"),
    "execution_id": ("execution_id", "ended_execution"),
    "schedule_id": ("schedule_id",),
    "credential_id": ("credential_id",),
    "organisation_id": ("organisation_id",),
    "user_id": ("user_id",),
    "budget_id": ("budget_id",),
    "invitation_id": ("invitation_id",),
    "template_id": ("template_id",),
    "step_id": ("step_id",),
    "account": ("account",),
}
# Signing in is tried as often as anything else, not ten times a minute.
ANY_NUMBER = {
    "SIGN_IN_FAILURES_PER_ACCOUNT": "1000000",
    "SIGN_IN_FAILURES_PER_ADDRESS": "0",
    "SIGN_IN_RATE_PER_ACCOUNT": "0",
    "SIGN_IN_RATE_PER_ADDRESS": "0",
}
CSRF = "c" * 32
WITH_CSRF = {"POST /api/v1/auth/session": {"Cookie": f"csrftoken={CSRF}", "X-CSRFToken": CSRF}}
WORDS = {
    "cron": ["0 6 * * *", "*/5 * * * 1-5"],
    "timezone": ["UTC", "Europe/Berlin"],
    "username": ["viewer"],
    "password": [PASSWORD],
}
# Where they go; chance would never hit an id.
PLACES = {
    **{f"path.{name}": name for name in IDS if name != "account"},
    "body.account": "account",
    "body.workflow": "workflow_id",
    "body.workflow_id": "workflow_id",
    "body.user": "user_id",
    "body.organisation": "organisation_id",
    "body.execution_id": "execution_id",
    "body.username": "username",
    "body.password": "password",  # pragma: allowlist secret - a kind
    "body.cron": "cron",
    "body.timezone": "timezone",
}


def may_be_refused(name: str, operation: dict[str, Any]) -> bool:
    """Whether a request that fits the description may rightly be answered by 400."""
    queries = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
    return name in MEANING or bool(queries & PARAMETERS_OF_MEANING.keys())


def configuration(world: World, token: str) -> dict[str, Any]:
    """schemathesis.toml, as a value."""
    pools = dict(WORDS)
    for name, kinds in IDS.items():
        pools[name] = sorted({names[k] for names in (world.ours, world.theirs) for k in kinds})
    refusals = {"expected-statuses": ["2xx", "400", "401", "403", "404", "409", "429"]}
    return {
        "headers": {"Authorization": token},
        # NUL is refused everywhere, which a description cannot say: `test_bodies` tries it.
        "generation": {"allow-x00": False},
        "dictionaries": {name: {"values": values} for name, values in pools.items()},
        "parameters": {
            place: {"dictionary": name, "probability": 0.8} for place, name in PLACES.items()
        },
        "operations": [
            {
                "include-name": name,
                "headers": {"Authorization": token, **WITH_CSRF.get(name, {})},
                "checks": {"positive_data_acceptance": refusals},
            }
            for name, operation in OPERATIONS.items()
            if may_be_refused(name, operation)
        ],
    }


def toml(value: dict[str, Any], at: str = "") -> str:
    """TOML of tables, arrays of tables and plain values."""
    plain = {k: v for k, v in value.items() if not _is_table(v)}
    lines = [f"{json.dumps(key)} = {json.dumps(item)}" for key, item in plain.items()]
    for key, item in value.items():
        path = f"{at}.{json.dumps(key)}" if at else json.dumps(key)
        if isinstance(item, dict):
            lines += [f"[{path}]", toml(item, path)]
        elif _is_table(item):
            lines += [line for part in item for line in (f"[[{path}]]", toml(part, path))]
    return "\n".join(lines)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    )


def ask(server: Server, folder: Path, config: dict[str, Any], *options: str) -> None:
    """Runs schemathesis; fails with what it says where it found anything."""
    settings = folder / "schemathesis.toml"
    settings.write_text(toml(config))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings)),
            *("run", str(DESCRIPTION), "--url", f"http://127.0.0.1:{server.port}"),
            *("--checks", "all", "--seed", os.environ.get("FUZZ_SEED", "20261122"), "--no-color"),
            *("--suppress-health-check", "all", "--generation-database", "none", *options),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    print(done.stdout.partition("SUMMARY")[2])  # noqa: T201 - how much was tried, and for how long


@pytest.mark.timeout(SECONDS + MINUTE)
@pytest.mark.parametrize("role", ROLES if FULL else ROLES[:1])
def test_api(role: str, transactional_db: None, tmp_path: Path) -> None:
    with serving(tmp_path, **ANY_NUMBER) as server:
        walk(role, server, tmp_path)
    signed_in = AuditEntry.objects.filter(outcome=Outcome.DONE, username="viewer")
    assert {"session.open", "token.create"} <= set(signed_in.values_list("action", flat=True))


def walk(role: str, server: Server, tmp_path: Path) -> None:
    """Everything as one role; what the server keeps and logs is sound after it."""
    world = make_world()
    other = world.another_token(role)
    phases = ("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(EXAMPLES))
    but = [word for name in LAST for word in ("--exclude-name", name)]
    ask(server, tmp_path, configuration(world, world.token(role)), *phases, *but)
    only = [word for name in LAST for word in ("--include-name", name)]
    ask(server, tmp_path, configuration(world, other), "--phases", "coverage", *only)
    assert "Internal error" not in server.log.read_text()
    seal()
    # Other tests have emptied the table, which the note of its head tells rightly.
    assert [f for f in verify().faults if "audit_head.json" not in f.message] == []
