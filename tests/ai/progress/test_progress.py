"""Progress from a real worker through Redis and the real web server to those who watch."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx2
import pytest
import redis
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import override_settings

from ai.api import progress as progress_api
from ai.calls import Caller
from ai.progress import publishing, reading
from ai.progress.publishing import KEPT_SECONDS, name_of
from ai.progress.reading import Progress
from ai.progress.reports import Phase, reporting, tell
from core.audit.models import AuditEntry
from core.models import Membership, Scope, User
from core.tokens import issue_token
from engine.models import WorkflowExecution
from engine.services import WorkflowEngine
from engine.workflows import create_workflow
from tests.ai.endpoint import KEY, Endpoint, pieces, serving
from tests.support.cast import Cast
from tests.support.serving import Server
from tests.support.serving import serving as web_serving
from tests.support.workers import Worker, finish, stop_shared_workers, wait_until
from tests.support.workflows import definition, start, step

SECRET = "ghp_" + "a1B2" * 9  # pragma: allowlist secret - made up
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def model() -> Iterator[Endpoint]:
    with serving() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def asking_worker(patient_flush: None, model: Endpoint, worker_folder: Path) -> Iterator[Worker]:
    stop_shared_workers()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "OPENAI_API_KEY": KEY,
            "MODEL_ENDPOINT": model.url,
            "AI_RETRIES": "1",
            "AI_RETRY_DELAY": "0.02",
            "AI_FALLBACK_MODELS": "",
        }.items():
            environment.setenv(name, value)
        worker = Worker("ai", pool="threads", concurrency=4, folder=worker_folder, name="progress")
        worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def ai_run(owner: User, **config: Any) -> WorkflowExecution:
    asks = {"prompt": "Write to ada@example.org", "cache": False, **config}
    document = definition(step("letter", step_type="AI_GENERATED", config=asks))
    return start(document, user=owner)


@pytest.fixture
def gate(model: Endpoint) -> Iterator[threading.Event]:
    """Until it is set, the model's next answer hangs after its first pieces."""
    event = threading.Event()
    first, *rest = pieces(f"Dear [EMAIL_1], it rains. {SECRET} is a ", "k", "ey.")
    model.answers = [(200, [first, event, *rest])]
    yield event
    event.set()


def header(user: User) -> dict[str, str]:
    _, text = issue_token(user=user, scope=Scope.READ)
    return {"Authorization": f"Token {text}"}


class Page:
    """The API of a web server, for one user."""

    def __init__(self, server: Server, user: User) -> None:
        self.client = httpx2.Client(
            base_url=f"http://127.0.0.1:{server.port}/api/v1", headers=header(user), timeout=30
        )

    def progress(self, run: UUID) -> dict[str, Any]:
        answer = self.client.get(f"/executions/{run}/progress")
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json()
        return body

    @contextmanager
    def events(self, run: UUID, **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
        with self.client.stream(
            "GET", f"/executions/{run}/progress", headers=STREAM | headers
        ) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/event-stream"
            assert answer.headers["cache-control"] == "no-store"
            yield read(answer)


def read(answer: httpx2.Response) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if line == "" and "data" in event:
            yield event
            event = {}
        elif name in ("event", "id"):
            event[name] = value
        elif name == "data":
            event[name] = json.loads(value)


def asked(page: Page, run: UUID) -> dict[str, Any] | None:
    """The run's only step once some text has come."""
    steps = page.progress(run)["steps"]
    return steps[0] if steps and steps[0]["text"] else None


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("asking_worker")
class TestWatching:
    def test_people_see_an_answer_come(
        self, server: Server, gate: threading.Event, user: User
    ) -> None:
        run = ai_run(user)
        page = Page(server, user)
        wait_until(lambda: asked(page, run.id), what="the first pieces")
        found = page.progress(run.id)
        assert (found["execution_id"], found["status"]) == (str(run.id), "running")
        (letter,) = found["steps"]
        assert letter["step_id"] == "letter"
        assert (letter["phase"], letter["call"], letter["attempt"]) == ("receiving", 1, 1)
        assert letter["text"] == "Dear ada@example.org, it rains. [secret] is a"
        assert letter["characters"] == len(f"Dear [EMAIL_1], it rains. {SECRET} is a ")
        assert [entry["phase"] for entry in letter["log"]] == ["asking", "receiving"]

        with page.events(run.id) as events:
            first = next(events)
            assert first["event"] == "progress"
            assert first["data"] == found
            assert first["id"] == found["version"]
            gate.set()
            *_, last = events
        assert last["event"] == "end"
        assert (last["data"]["status"], last["data"]["steps"]) == ("completed", [])
        done = finish(run.id)
        assert done.steps.get().output_data["text"].endswith("[secret] is a key.")

        # Whoever has seen the end is told to ask no more; others are told of it.
        again = {**STREAM, "Last-Event-ID": last["id"]}
        address = f"/executions/{run.id}/progress"
        assert page.client.get(address, headers=again).status_code == 204
        with page.events(run.id) as events:
            assert [event["event"] for event in events] == ["end"]
        assert page.progress(run.id)["steps"] == []

    def test_who_comes_again_is_told_what_is_new(
        self, server: Server, gate: threading.Event, user: User
    ) -> None:
        run = ai_run(user)
        page = Page(server, user)
        wait_until(lambda: asked(page, run.id), what="the first pieces")
        with page.events(run.id) as events:
            seen = next(events)["id"]
        with page.events(run.id, **{"Last-Event-ID": seen}) as events:
            gate.set()
            assert next(events)["id"] != seen

    def test_of_what_must_fit_a_schema_only_the_length_is_told(
        self, server: Server, model: Endpoint, user: User
    ) -> None:
        gate = threading.Event()
        first, *rest = pieces('{"risk": ', '"low"}')
        model.answers = [(500, {}), (200, [first, gate, *rest])]
        run = ai_run(user, schema={"type": "object", "required": ["risk"]})
        page = Page(server, user)

        def coming() -> bool:
            steps = page.progress(run.id)["steps"]
            return bool(steps) and steps[0]["phase"] == "receiving"

        wait_until(coming, what="the second call's answer")
        (letter,) = page.progress(run.id)["steps"]
        gate.set()
        assert (letter["call"], letter["characters"], letter["text"]) == (2, 9, "")
        logged = [(entry["phase"], entry.get("error", "")) for entry in letter["log"]]
        assert logged == [
            ("asking", ""),
            ("waiting_to_retry", "ai_server_error"),
            ("asking", ""),
            ("receiving", ""),
        ]
        assert finish(run.id).status == "completed"

    def test_redis_holds_it_sealed_and_for_a_minute(
        self, server: Server, gate: threading.Event, user: User
    ) -> None:
        run = ai_run(user)
        page = Page(server, user)
        wait_until(lambda: asked(page, run.id), what="the first pieces")
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            name = name_of(run.id)
            assert 0 < client.ttl(name) <= KEPT_SECONDS
            held = client.hgetall(name)
            assert held
            assert not any(b"rains" in value or b"ada" in value for value in held.values())
            assert str(run.id) not in name
            # Values that were moved, or that others wrote, are nobody's progress.
            client.hset(name, mapping={str(user.pk): next(iter(held.values())), "x": b"5"})
            client.hset(name, "y", b"\x00\xff")
        assert len(page.progress(run.id)["steps"]) == 1

    def test_who_may_not_see_the_run_may_not_watch_it(
        self, server: Server, gate: threading.Event, cast: Cast
    ) -> None:
        asks = {"prompt": "Write.", "cache": False}
        workflow = create_workflow(
            document=definition(step("letter", step_type="AI_GENERATED", config=asks)),
            owner=cast.owner.user,
            organisation=cast.team,
            is_shared=True,
        )
        run = start(workflow, user=cast.owner.user)
        address = f"/executions/{run.id}/progress"
        outsider = Page(server, cast.outsider.user)
        for accept in ("application/json", "text/event-stream"):
            answer = outsider.client.get(address, headers={"Accept": accept})
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
            assert answer.headers["content-type"] == "application/json"
        mate = Page(server, cast.team_mate.user)
        with mate.events(run.id) as events:
            next(events)
        read = AuditEntry.objects.filter(action="payload.read", user_id=cast.team_mate.user.pk)
        assert read.get().details["fields"] == ["progress"]
        gate.set()
        finish(run.id)

    def test_a_cancelled_run_ends_its_streams(
        self, server: Server, gate: threading.Event, user: User
    ) -> None:
        run = ai_run(user)
        with Page(server, user).events(run.id) as events:
            WorkflowEngine().cancel_workflow(run.id)
            *_, last = events
        assert (last["event"], last["data"]["status"]) == ("end", "cancelled")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("asking_worker")
def test_fifty_open_streams_keep_nobody_out(
    gate: threading.Event, user: User, tmp_path: Path
) -> None:
    """More streams than the pool has connections, and others are answered all the same."""
    run = ai_run(user)
    bounds = {"DB_POOL_SIZE": "4", "PROGRESS_STREAMS_PER_USER": "50"}
    with web_serving(tmp_path, **bounds) as server:
        page = Page(server, user)
        limits = httpx2.Limits(max_connections=80)
        page.client = httpx2.Client(
            base_url=page.client.base_url, headers=page.client.headers, timeout=60, limits=limits
        )
        opened = threading.Barrier(51)

        def watch(_: int) -> str:
            with page.events(run.id) as events:
                next(events)
                opened.wait(60)
                return str(list(events)[-1]["event"])

        with ThreadPoolExecutor(50) as pool:
            ends = pool.map(watch, range(50))
            opened.wait(60)
            for _ in range(20):
                assert page.client.get("/executions").status_code == 200
            refused = page.client.get(f"/executions/{run.id}/progress", headers=STREAM)
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
            assert refused.headers["retry-after"] == "10"
            assert page.progress(run.id)["steps"], "polling is not counted"
            gate.set()
            assert set(ends) == {"end"}
        with page.events(run.id) as events:
            assert [event["event"] for event in events] == ["end"], "their places are free again"
        assert "Traceback" not in server.log.read_text()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("asking_worker")
def test_a_stream_ends_in_time(gate: threading.Event, user: User, tmp_path: Path) -> None:
    run = ai_run(user)
    with web_serving(tmp_path, PROGRESS_STREAM_SECONDS="1.5") as server:
        with Page(server, user).events(run.id) as events:
            assert {event["event"] for event in events} == {"progress"}
        assert WorkflowExecution.objects.get(id=run.id).status == "running"
        gate.set()
        finish(run.id)


@pytest.mark.django_db
def test_without_redis_nothing_is_told_and_nothing_fails(
    user: User, caplog: pytest.LogCaptureFixture
) -> None:
    run = ai_run(user)
    caller = Caller(
        agent_type="step", execution_id=run.id, step_execution_id=run.steps.get().id, attempt=1
    )
    kept = publishing._made, reading._client
    with override_settings(REDIS_URL="redis://127.0.0.1:9/0"):
        for made in kept:
            made.cache_clear()
        with reporting(step_id="letter", caller=caller):
            wait_until(lambda: "Progress is not told" in caplog.text, what="the warning")
            for _ in range(1_000):
                tell(Phase.CALLING_TOOL, tool="search")
        assert reading.now(run) == Progress(status="running")
    for made in kept:
        made.cache_clear()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_workers")
def test_streams_that_open_at_once_are_bounded_too(user: User) -> None:
    bounds = override_settings(PROGRESS_STREAMS_PER_USER=2)
    run = start(definition(step("a")), user=user)

    async def opened() -> list[bytes | None]:
        streams = [
            progress_api._events(run, user=user, last="", may=lambda: True) for _ in range(3)
        ]
        await asyncio.gather(*(anext(stream) for stream in streams))
        told = await asyncio.gather(*(anext(stream, None) for stream in streams))
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]
        return list(told)

    with bounds:
        assert async_to_sync(opened)().count(None) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("loss", ["token", "account", "membership", "nothing"])
def test_who_loses_the_right_is_told_no_more(cast: Cast, loss: str) -> None:
    mate = cast.team_mate.user
    run = start(cast.shared, user=cast.owner.user)
    token, _ = issue_token(user=mate, scope=Scope.READ)
    request: Any = SimpleNamespace(auth=token)
    may = progress_api._may(request, mate, run)
    assert may()
    match loss:
        case "token":
            token.delete()
        case "account":
            User.objects.filter(pk=mate.pk).update(is_active=False)
        case "membership":
            Membership.objects.filter(user=mate, organisation=cast.team).delete()
    assert may() is (loss == "nothing")
