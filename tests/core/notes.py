"""A model of the tests' own: encrypted columns and a keyset, without any app's meaning."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from core.fields import EncryptedJSONField, EncryptedTextField
from core.ids import uuid7


class Note(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7)
    title = models.CharField(max_length=100, default="")
    content = EncryptedJSONField(null=True)
    secret = EncryptedJSONField(null=True, default=dict)
    remark = EncryptedTextField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    # Said here, since the type checker knows the managers of installed apps only.
    objects: ClassVar[models.Manager[Note]] = models.Manager()

    class Meta:
        app_label = "core_tests"
        db_table = "core_tests_notes"

    def __str__(self) -> str:
        return self.title
