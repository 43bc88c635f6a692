"""How far a run's AI steps are: once as JSON, or as it happens as an event stream."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ai.api import examples
from ai.errors import TooManyStreams
from ai.progress import reading
from ai.progress.reading import Progress
from ai.progress.reports import Phase
from core.api.callers import caller
from core.api.schema import refusal
from core.audit.actors import by_request
from core.audit.recording import record_reading
from core.json import JsonObject
from core.models import AccessToken, User
from engine import selectors
from engine.api.views.base import find_execution
from engine.models import ExecutionStatus, WorkflowExecution

HEARTBEAT_SECONDS = 15.0
_CHECK_SECONDS = 30.0  # between two looks at whether the caller may still read
_RETRY_MS = 2_000
_DESCRIPTION = """\
What the run's AI steps do while they ask a model: phase, model, which call, how much of the answer
has come. Where a step asks for free text, `text` is the beginning of the answer, as far as nothing
that follows can change it; of an answer that has to fit a schema only the length is told.

Ask by `Accept: text/event-stream` to be told as it happens. Events: `progress` (`status` of the
run, and the `steps` that changed since the event before; the first names all), `end` (the run has
ended), and a comment every 15 seconds. A stream ends with its run, or after ten minutes; whoever
connects again with the last event's id (`Last-Event-ID`, as browsers do by themselves) is told
what is new, and gets 204 where the run had ended. An account watches twenty runs at once at most.

Progress is kept in Redis for a minute and may be lost; steps and events of the run never are.
"""


class LoggedPhaseSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    phase = serializers.ChoiceField(choices=[(phase.value, phase.value) for phase in Phase])
    model = serializers.CharField(required=False)
    call = serializers.IntegerField(required=False)
    error = serializers.CharField(required=False, help_text="Code of what went wrong.")
    tool = serializers.CharField(required=False)
    seconds = serializers.FloatField(required=False, help_text="Of waiting.")


class AIStepProgressSerializer(serializers.Serializer[Any]):
    step_id = serializers.CharField()
    step_execution_id = serializers.UUIDField()
    attempt = serializers.IntegerField()
    phase = serializers.ChoiceField(choices=[(phase.value, phase.value) for phase in Phase])
    model = serializers.CharField(help_text="That is asked; empty before the first call.")
    call = serializers.IntegerField(help_text="Which call of this attempt, from 1.")
    characters = serializers.IntegerField(help_text="Of this call's answer that have come.")
    tokens = serializers.IntegerField(
        allow_null=True, help_text="Of the calls that are done, where the endpoint tells."
    )
    text = serializers.CharField(help_text="Beginning of the answer; empty where it is not shown.")
    error = serializers.CharField(help_text="Code of what the phase is about; else empty.")
    tool = serializers.CharField(help_text="That is called; else empty.")
    log = LoggedPhaseSerializer(many=True, help_text="The newest twenty phases.")
    started_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ProgressSerializer(serializers.Serializer[Any]):
    execution_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=ExecutionStatus.choices)
    version = serializers.CharField(help_text="Changes with anything else here.")
    steps = AIStepProgressSerializer(many=True)


class ProgressEventSerializer(serializers.Serializer[Any]):
    """One event of the stream."""

    event = serializers.ChoiceField(choices=["progress", "end"])
    id = serializers.CharField()
    data = serializers.CharField(  # type: ignore[assignment]  # DRF takes fields out of the class
        help_text="As JSON: what the other media type shows."
    )


class EventStreamRenderer(BaseRenderer):
    """Lets callers ask for events. What is refused is told as JSON all the same."""

    media_type = "text/event-stream"
    format = "events"
    charset = None


class ProgressView(APIView):
    """What the AI steps of a run are doing."""

    renderer_classes = [JSONRenderer, EventStreamRenderer]

    @extend_schema(
        tags=["executions"],
        summary="Show how far a run's AI steps are",
        description=_DESCRIPTION,
        parameters=[
            OpenApiParameter(
                "Last-Event-ID",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="Of the last event that came; for event streams alone.",
            )
        ],
        responses={
            (200, "application/json"): ProgressSerializer,
            (200, "text/event-stream"): ProgressEventSerializer,
            204: OpenApiResponse(description="The run has ended, as the last event told."),
            **{
                (status, "application/json"): told
                for status, told in refusal(TooManyStreams).items()
            },
        },
        examples=[examples.PROGRESS],
    )
    def get(
        self, request: Request, execution_id: UUID
    ) -> Response | HttpResponse | StreamingHttpResponse:
        run = find_execution(self, execution_id)
        if request.accepted_renderer.format != EventStreamRenderer.format:
            progress = reading.now(run)
            self._tell_reading(run, any(step["text"] for step in progress.steps))
            return Response(ProgressSerializer(_shown(run.id, progress)).data)
        last = request.headers.get("Last-Event-ID", "")
        if run.status in reading.ENDED and last == Progress(status=run.status).version:
            return HttpResponse(status=204)  # browsers ask no more
        user = caller(self)
        if reading.open_streams(user.pk) >= settings.PROGRESS_STREAMS_PER_USER:
            raise TooManyStreams()
        self._tell_reading(run, run.status not in reading.ENDED)
        events = _events(run, user=user, last=last, may=_may(request, user, run))
        return StreamingHttpResponse(
            events,
            content_type="text/event-stream",
            # Proxies pass every event on at once.
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(response, Response):
            self.request.accepted_renderer = JSONRenderer()
            self.request.accepted_media_type = JSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)

    def _tell_reading(self, run: WorkflowExecution, has_text: bool) -> None:
        if has_text and run.user_id != self.request.user.pk:
            record_reading(by_request(self.request), run, fields=("progress",))


def _shown(execution_id: UUID, progress: Progress) -> JsonObject:
    return {
        "execution_id": execution_id,
        "status": progress.status,
        "version": progress.version,
        "steps": progress.steps,
    }


def _may(request: Request, user: User, run: WorkflowExecution) -> Callable[[], bool]:
    """Whether the caller may still read the run: asked now and then while a stream is open."""
    token = request.auth if isinstance(request.auth, AccessToken) else None
    session = None if token is not None else request.session

    def ask() -> bool:
        try:
            if token is not None:
                valid = AccessToken.objects.filter(pk=token.pk, expiry__gt=timezone.now()).exists()
            else:
                valid = session is not None and session.exists(session.session_key or "")
            active = User.objects.filter(pk=user.pk, is_active=True).exists()
            return valid and active and selectors.executions_for(user).filter(id=run.id).exists()
        except (DatabaseError, InterfaceError):
            return True  # nobody has said otherwise; asked again soon
        finally:
            _give_back()

    return ask


def _give_back() -> None:
    """Gives this thread's connection back to the pool: a stream has no use for one."""
    if not connection.in_atomic_block:
        connection.close()


async def _events(
    run: WorkflowExecution, *, user: User, last: str, may: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """The stream's bytes. One connection of the database is used, for moments, now and then."""
    await sync_to_async(_give_back, thread_sensitive=True)()  # that of the request's own thread
    now = time.monotonic()
    ends, check = now + settings.PROGRESS_STREAM_SECONDS, now + _CHECK_SECONDS
    yield f"retry: {_RETRY_MS}\n\n".encode()
    known: set[str] = set()
    async with reading.watchers().watch(run, user=user.pk) as watch:
        if reading.open_streams(user.pk) > settings.PROGRESS_STREAMS_PER_USER:
            return  # many came at once: who comes again is refused
        while (left := ends - time.monotonic()) > 0:
            seen = await watch.next(seconds=min(left, HEARTBEAT_SECONDS))
            if time.monotonic() > check:
                if not await sync_to_async(may, thread_sensitive=False)():
                    return
                check = time.monotonic() + _CHECK_SECONDS
            if seen is None:
                yield b": still here\n\n"
                continue
            changed = [step for step in seen.steps if reading.mark(step) not in known]
            known = {reading.mark(step) for step in seen.steps}
            if seen.version != last:
                shown = _shown(run.id, Progress(status=seen.status, steps=tuple(changed)))
                yield _event("end" if seen.ended else "progress", seen.version, shown)
            last = ""
            if seen.ended:
                return


def _event(name: str, version: str, shown: JsonObject) -> bytes:
    data = ProgressSerializer(shown | {"version": version}).data
    # JSON has no line ends of its own, which would end the event's data.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\nid: {version}\ndata: {text}\n\n".encode()
