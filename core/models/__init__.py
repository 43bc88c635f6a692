"""Accounts, the organisations that they belong to, data keys, and the audit log."""

from core.audit.models import AuditEntry
from core.models.accounts import User
from core.models.keys import DataKey, Reencryption
from core.models.organisations import Membership, Organisation, Role

__all__ = [
    "AuditEntry",
    "DataKey",
    "Membership",
    "Organisation",
    "Reencryption",
    "Role",
    "User",
]
