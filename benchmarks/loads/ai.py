"""AI: fifty AI steps at once, beside the same fifty calls made with the bare SDK in asyncio."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import openai

from benchmarks import endpoint, sides, workers
from benchmarks.figures import Bar, Outcome, Series, Table
from benchmarks.options import Options
from benchmarks.platform import Platform, definition
from engine.models import Workflow
from engine.workflows import create_workflow

CALLS = 50
SECONDS = 0.2  # until the endpoint answers
QUEUE = ("workflow_platform", "ai")
_KEY = "bench"
_PROMPT = "Is this number all right: {}?"
_POLL = 0.002
_WARM_UPS = 2  # connections, clients and statements are made once a process


def ai(options: Options) -> Outcome:
    """AI: the bar is three times what the bare SDK takes."""
    port = endpoint.free_port()
    url = f"http://127.0.0.1:{port}/v1"
    command = [sys.executable, "-m", "benchmarks.endpoint", str(port), str(SECONDS)]
    env = {"OPENAI_API_KEY": _KEY, "MODEL_ENDPOINT": url, "AI_RETRIES": "0"}
    ours, bare = [], []
    with (
        workers.running(command, name="endpoint"),
        workers.worker(QUEUE, pool="threads", concurrency=CALLS, env=env),
        bare_sdk(url, port) as sdk,
    ):
        platform, workflow = Platform(), fifty_steps()
        for _ in range(_WARM_UPS):
            platform.timed(workflow, runs=1, poll=_POLL)
            sdk()
        for _ in range(options.rounds):
            ours.append(1000 * platform.timed(workflow, runs=1, poll=_POLL))
            bare.append(1000 * sdk())
    return outcome(Series.of(ours), Series.of(bare))


def fifty_steps() -> Workflow:
    """A run of fifty AI steps that depend on nothing."""
    steps = [
        {
            "id": f"ask{n}",
            "name": f"Ask {n}",
            "step_type": "AI_GENERATED",
            "config": {"prompt": _PROMPT.format(n), "cache": False, "max_tokens": 100},
            "dependencies": [],
        }
        for n in range(CALLS)
    ]
    return create_workflow(document=definition("fifty AI steps", steps), owner=Platform().user)


class _BareSDK:
    """One client in one event loop, kept over the rounds."""

    def __init__(self, runner: asyncio.Runner, client: openai.AsyncOpenAI) -> None:
        self.runner = runner
        self.client = client

    def __call__(self) -> float:
        """Seconds that the fifty calls take."""
        return self.runner.run(self._all())

    async def _all(self) -> float:
        started = time.monotonic()
        await asyncio.gather(*(self._one(n) for n in range(CALLS)))
        return time.monotonic() - started

    async def _one(self, n: int) -> None:
        answer = await self.client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": _PROMPT.format(n)}],
            max_tokens=100,
        )
        if not answer.choices[0].message.content:
            raise sides.Stuck("the endpoint's answer is empty")


@contextmanager
def bare_sdk(url: str, port: int) -> Iterator[_BareSDK]:
    """The other side, once the endpoint listens."""
    sides.wait_for(lambda: int(not _listens(port)), poll=0.02, limit=30, what="the endpoint")
    with asyncio.Runner() as runner:
        client = openai.AsyncOpenAI(api_key=_KEY, base_url=url, max_retries=0)
        try:
            yield _BareSDK(runner, client)
        finally:
            runner.run(client.close())


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def outcome(ours: Series, bare: Series) -> Outcome:
    """The table and the bar."""
    ratio = ours.over(bare)
    overhead = Series.of((a - b) / CALLS for a, b in zip(ours.values, bare.values, strict=True))
    table = Table(
        title=f"AI: {CALLS} AI steps at once, an endpoint that answers in {SECONDS * 1000:g} ms",
        headings=("side", "ms for all", "x the bare SDK's time", "ms more for each step"),
        rows=[
            ("platform", ours.text(), ratio.text(2), overhead.text(1)),
            ("openai SDK in asyncio", bare.text(), "1", ""),
        ],
        note=f"The platform: one run of {CALLS} steps on a worker of {CALLS} threads, from the call"
        " that starts it until its end can be read; every prompt and answer encrypted, recorded and"
        " priced. The SDK alone keeps nothing.",
    )
    bar = Bar(
        load="AI",
        name="x the bare SDK's time",
        value=ratio.median,
        floor=3,
        goal=2,
        higher=False,
    )
    return Outcome(tables=[table], bars=[bar])
