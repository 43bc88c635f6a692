"""Workflow templates (not HTML) and the tree of categories that they are filed under."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from core.ids import uuid7
from core.json import JsonObject


class WorkflowCategory(models.Model):
    """A heading of the catalogue. Workflows and templates name it; it knows none of them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True, default="")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())

    class Meta:
        db_table = "workflow_categories"
        ordering = ("name",)
        verbose_name = "category"
        verbose_name_plural = "categories"
        constraints = (
            models.CheckConstraint(
                condition=~models.Q(parent=models.F("id")),
                name="category_not_own_parent",
                violation_error_message="A category cannot be its own parent.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class WorkflowTemplate(models.Model):
    """A workflow ready to be made one's own: a definition, with a sample and what it comes to."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    category = models.CharField(max_length=100, help_text="Name of a category.")
    template = models.JSONField(help_text="The definition that a workflow made from it gets.")
    ai_generated = models.BooleanField(default=False, db_default=False)
    usage_count = models.IntegerField(
        default=0, db_default=0, help_text="How many workflows were made from it."
    )
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())

    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    key = models.SlugField(
        max_length=100,
        unique=True,
        null=True,
        blank=True,
        help_text="Its name in the starter catalogue. Empty: an operator's own.",
    )
    sample_input = models.JSONField(
        default=dict, blank=True, help_text="Data that a run can be tried with."
    )
    expected = models.JSONField(
        default=dict,
        blank=True,
        help_text="What a run on the sample comes to: status, results, and the people's answers.",
    )
    is_active = models.BooleanField(default=True, help_text="Offered in the catalogue.")
    catalogue_digest = models.CharField(
        max_length=64,
        blank=True,
        default="",
        editable=False,
        help_text="Digest of the starter content as it was loaded, to tell an operator's edits.",
    )

    class Meta:
        db_table = "workflow_templates"
        ordering = ("name", "id")
        verbose_name = "template"
        indexes = (models.Index(fields=("category", "name"), name="template_category_name"),)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(usage_count__gte=0), name="template_usage_not_negative"
            ),
        )

    def __str__(self) -> str:
        return self.name

    def definition(self) -> JsonObject:
        """The definition under the row's own name, description and category."""
        return {
            **self.template,
            "name": self.name,
            "description": self.description,
            "category": self.category,
        }
