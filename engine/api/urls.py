"""The engine's addresses under /api/v1. Without slashes at the end, as documented."""

from __future__ import annotations

from django.urls import path

from engine.api.views import (
    changes,
    definitions,
    drafts,
    execute,
    executions,
    schedules,
    steering,
    step_types,
)
from engine.api.views import workflows as views

urlpatterns = [
    path("workflows", views.WorkflowList.as_view(), name="workflows"),
    path("workflows/validate", definitions.ValidateView.as_view(), name="workflows-validate"),
    path("workflows/plan", definitions.PlanView.as_view(), name="workflows-plan"),
    path("workflows/<uuid:workflow_id>", views.WorkflowDetail.as_view(), name="workflow"),
    path(
        "workflows/<uuid:workflow_id>/versions",
        views.WorkflowVersionList.as_view(),
        name="workflow-versions",
    ),
    path(
        "workflows/<uuid:workflow_id>/versions/<int:number>",
        views.WorkflowVersionDetail.as_view(),
        name="workflow-version",
    ),
    path(
        "workflows/<uuid:workflow_id>/versions/<int:number>/diff",
        changes.VersionDiffView.as_view(),
        name="workflow-version-diff",
    ),
    path(
        "workflows/<uuid:workflow_id>/versions/<int:number>/publish",
        drafts.PublishView.as_view(),
        name="workflow-draft-publish",
    ),
    path(
        "workflows/<uuid:workflow_id>/versions/<int:number>/dismiss",
        drafts.DismissView.as_view(),
        name="workflow-draft-dismiss",
    ),
    path(
        "workflows/<uuid:workflow_id>/plan",
        definitions.WorkflowPlanView.as_view(),
        name="workflow-plan",
    ),
    path(
        "workflows/<uuid:workflow_id>/execute",
        execute.ExecuteView.as_view(),
        name="workflow-execute",
    ),
    path(
        "workflows/<uuid:workflow_id>/pause",
        steering.PauseWorkflow.as_view(),
        name="workflow-pause",
    ),
    path(
        "workflows/<uuid:workflow_id>/resume",
        steering.ResumeWorkflow.as_view(),
        name="workflow-resume",
    ),
    path(
        "workflows/<uuid:workflow_id>/cancel",
        steering.CancelWorkflow.as_view(),
        name="workflow-cancel",
    ),
    path("executions", executions.ExecutionList.as_view(), name="executions"),
    path("executions/<uuid:execution_id>", executions.ExecutionDetail.as_view(), name="execution"),
    path(
        "executions/<uuid:execution_id>/pause",
        steering.PauseExecution.as_view(),
        name="execution-pause",
    ),
    path(
        "executions/<uuid:execution_id>/resume",
        steering.ResumeExecution.as_view(),
        name="execution-resume",
    ),
    path(
        "executions/<uuid:execution_id>/cancel",
        steering.CancelExecution.as_view(),
        name="execution-cancel",
    ),
    path(
        "executions/<uuid:execution_id>/retry",
        steering.RetryExecution.as_view(),
        name="execution-retry",
    ),
    path(
        "executions/<uuid:execution_id>/waiting",
        executions.WaitingView.as_view(),
        name="execution-waiting",
    ),
    path(
        "executions/<uuid:execution_id>/steps",
        executions.StepList.as_view(),
        name="execution-steps",
    ),
    path(
        "executions/<uuid:execution_id>/steps/<str:step_id>",
        executions.StepDetail.as_view(),
        name="execution-step",
    ),
    path(
        "executions/<uuid:execution_id>/steps/<str:step_id>/answer",
        executions.AnswerView.as_view(),
        name="execution-answer",
    ),
    path(
        "executions/<uuid:execution_id>/events",
        executions.EventList.as_view(),
        name="execution-events",
    ),
    path("schedules", schedules.ScheduleList.as_view(), name="schedules"),
    path("schedules/<uuid:schedule_id>", schedules.ScheduleDetail.as_view(), name="schedule"),
    path("step-types", step_types.StepTypeList.as_view(), name="step-types"),
]
