"""Accounts, their organisations with credentials, tokens, data keys, and the audit log."""

from core.audit.models import AuditEntry
from core.models.accounts import User
from core.models.credentials import Credential
from core.models.keys import DataKey, Reencryption
from core.models.organisations import Invitation, Membership, Organisation, Role
from core.models.tokens import AccessToken, Scope

__all__ = [
    "AccessToken",
    "AuditEntry",
    "Credential",
    "DataKey",
    "Invitation",
    "Membership",
    "Organisation",
    "Reencryption",
    "Role",
    "Scope",
    "User",
]
