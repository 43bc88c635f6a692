"""What the engine refuses, and why."""

from __future__ import annotations

from core.errors import Conflict, InvalidInput, NotFound, PermissionDenied
from engine.definition import InvalidDefinition
from engine.step import StepFailed, StepRefused

__all__ = [
    "DatabaseUnavailable",
    "DefinitionInUse",
    "DraftClosed",
    "IdempotencyKeyReused",
    "InvalidContext",
    "InvalidDefinition",
    "NotAIConfigurable",
    "NotTheOwner",
    "NotWaiting",
    "OutputTooLarge",
    "StepFailed",
    "StepRefused",
    "StepTimedOut",
    "UnknownStep",
    "VersionChanged",
    "WorkerLost",
]


class InvalidContext(InvalidInput):
    """The context does not fit the workflow's inputs."""

    code = "invalid_context"


class IdempotencyKeyReused(Conflict):
    """This Idempotency-Key was used before with another request."""

    code = "idempotency_key_reused"


class DefinitionInUse(Conflict):
    """The workflow has runs and cannot be deleted."""

    code = "definition_in_use"


class DraftClosed(Conflict):
    """The version is no draft that is still to be decided on."""

    code = "draft_closed"


class NotAIConfigurable(Conflict):
    """The workflow says `ai_configurable: false`: AI may not change it."""

    code = "not_ai_configurable"


class VersionChanged(Conflict):
    """The workflow has another version by now: look at the changes again."""

    code = "version_changed"


class NotTheOwner(PermissionDenied):
    """Only its owner may make a shared workflow private."""

    code = "not_the_owner"


class NotWaiting(Conflict):
    """The step does not wait for an answer."""

    code = "not_waiting"


class QuestionChanged(NotWaiting):
    """The step has asked something else since."""

    code = "question_changed"


class UnknownStep(NotFound):
    """The run has no such step."""

    code = "unknown_step"


class StepTimedOut(StepFailed):
    """The step took longer than its timeout."""

    code = "step_timeout"


class WorkerLost(StepFailed):
    """The worker was lost while it ran the step, too many times."""

    code = "worker_lost"
    permanent = True


class DatabaseUnavailable(StepFailed):
    """The database was away when the step began."""

    code = "database_unavailable"


class OutputTooLarge(StepFailed):
    """The step's output is too large."""

    code = "output_too_large"
    permanent = True
