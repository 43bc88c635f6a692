"""500 secrets through success, failure, retries and hostile servers: none is found anywhere."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
import requests
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client

from core.credentials import create_credential
from core.fields import EncryptedField
from core.models import AuditEntry, Credential
from core.organisations import personal_organisation
from engine.broker import _client
from engine.models import StepExecution, WorkflowExecution
from engine.workflows import create_workflow
from tests.acceptance.canaries import CORE, SCENARIOS, Scenario, canary, needles
from tests.support.cast import Cast, Member
from tests.support.serving import Server, serving
from tests.support.traces import Collector, collecting
from tests.support.web import Web
from tests.support.workers import Worker, finish, wait_until
from tests.support.workflows import definition, start, step

EACH = 500 // len(SCENARIOS)
NEEDLES = needles()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


@pytest.fixture
def workers(
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    calls_inside: None,
    collector: Collector,
) -> Iterator[list[Path]]:
    """The logs of a worker for functions and of one that calls out, which tells everything."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    monkeypatch.setenv("HTTP_ALLOWED_HOSTS", "127.0.0.1:*")
    monkeypatch.setenv("HTTP_ALLOWED_NETWORKS", "127.0.0.1/32")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    calling = Worker("ai", pool="threads", concurrency=4, folder=tmp_path, name="canaries")
    calling.start()
    yield [worker.log, calling.log]
    calling.kill()


def steps_of(name: str, scenario: Scenario, web: Web, first: int) -> list[dict[str, Any]]:
    """One step for each canary of the scenario, and where it says so one behind it that raises."""
    steps: list[dict[str, Any]] = []
    for number in range(first, first + EACH):
        secret = f"${{secrets.c{number}}}"
        config = {"url": web.url(f"/{list(SCENARIOS).index(name)}"), "headers": {"X-Key": secret}}
        more = json.loads(json.dumps(scenario.config).replace("NAME", secret))
        extra = {key: value for key, value in scenario.step.items() if key != "and then"}
        steps.append(
            step(
                f"s{number}",
                step_type=scenario.step_type,
                config={**config, **more},
                on_error="continue",
                timeout=20,
                **extra,
            )
        )
        if "and then" in scenario.step:
            message = f"it said ${{steps.s{number}.output.body}}"
            steps.append(
                step(
                    f"f{number}",
                    f"s{number}",
                    config={"function": "tests.fail", "arguments": {"message": message}},
                    on_error="continue",
                )
            )
    if not scenario.code:
        # A model is asked about what the server said: this is what traces tell of.
        said = {"prompt": f"What is it? ${{steps.s{first}.output}}"}
        asked = step("ai", f"s{first}", step_type="AI_GENERATED", config=said, on_error="continue")
        steps.append(asked)
    return steps


@pytest.fixture
def runs(cast: Cast, web: Web, workers: list[Path]) -> dict[str, WorkflowExecution]:
    """Scenario -> its run, which has ended."""
    user = cast.owner.user
    organisation = personal_organisation(user)
    for number in range(EACH * len(SCENARIOS)):
        create_credential(
            organisation=organisation,
            name=f"c{number}",
            value=canary(number),
            hosts=["http://127.0.0.1:*"],
        )
    started = {}
    for position, (name, scenario) in enumerate(SCENARIOS.items()):
        web.pages[f"/{position}"] = scenario.answer
        steps = steps_of(name, scenario, web, position * EACH)
        document = definition(*steps, name=name)
        workflow = create_workflow(document=document, owner=user)
        started[name] = start(workflow, user=user)
    return {name: finish(run.id, seconds=100) for name, run in started.items()}


@pytest.mark.timeout(400)
def test_nothing_is_found(
    runs: dict[str, WorkflowExecution],
    cast: Cast,
    web: Web,
    workers: list[Path],
    admin_client: Client,
    collector: Collector,
    tmp_path: Path,
) -> None:
    check_that_they_were_sent(runs, web)
    asked = sum(not scenario.code for scenario in SCENARIOS.values())
    wait_until(
        lambda: sum(span.name.startswith("chat ") for span in collector.spans()) >= asked,
        what=f"{asked} spans of calls",
    )
    with serving(tmp_path, LOG_LEVEL="DEBUG") as server:
        refused = "\n".join(refusals(cast, server))
    places = {
        "traces": "\n".join(str(each) for each in collector.received),
        "refusals": refused,
        "web log": server.log.read_text(errors="replace"),
        "tables": "\n".join(rows()),
        "plain values": "\n".join(values()),
        "broker": "\n".join(messages()),
        "export": exported(),
        "logs": "\n".join(log.read_text(errors="replace") for log in workers),
        "metrics": metrics(admin_client),
        "API": "\n".join(answers(cast.owner, runs)),
        "admin": "\n".join(pages(admin_client, runs)),
    }
    for place, text in places.items():
        assert len(text) > 200, place
        found = [text[max(0, m.start() - 200) : m.end() + 50] for m in PATTERN.finditer(text)]
        assert found == [], place
    # The search finds what is there.
    planted = base64.b64encode(f"user:{canary(1)}".encode()).decode()
    assert PATTERN.search(planted)
    assert all(PATTERN.search(form) for form in (quote(canary(2)), canary(3).encode().hex()))
    assert "echoed as HTML" in places["tables"]
    assert "[secret]" in places["plain values"]
    assert "[secret]" in places["API"]
    assert "[secret]" in places["admin"]
    assert "RuntimeError" in places["logs"]


PATTERN = re.compile("|".join(sorted(map(re.escape, NEEDLES))))


def check_that_they_were_sent(runs: dict[str, WorkflowExecution], web: Web) -> None:
    """Every canary reached its server, and every step ended as its scenario says."""
    arrived = b"\n".join(each.raw + each.body for each in web.received).decode()
    assert arrived.count(CORE) >= EACH * len(SCENARIOS)
    for name, scenario in SCENARIOS.items():
        steps = StepExecution.objects.filter(execution=runs[name], step_id__startswith="s")
        assert steps.count() == EACH
        ends = set(steps.values_list("status", "error_code"))
        assert ends == {("failed" if scenario.code else "completed", scenario.code)}, name
    tried = StepExecution.objects.filter(execution=runs["tried again"])
    assert set(tried.values_list("attempt", flat=True)) == {2}
    raised = StepExecution.objects.filter(execution=runs["raised"], step_id__startswith="f")
    assert set(raised.values_list("status", flat=True)) == {"failed"}
    assert Credential.objects.filter(used_at__isnull=True).count() == 0


def rows() -> Iterator[str]:
    """Every row of every table, as the database shows it."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')  # noqa: S608 - names of tables
            yield from (f"{table} {text}" for (text,) in cursor.fetchall())


def values() -> Iterator[str]:
    """Every encrypted value, decrypted, but those of the credentials themselves."""
    for model in apps.get_models():
        fields = [each for each in model._meta.fields if isinstance(each, EncryptedField)]
        for row in model._default_manager.all() if fields and model is not Credential else ():
            yield from (json.dumps(getattr(row, each.name), ensure_ascii=False) for each in fields)


def messages() -> Iterator[str]:
    """Everything that the broker holds."""
    client = _client()
    for key in client.scan_iter():
        yield f"{key!r} {client.dump(key)!r}"
    yield f"{client.info('stats')}"


def exported() -> str:
    """What `dumpdata` and the audit log's export give."""
    out = io.StringIO()
    call_command("dumpdata", stdout=out)
    call_command("audit", "export", stdout=out)
    assert "workflow_core.credential" in out.getvalue()
    return out.getvalue()


def metrics(client: Client) -> str:
    """The figures as they are served, and the files in which processes share them."""
    served = client.get("/metrics").content.decode()
    folder = Path(settings.PROMETHEUS_MULTIPROC_DIR)
    return served + "".join(f.read_bytes().decode("latin-1") for f in folder.glob("*.db"))


def answers(member: Member, runs: dict[str, WorkflowExecution]) -> Iterator[str]:
    """What the API shows of all of it."""

    def get(path: str) -> Any:
        answer = member.api.get(path if path.startswith("http") else f"/api/v1/{path}")
        assert answer.status_code == 200, path
        return answer.json()

    def listed(path: str) -> Iterator[Any]:
        following = path
        while following:
            found = get(following)
            yield from found["results"]
            following = found["next"]

    for path in ("me", "organisations", "step-types", "workflows/analytics/trends"):
        yield json.dumps(get(path), ensure_ascii=False)
    for path in ("credentials", "workflows", "executions", "schedules"):
        yield json.dumps(list(listed(path)), ensure_ascii=False)
    for run in runs.values():
        for path in (f"workflows/{run.workflow_id}", f"workflows/{run.workflow_id}/analytics"):
            yield json.dumps(get(path), ensure_ascii=False)
        yield json.dumps(list(listed(f"workflows/{run.workflow_id}/versions")))
        yield json.dumps(get(f"executions/{run.id}"), ensure_ascii=False)
        yield json.dumps(list(listed(f"executions/{run.id}/events")), ensure_ascii=False)
        for shown in listed(f"executions/{run.id}/steps"):
            yield json.dumps(get(f"executions/{run.id}/steps/{shown['step_id']}"))
    credential = Credential.objects.values_list("id", flat=True)[0]
    yield json.dumps(get(f"credentials/{credential}"))


def refusals(cast: Cast, server: Server) -> Iterator[str]:
    """What a real web server says to requests that hold a secret and cannot be taken."""
    secret = canary(4)
    organisation = str(personal_organisation(cast.owner.user).pk)
    new = {"organisation": organisation, "name": "new", "value": secret, "hosts": ["a.example"]}
    kept = Credential.objects.order_by("name")[0]
    header = {"url": "https://a.example/", "headers": {"Authorization": f"Bearer {secret}"}}
    typed = {"username": secret, "password": secret}
    wrongs: list[dict[str, Any]] = [
        {"hosts": ["*.com"]}, {"hosts": []}, {"name": "a b"}, {"name": kept.name},
        {"value": [secret]}, {"value": {secret: secret}}, {"value": secret * 500},
        {"value": f"{secret}\ud800"}, {"values": secret}, {"organisation": cast.team.name},
    ]  # fmt: skip
    asked: list[tuple[str, str, Any, set[int]]] = [
        *(("POST", "credentials", new | wrong, {400, 404, 409}) for wrong in wrongs),
        ("PATCH", f"credentials/{kept.pk}", {"value": secret, "hosts": ["*"]}, {400}),
        ("PATCH", f"credentials/{kept.pk}", {"value": [secret]}, {400}),
        ("PUT", f"credentials/{kept.pk}", {"value": secret}, {405}),
        ("POST", "credentials", json.dumps(new)[:-1], {400}),
        ("POST", "credentials", json.dumps(new) + "x", {400}),
        ("POST", "workflows", {"definition": definition(_http(header))}, {400}),
        ("POST", "auth/token", typed, {400}),
        ("POST", "auth/session", typed, {403}),
    ]  # fmt: skip
    address = f"http://127.0.0.1:{server.port}/api/v1"
    token = cast.owner.api._credentials["HTTP_AUTHORIZATION"]  # type: ignore[attr-defined]
    for method, path, body, expected in asked:
        sent = body if isinstance(body, str) else json.dumps(body)
        for signed_in in (True, False):
            headers = {"Content-Type": "application/json"}
            headers |= {"Authorization": token} if signed_in else {}
            answer = requests.request(
                method, f"{address}/{path}", data=sent, headers=headers, timeout=30
            )
            assert answer.status_code in expected | ({401} if not signed_in else set()), answer.text
            yield f"{answer.headers} {answer.text}"


def _http(config: dict[str, Any]) -> dict[str, Any]:
    return step("call", step_type="HTTP", config=config)


def pages(client: Client, runs: dict[str, WorkflowExecution]) -> Iterator[str]:
    """The admin's lists, the pages of every run, and those of every fifth step and credential."""

    def get(path: str) -> str:
        answer = client.get(path, follow=True)
        assert answer.status_code == 200, path
        return str(answer.content.decode())

    index = get("/admin/")
    lists = set(re.findall(r'href="(/admin/\w+/\w+/)"', index))
    assert len(lists) > 10
    for path in sorted(lists):
        yield get(path)
    ids: list[tuple[str, UUID]] = []
    for run in runs.values():
        ids += [("workflow_engine/workflow", run.workflow_id)]
        ids += [("workflow_engine/workflowexecution", run.id)]
        yield get(f"/admin/workflow_engine/workflowexecution/{run.id}/events/")
        steps = StepExecution.objects.filter(execution=run).order_by("position")
        ids += [("workflow_engine/stepexecution", each.id) for each in steps[::5]]
    credentials = Credential.objects.order_by("name").values_list("id", flat=True)
    ids += [("workflow_core/credential", pk) for pk in credentials[::25]]
    ids += [("workflow_core/auditentry", each.id) for each in AuditEntry.objects.all()[:20]]
    for path, pk in ids:
        yield get(f"/admin/{path}/{pk}/change/")
