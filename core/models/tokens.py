from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from core.ids import uuid7
from core.models.organisations import Role


class Scope(models.TextChoices):
    """The ceiling of a token: it can do no more than a member of the scope's role."""

    READ = "read"
    RUN = "run"
    EDIT = "edit"
    ADMIN = "admin"

    @property
    def role(self) -> Role:
        """The role that a token of this scope can act in at most."""
        return _ROLES[self]

    @classmethod
    def of(cls, role: Role) -> Scope:
        """The smallest scope that lets a token act in this role."""
        return next(scope for scope, known in _ROLES.items() if known == role)


_ROLES = dict(zip(Scope, Role, strict=True))


class AccessToken(models.Model):
    """A program's way to sign in as its owner. Of its text only knox's digest is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="tokens",
        # It is the first column of another index.
        db_index=False,
    )
    digest = models.CharField(max_length=128, unique=True)
    token_key = models.CharField(max_length=25, help_text="How it begins.")
    expiry = models.DateTimeField()
    name = models.CharField(max_length=100, blank=True, default="", help_text="What it is for.")
    scope = models.CharField(max_length=10, choices=Scope.choices)
    used_at = models.DateTimeField(null=True, help_text="Last use, to the hour.")
    created = models.DateTimeField(auto_now_add=True, db_default=Now())

    class Meta:
        db_table = "workflow_tokens"
        ordering = ("-created", "-id")
        verbose_name = "token"
        constraints = (
            models.CheckConstraint(condition=models.Q(scope__in=Scope.values), name="token_scope"),
        )
        indexes = (models.Index(fields=("user", "-created", "-id"), name="token_user_created"),)

    def __str__(self) -> str:
        return f"{self.token_key[:9]}… of {self.user}"
