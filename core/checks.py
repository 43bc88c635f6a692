"""System checks of the ground floor: `manage.py check`, and with `--deploy` those of production."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured

from core.keys.files import HOW_TO_MAKE, KEY_FILE, decode_keys, read_keys

SECRET_MIN_LENGTH = 50
SECRET_MIN_UNIQUE = 5
_PARSER = "core.api.parsers.BoundedJSONParser"
_HANDLER = "core.api.errors.exception_handler"


@register(Tags.security)
def check_encryption_key(
    *, app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """E001: the key that is configured, if any, is one."""
    path = settings.DATA_DIR / KEY_FILE
    try:
        if settings.DB_ENCRYPTION_KEY:
            decode_keys(settings.DB_ENCRYPTION_KEY, source="DB_ENCRYPTION_KEY")
        elif path.exists():
            read_keys(path)
    except (ImproperlyConfigured, OSError) as error:
        hint = f"Make a key with: {HOW_TO_MAKE}. Keep the old one as long as data depends on it."
        return [Error(str(error), hint=hint, id="workflow_core.E001")]
    return []


@register(Tags.security)
def check_deny_by_default(
    *, app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """E002, E003: the API asks who calls, reads bounded JSON and answers errors in one shape."""
    api: dict[str, Any] = settings.REST_FRAMEWORK
    messages: list[CheckMessage] = []
    permissions = api.get("DEFAULT_PERMISSION_CLASSES", [])
    if not permissions or any(name.endswith(".AllowAny") for name in permissions):
        messages.append(
            Error(
                "The API lets everybody in by default.",
                hint="Set DEFAULT_PERMISSION_CLASSES to IsAuthenticated or stricter.",
                id="workflow_core.E002",
            )
        )
    if api.get("DEFAULT_PARSER_CLASSES") != [_PARSER] or api.get("EXCEPTION_HANDLER") != _HANDLER:
        messages.append(
            Error(
                "The API does not use the platform's parser and exception handler.",
                hint=f"Set DEFAULT_PARSER_CLASSES to [{_PARSER!r}] and EXCEPTION_HANDLER to "
                f"{_HANDLER!r}.",
                id="workflow_core.E003",
            )
        )
    return messages


@register(Tags.security, deploy=True)
def check_production_secrets(
    *, app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """E004: SECRET_KEY is no default. W001: the encryption key does not lie beside the data."""
    messages: list[CheckMessage] = []
    secret = settings.SECRET_KEY
    if (
        secret.startswith("django-insecure-")
        or len(secret) < SECRET_MIN_LENGTH
        or len(set(secret)) < SECRET_MIN_UNIQUE
    ):
        messages.append(
            Error(
                "SECRET_KEY is a default or can be guessed.",
                hint="Set SECRET_KEY or SECRET_KEY_FILE. Make one with: openssl rand -base64 48",
                id="workflow_core.E004",
            )
        )
    if not settings.DB_ENCRYPTION_KEY:
        messages.append(
            CheckWarning(
                f"The encryption key is the file {KEY_FILE} in DATA_DIR.",
                hint="Set DB_ENCRYPTION_KEY or DB_ENCRYPTION_KEY_FILE: whoever copies DATA_DIR "
                "would get the key with the data.",
                id="workflow_core.W001",
            )
        )
    return messages
