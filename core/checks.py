"""System checks of the ground floor: `manage.py check`, and with `--deploy` those of production."""

from __future__ import annotations

import os
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured

from core.keys import providers
from core.keys.files import HOW_TO_MAKE, KEY_FILE, decode_keys, read_keys

SECRET_MIN_LENGTH = 50
SECRET_MIN_UNIQUE = 5
_PARSER = "core.api.parsers.BoundedJSONParser"
_HANDLER = "core.api.errors.exception_handler"
_VAULT_ID = "workflow_core.E005"
_UNVERIFIED = {"none", "optional", "false", "0", "no"}


@register(Tags.security)
def check_encryption_keys(
    *, app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """E001: the keys that are configured, if any, are such. E005: Vault can be asked."""
    path = settings.DATA_DIR / KEY_FILE
    try:
        for name in ("DB_ENCRYPTION_KEY", "REDIS_ENCRYPTION_KEY"):
            if text := getattr(settings, name):
                decode_keys(text, source=name)
        if path.exists() and not settings.DB_ENCRYPTION_KEY:
            read_keys(path)
    except (ImproperlyConfigured, OSError) as error:
        hint = f"Make a key with: {HOW_TO_MAKE}. Keep the old one as long as data depends on it."
        return [Error(str(error), hint=hint, id="workflow_core.E001")]
    vault: dict[str, str] = settings.VAULT
    signs_in = vault["token"] or vault["token_file"] or (vault["role_id"] and vault["secret_id"])
    if providers.current_name() == "vault" and not (vault["address"] and signs_in):
        hint = "Set VAULT_ADDR, and VAULT_ROLE_ID with VAULT_SECRET_ID, or VAULT_TOKEN."
        return [Error("Vault is to keep the keys, but cannot be asked.", hint=hint, id=_VAULT_ID)]
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
    if providers.current_name() == "file":
        messages.append(
            CheckWarning(
                f"The encryption key is the file {KEY_FILE} in DATA_DIR.",
                hint="Set DB_ENCRYPTION_KEY or DB_ENCRYPTION_KEY_FILE, or let Vault keep the key: "
                "whoever copies DATA_DIR would get the key with the data.",
                id="workflow_core.W001",
            )
        )
    return messages


@register(Tags.security, deploy=True)
def check_transport(
    *, app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """W002, W003, W004: whoever is on the way to PostgreSQL, Redis or Vault reads nothing, and
    cannot stand in for them. What stays on this machine is left out.
    """
    messages: list[CheckMessage] = []
    database = settings.DATABASES["default"]
    # libpq takes what it is not told from its own variables.
    mode = database["OPTIONS"].get("sslmode") or os.environ.get("PGSSLMODE", "")
    if not _stays_here(database["HOST"]) and mode != "verify-full":
        hint = "Set DB_SSLMODE=verify-full and DB_SSLROOTCERT to the file of its authority."
        text = "The connection to PostgreSQL does not prove whom it leads to."
        messages.append(CheckWarning(text, hint=hint, id="workflow_core.W002"))
    redis = urlsplit(settings.REDIS_URL)
    asked = dict(parse_qsl(redis.query))
    weakened = {asked.get("ssl_cert_reqs"), asked.get("ssl_check_hostname", "").lower()}
    verified = redis.scheme == "rediss" and not weakened & _UNVERIFIED
    if redis.scheme != "unix" and not _stays_here(redis.hostname or "") and not verified:
        hint = "Set REDIS_TLS=true (or rediss:// in REDIS_URL), and REDIS_CA_CERT where needed."
        text = "The connection to Redis does not prove whom it leads to."
        messages.append(CheckWarning(text, hint=hint, id="workflow_core.W003"))
    vault = urlsplit(settings.VAULT["address"])
    if vault.scheme == "http" and not _stays_here(vault.hostname or ""):
        text, hint = "Vault is asked for keys without TLS.", "Let VAULT_ADDR begin with https://."
        messages.append(CheckWarning(text, hint=hint, id="workflow_core.W004"))
    return messages


def _stays_here(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
