"""Secrets that steps name, encrypted, each for its hosts only."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from core.fields import EncryptedTextField
from core.ids import uuid7
from core.models.organisations import Organisation


class Credential(models.Model):
    """A secret of an organisation: `${secrets.<name>}` in the steps of its workflows.

    Nothing reads `value` but `core.credentials.find`, on its way into a request.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Without an index of its own: it is the first column of the constraint's.
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="credentials", db_index=False
    )
    name = models.CharField(max_length=100, help_text="As in ${secrets.crm_token}.")
    value = EncryptedTextField(editable=False)
    hosts = models.JSONField(help_text="Where it may go: api.example.com, *.example.com.")
    description = models.TextField(blank=True, default="")
    created_by = models.CharField(max_length=150, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    rotated_at = models.DateTimeField(
        db_default=Now(), editable=False, help_text="When the value was last given."
    )
    used_at = models.DateTimeField(
        null=True, editable=False, help_text="When a step last sent it, to the minute."
    )

    class Meta:
        db_table = "workflow_credentials"
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("organisation", "name"),
                name="credential_name_once",
                violation_error_message="The organisation has a credential of this name.",
            ),
        )

    def __str__(self) -> str:
        return self.name
