from __future__ import annotations

from django.db import models
from django.db.models import Q

from core.audit.triggers import append_only
from core.ids import uuid7


class Via(models.TextChoices):
    """How somebody came in."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 # nosec B105 # a word
    COMMAND = "command"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


class Outcome(models.TextChoices):
    """What came of it."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class AuditEntry(models.Model):
    """One thing that somebody did. Refers to nothing, so that it outlives what it tells of.

    The writer gives `mac`, without which nobody can add a row that counts. The sealer gives
    `sequence` and `seal`, the one UPDATE that the table's triggers let through.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(help_text="By the clock of the process that did it.")

    via = models.CharField(max_length=10, choices=Via.choices)
    user_id = models.UUIDField(null=True)
    username = models.CharField(
        max_length=150, blank=True, help_text="As it was; of a command, the system's account."
    )
    credential = models.CharField(
        max_length=100,
        blank=True,
        help_text="Which token or session (the beginning of its digest), command or process.",
    )
    request_id = models.CharField(max_length=64, blank=True)
    # Text: as an address PostgreSQL would spell it anew, and the MAC would not fit any more.
    address = models.CharField(max_length=45, blank=True)

    action = models.CharField(max_length=100, help_text="As in `workflow.create`.")
    object_kind = models.CharField(
        max_length=100, blank=True, help_text="As in `workflow_engine.workflow`."
    )
    object_id = models.CharField(max_length=255, blank=True)
    organisation_id = models.UUIDField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    details = models.JSONField(default=dict, help_text="Neither payloads nor secrets.")

    key_id = models.CharField(max_length=8, help_text="The key of `mac` and `seal`.")
    mac = models.CharField(max_length=64)
    sequence = models.BigIntegerField(null=True, editable=False)
    seal = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 - until sealed

    class Meta:
        db_table = "workflow_audit_log"
        ordering = ("-id",)
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(fields=("sequence",), name="audit_sequence_once"),
            models.CheckConstraint(
                condition=Q(sequence__isnull=True, seal__isnull=True)
                | Q(sequence__isnull=False, seal__isnull=False),
                name="audit_sealed_whole",
            ),
        )
        indexes = (
            models.Index(fields=("id",), condition=Q(sequence__isnull=True), name="audit_unsealed"),
            models.Index(fields=("user_id", "-id"), name="audit_user"),
            models.Index(fields=("action", "-id"), name="audit_action"),
            models.Index(fields=("object_id", "-id"), name="audit_object"),
            models.Index(fields=("organisation_id", "-id"), name="audit_organisation"),
        )
        triggers = append_only(once=("sequence", "seal"), empty="sequence")

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}".strip()
