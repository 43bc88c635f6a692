"""Organisations, and who may do what in them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from core.ids import uuid7


class Role(models.TextChoices):
    """What a member may do, each role what the one before it may, and more."""

    VIEWER = "viewer"
    """Reads."""
    RUNNER = "runner"
    """Starts and steers runs, answers them."""
    EDITOR = "editor"
    """Changes definitions and schedules."""
    ADMIN = "admin"
    """Manages members, and deletes."""

    def allows(self, needed: Role) -> bool:
        """Whether this role is enough where `needed` is asked for."""
        return _ORDER.index(self) >= _ORDER.index(needed)

    @classmethod
    def at_least(cls, needed: Role) -> Sequence[Role]:
        """Every role that is enough, for filters."""
        return _ORDER[_ORDER.index(needed) :]


_ORDER = tuple(Role)


class Organisation(models.Model):
    """What workflows belong to. Every account has one of its own; teams make others."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    personal_of = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.CASCADE,
        related_name="personal_organisation",
        help_text="Whose own it is; it has no other members. Empty: a team's.",
    )
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        through="Membership",
        related_name="organisations",
    )
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        db_table = "workflow_organisations"
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """That somebody belongs to an organisation, in a role."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="memberships"
    )
    # Without an index of its own: it is the first column of the constraint's.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="memberships",
        db_index=False,
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())

    class Meta:
        db_table = "workflow_memberships"
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("user", "organisation"),
                name="membership_once",
                violation_error_message="This account is a member already.",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Invitation(models.Model):
    """That an organisation would have somebody as a member. It gives nothing until it is accepted,
    and then it is gone.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="invitations"
    )
    account = models.CharField(max_length=254, help_text="What the admin called the account.")
    # Without an index of its own: it is the first column of the constraint's.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="invitations",
        db_index=False,
        null=True,
        help_text="Empty where there is no such account: nobody gets this invitation.",
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    invited_by = models.CharField(max_length=150, help_text="User name of the admin who asked.")
    inviter = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", null=True
    )
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())

    class Meta:
        db_table = "workflow_invitations"
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(fields=("user", "organisation"), name="invitation_once"),
            models.UniqueConstraint(
                fields=("organisation", "account"), name="invitation_once_by_name"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="invitation_role"
            ),
        )

    def __str__(self) -> str:
        return f"{self.account} ({self.role})"


def found_personal_organisation(user_id: UUID, name: str) -> None:
    """Gives a new account the organisation that it alone is in."""
    organisation = Organisation.objects.create(name=name, personal_of_id=user_id)
    Membership.objects.create(organisation=organisation, user_id=user_id, role=Role.ADMIN)
