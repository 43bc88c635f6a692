"""What is known about finished runs: their figures, and what people thought of them."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from core.fields import EncryptedJSONField
from core.ids import uuid7
from engine.models import WorkflowExecution

MIN_RATING, MAX_RATING = 1, 5


class WorkflowExecutionMetric(models.Model):
    """One figure of one run. Recording it again replaces it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    execution = models.ForeignKey(
        WorkflowExecution, on_delete=models.CASCADE, related_name="metrics", db_index=False
    )
    metric_name = models.CharField(max_length=100)
    metric_value = models.DecimalField(max_digits=15, decimal_places=4)
    metric_unit = models.CharField(max_length=50, blank=True, default="")
    recorded_at = models.DateTimeField(db_default=Now())

    exact_value = models.DecimalField(
        max_digits=24,
        decimal_places=10,
        help_text="The same figure unrounded: sums of small costs are made of it.",
    )

    class Meta:
        db_table = "workflow_execution_metrics"
        ordering = ("-recorded_at", "metric_name")
        constraints = (
            models.UniqueConstraint(fields=("execution", "metric_name"), name="metric_once"),
        )
        indexes = (models.Index(fields=("-recorded_at",), name="metric_recorded"),)

    def __str__(self) -> str:
        return f"{self.metric_name} = {self.metric_value} {self.metric_unit}".rstrip()


class WorkflowLearningData(models.Model):
    """What a run can teach: a row for each person who rated it, or one without a person."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    execution = models.ForeignKey(
        WorkflowExecution, on_delete=models.CASCADE, related_name="learning_data"
    )
    user_feedback = EncryptedJSONField(null=True, help_text="Comment and tags, in free text.")
    performance_metrics = models.JSONField(null=True, help_text="The run's figures by name.")
    improvement_suggestions = EncryptedJSONField(
        null=True, help_text="What could be done better, in free text."
    )
    created_at = models.DateTimeField(db_default=Now())

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )
    rating = models.PositiveSmallIntegerField(
        null=True, validators=[MinValueValidator(MIN_RATING), MaxValueValidator(MAX_RATING)]
    )
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        db_table = "workflow_learning_data"
        ordering = ("-created_at", "-id")
        verbose_name_plural = "workflow learning data"
        constraints = (
            models.UniqueConstraint(fields=("execution", "user"), name="feedback_once"),
            models.CheckConstraint(
                condition=models.Q(rating=None)
                | models.Q(rating__gte=MIN_RATING, rating__lte=MAX_RATING),
                name="feedback_rating",
            ),
        )
        indexes = (models.Index(fields=("-created_at", "-id"), name="learning_created"),)
        permissions = (("read_feedback", "Can read comments and tags of feedback"),)

    def __str__(self) -> str:
        return str(self.execution_id)
