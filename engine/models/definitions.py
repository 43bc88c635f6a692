"""Workflows and the versions of their definitions."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from core.fields import EncryptedJSONField
from core.ids import uuid7
from core.models import Organisation


class Workflow(models.Model):
    """A workflow that people can run: the documented row of its newest definition."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    version = models.CharField(max_length=20)
    category = models.CharField(max_length=100)
    definition = models.JSONField(help_text="The workflow's definition, as JSON.")
    ai_configurable = models.BooleanField(default=True, db_default=True)
    created_by = models.CharField(max_length=50, default="system", db_default="system")
    usage_count = models.IntegerField(default=0, db_default=0)
    rating = models.DecimalField(
        max_digits=3,
        decimal_places=2,
        default=0,
        db_default=0,
        validators=[MinValueValidator(0), MaxValueValidator(5)],
    )
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    # Without an index of its own: it is the first column of another one.
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="workflows", db_index=False
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="workflows",
        help_text="Who alone sees it while it is private. Empty: the platform.",
    )
    is_shared = models.BooleanField(
        default=False, help_text="The organisation's members see it; else its owner alone."
    )
    latest = models.PositiveIntegerField(default=0, help_text="Number of the newest version.")

    class Meta:
        db_table = "workflow_definitions"
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("owner", "-created_at"), name="workflow_owner_created"),
            models.Index(
                fields=("organisation", "-created_at", "-id"), name="workflow_organisation_created"
            ),
            models.Index(fields=("category",), name="workflow_category"),
        )
        permissions = (("run_workflow", "Can run workflows"),)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class DraftDecision(models.TextChoices):
    """What became of a draft."""

    OPEN = "", "open"
    PUBLISHED = "published"
    DISMISSED = "dismissed"


class WorkflowVersion(models.Model):
    """A definition that a workflow has had, or a draft of one; runs keep theirs as it was."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    version = models.CharField(max_length=20)
    definition = models.JSONField()
    created_by = models.CharField(max_length=50)
    created_at = models.DateTimeField(auto_now_add=True)
    is_draft = models.BooleanField(
        default=False, db_default=False, help_text="Only proposed: no run starts with it."
    )
    explanation = EncryptedJSONField(
        null=True, help_text="Of a draft: for each change its title and what speaks for it."
    )
    decision = models.CharField(
        max_length=10,
        choices=DraftDecision.choices,
        default=DraftDecision.OPEN,
        db_default=DraftDecision.OPEN,
        blank=True,
        help_text="What became of a draft.",
    )
    decided_by = models.CharField(max_length=50, default="", db_default="", blank=True)
    decided_at = models.DateTimeField(null=True, help_text="When a draft was decided on.")

    class Meta:
        db_table = "workflow_definition_versions"
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=("workflow", "number"), name="workflow_version_once"),
        )

    def __str__(self) -> str:
        return f"{self.workflow_id} #{self.number}"
