from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from core.ids import uuid7
from core.models.organisations import found_personal_organisation


class User(AbstractUser):
    """A person or a program that signs in. The documented tables refer to it by UUID."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    username = models.CharField(
        _("username"),
        # The documented tables store it in created_by VARCHAR(50).
        max_length=50,
        unique=True,
        help_text=_("Required. 50 characters or fewer. Letters, digits and @/./+/-/_ only."),
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": _("A user with that username already exists.")},
    )

    class Meta(AbstractUser.Meta):
        db_table = "workflow_users"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Saves the account; a new one gets an organisation of its own in the same transaction."""
        if not self._state.adding:
            super().save(*args, **kwargs)
            return
        with transaction.atomic():
            super().save(*args, **kwargs)
            found_personal_organisation(self.pk, self.username)
