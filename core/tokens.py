"""Tokens: they expire, they have a scope, and only their digest is kept."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from knox.crypto import create_token_string, hash_token

from core.models import AccessToken, Scope, User

DEFAULT_DAYS = 30
MAX_DAYS = 365
PREFIX = "wfp_"  # by which scanners for secrets find them
_SHOWN = 15
_USE_IS_NOTED_EVERY = timedelta(hours=1)


def issue_token(
    *, user: User, scope: Scope, days: int = DEFAULT_DAYS, name: str = ""
) -> tuple[AccessToken, str]:
    """Makes a token; its text is nowhere kept. Returns the row and the text."""
    text = PREFIX + create_token_string()
    row = AccessToken.objects.create(
        user=user,
        digest=hash_token(text),
        token_key=text[:_SHOWN],
        expiry=timezone.now() + timedelta(days=days),
        scope=scope,
        name=name,
    )
    return row, text


def note_use(token: AccessToken) -> None:
    """Keeps when the token was last used. Writes once an hour, not with every request."""
    now = timezone.now()
    if token.used_at is None or now - token.used_at >= _USE_IS_NOTED_EVERY:
        AccessToken.objects.filter(id=token.id).update(used_at=now)
