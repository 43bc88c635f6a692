"""Every call of a language model, and every workflow that one was asked to draw up."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from ai.budgets.models import (
    AIBudget,
    AIBudgetAccount,
    AIBudgetAlert,
    AIBudgetReservation,
    AIBudgetWait,
)
from core.fields import EncryptedJSONField, EncryptedTextField
from core.ids import uuid7
from core.models import Organisation
from engine.models import StepExecution, Workflow

__all__ = [
    "AIBudget",
    "AIBudgetAccount",
    "AIBudgetAlert",
    "AIBudgetReservation",
    "AIBudgetWait",
    "AIStepExecution",
    "AIWorkflowGeneration",
]


class AIWorkflowGeneration(models.Model):
    """One attempt to generate a workflow from requirements."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="ai_generations"
    )
    requirements = EncryptedJSONField()
    generated_workflow = models.ForeignKey(
        Workflow, null=True, on_delete=models.SET_NULL, related_name="ai_generations"
    )
    ai_model = models.CharField(max_length=100)
    generation_time_ms = models.IntegerField(null=True)
    success = models.BooleanField()
    error_message = EncryptedTextField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    provider = models.CharField(max_length=50, blank=True, default="")
    error_code = models.CharField(max_length=50, blank=True, default="")

    class Meta:
        db_table = "ai_workflow_generations"
        ordering = ("-created_at", "-id")
        verbose_name = "AI workflow generation"
        indexes = (models.Index(fields=("-created_at", "-id"), name="ai_generation_created"),)
        permissions = (("read_ai_requirements", "Can read requirements given to AI"),)

    def __str__(self) -> str:
        return str(self.id)


class AIStepExecution(models.Model):
    """One call of a language model; `response` is empty where it failed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    step_execution = models.ForeignKey(
        StepExecution, null=True, on_delete=models.CASCADE, related_name="ai_calls"
    )
    ai_model = models.CharField(max_length=100)
    prompt = EncryptedTextField()
    response = EncryptedTextField()
    tokens_used = models.IntegerField(null=True)
    cost_usd = models.DecimalField(max_digits=10, decimal_places=4, null=True)
    execution_time_ms = models.IntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    system = EncryptedTextField(null=True, help_text="The system prompt.")
    provider = models.CharField(max_length=50)
    agent_type = models.CharField(max_length=50)
    attempt = models.PositiveIntegerField(default=0, help_text="The step's attempt.")
    call_number = models.PositiveSmallIntegerField(
        default=1, help_text="Which call of the attempt it is: retries, repairs, other models."
    )
    mode = models.CharField(
        max_length=20, blank=True, default="", help_text="How the answer's form was asked for."
    )
    cached = models.BooleanField(default=False, help_text="Answered from the cache, at no cost.")
    organisation = models.ForeignKey(
        Organisation, null=True, on_delete=models.CASCADE, related_name="ai_calls", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="ai_calls"
    )
    workflow = models.ForeignKey(
        Workflow, null=True, on_delete=models.SET_NULL, related_name="ai_calls", db_index=False
    )
    prompt_tokens = models.IntegerField(null=True)
    completion_tokens = models.IntegerField(null=True)
    exact_cost_usd = models.DecimalField(
        max_digits=18,
        decimal_places=10,
        null=True,
        help_text="The cost unrounded; empty where the model's price is not known.",
    )
    error_code = models.CharField(max_length=50, blank=True, default="")
    error_message = EncryptedTextField(null=True)
    tool_calls = EncryptedJSONField(
        null=True, help_text="What the model asked tools for, and what became of it."
    )

    class Meta:
        db_table = "ai_step_executions"
        ordering = ("-created_at", "-id")
        verbose_name = "AI call"
        indexes = (
            models.Index(fields=("-created_at", "-id"), name="ai_call_created"),
            models.Index(fields=("ai_model", "-created_at"), name="ai_call_model"),
            models.Index(fields=("organisation", "-created_at"), name="ai_call_organisation"),
            models.Index(fields=("workflow", "-created_at"), name="ai_call_workflow"),
        )
        permissions = (("read_ai_text", "Can read prompts and responses of AI calls"),)

    def __str__(self) -> str:
        return str(self.id)
