"""Data keys, wrapped, and how far the job has come that seals values anew under newer ones."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from core.encryption import Owner


class DataKey(models.Model):
    """A key that values are sealed under. The row holds it wrapped by a provider's master key.

    Envelopes name it by `kid`. An owner has one active key, which seals, and older ones, which only
    open. A destroyed key is gone, and what it has sealed with it.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        DECRYPT_ONLY = "decrypt_only", "decrypt only"
        DESTROYED = "destroyed"

    class OwnerKind(models.TextChoices):
        INSTALLATION = "installation"
        AUDIT = "audit", "audit log"
        ORGANISATION = "organisation"
        PERSON = "person"

    kid = models.CharField(primary_key=True, max_length=16, editable=False)
    owner_kind = models.CharField(max_length=20, choices=OwnerKind.choices)
    # No foreign key: who asks for a key's destruction may have been deleted already.
    owner_id = models.UUIDField(null=True)
    provider = models.CharField(max_length=10, help_text="Who wraps and unwraps it.")
    wrapped = models.TextField(help_text="The key under the provider's master key.")
    state = models.CharField(max_length=20, choices=State.choices, default=State.ACTIVE)
    created_at = models.DateTimeField(db_default=Now())
    rotated_at = models.DateTimeField(null=True, help_text="When a newer key took its place.")
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "workflow_data_keys"
        ordering = ("-created_at", "kid")
        constraints = (
            models.UniqueConstraint(
                fields=("owner_kind", "owner_id"),
                condition=models.Q(state="active"),
                nulls_distinct=False,
                name="data_key_active_once",
            ),
            models.CheckConstraint(
                condition=models.Q(owner_kind__in=("installation", "audit"), owner_id=None)
                | (
                    models.Q(owner_kind__in=("organisation", "person"))
                    & models.Q(owner_id__isnull=False)
                ),
                name="data_key_owner",
            ),
            models.CheckConstraint(
                condition=models.Q(state="destroyed", wrapped="", destroyed_at__isnull=False)
                | (
                    models.Q(state__in=("active", "decrypt_only"), destroyed_at=None)
                    & ~models.Q(wrapped="")
                ),
                name="data_key_state",
            ),
        )
        indexes = (models.Index(fields=("owner_id", "owner_kind"), name="data_key_of_owner"),)

    def __str__(self) -> str:
        return self.kid

    @property
    def owner(self) -> Owner:
        """Whose values it seals."""
        return Owner(self.owner_kind, self.owner_id)


class Reencryption(models.Model):
    """One encrypted column, and how far the job that seals its values anew has come.

    A pass goes once through the table by primary key. What it could not lock is left to the next.
    """

    table = models.CharField(max_length=63)
    column = models.CharField(max_length=63)
    after = models.CharField(
        max_length=100, blank=True, default="", help_text="Primary key that it has come to."
    )
    moved = models.BigIntegerField(default=0, help_text="Values sealed anew in this pass.")
    busy = models.BigIntegerField(default=0, help_text="Old values that somebody had locked.")
    unreadable = models.BigIntegerField(default=0, help_text="Old values that nobody can open.")
    started_at = models.DateTimeField(null=True, help_text="Of the pass.")
    finished_at = models.DateTimeField(null=True, help_text="Empty while it goes on.")

    class Meta:
        db_table = "workflow_reencryptions"
        constraints = (
            models.UniqueConstraint(fields=("table", "column"), name="reencryption_once"),
        )

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"
