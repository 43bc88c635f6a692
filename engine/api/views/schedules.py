"""Schedules of the workflows that the caller may see."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from core.access import require_role, with_role
from core.api.callers import caller
from core.api.schema import refusal
from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import NotFound, Problem
from core.models import Role, User
from engine import schedules, selectors
from engine.api.filters import ScheduleFilter
from engine.api.serializers.schedules import WorkflowScheduleSerializer
from engine.models import WorkflowSchedule


class ScheduleList(ListAPIView[WorkflowSchedule]):
    """The schedules of the workflows that you may see."""

    needs = {"POST": Role.EDITOR}
    serializer_class = WorkflowScheduleSerializer
    filterset_class = ScheduleFilter

    def get_queryset(self) -> QuerySet[WorkflowSchedule]:
        return selectors.schedules_for(caller(self))

    @extend_schema(tags=["schedules"], summary="List schedules, the newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        tags=["schedules"],
        summary="Start a workflow by cron or by interval",
        responses={201: WorkflowScheduleSerializer, **refusal(NotFound)},
    )
    def post(self, request: Request) -> Response:
        body = WorkflowScheduleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        schedule = WorkflowSchedule()
        _save(request, schedule, body.validated_data, "create")
        location = reverse("schedule", args=[schedule.id], request=request)
        return Response(
            WorkflowScheduleSerializer(schedule).data, status=201, headers={"Location": location}
        )


class ScheduleDetail(RetrieveAPIView[WorkflowSchedule]):
    """One schedule."""

    serializer_class = WorkflowScheduleSerializer
    needs = {"PATCH": Role.EDITOR, "DELETE": Role.EDITOR}
    lookup_field = "id"
    lookup_url_kwarg = "schedule_id"

    def get_queryset(self) -> QuerySet[WorkflowSchedule]:
        user = caller(self)
        schedules = selectors.schedules_for(user).select_related("workflow")
        return with_role(schedules, user, organisation="workflow__organisation_id")

    @extend_schema(tags=["schedules"], summary="Show a schedule")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(
        tags=["schedules"],
        summary="Change a schedule",
        description="Its runs are yours from then on. From an interval to cron: set "
        "`interval_seconds` to null too; and back: set `cron` to an empty text.",
    )
    def patch(self, request: Request, schedule_id: UUID) -> Response:
        schedule = self.get_object()
        body = WorkflowScheduleSerializer(schedule, data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        _save(request, schedule, body.validated_data, "update")
        return Response(WorkflowScheduleSerializer(schedule).data)

    @extend_schema(
        tags=["schedules"], summary="Delete a schedule; its runs stay", responses={204: None}
    )
    def delete(self, request: Request, schedule_id: UUID) -> Response:
        schedule = self.get_object()
        with action(by_request(request), "schedule.delete", (WorkflowSchedule, schedule.id)):
            schedules.delete_schedule(schedule)
        return Response(status=204)


def _save(request: Request, schedule: WorkflowSchedule, values: dict[str, Any], verb: str) -> None:
    user = cast(User, request.user)
    fields = sorted(values)
    workflow_id = values.pop("workflow_id", schedule.workflow_id)
    found = with_role(selectors.workflows_for(user).defer("definition"), user)
    workflow = found.filter(id=workflow_id).first()
    if workflow is None:
        message = "There is no such workflow."
        raise NotFound(message, problems=[Problem("workflow", message)])
    require_role(workflow, Role.EDITOR)
    schedule.workflow, schedule.user = workflow, user
    for name, value in values.items():
        setattr(schedule, name, value)
    actor = by_request(request)
    with action(actor, f"schedule.{verb}", schedule, fields=fields) as entry:
        entry.on(schedule, organisation_id=workflow.organisation_id)
        schedules.save_schedule(schedule)
        entry.tell(workflow=workflow.id, enabled=schedule.enabled)
