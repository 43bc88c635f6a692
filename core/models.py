from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.ids import uuid7


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
