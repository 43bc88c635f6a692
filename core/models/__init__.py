"""Accounts, the organisations that they belong to, and the audit log."""

from core.audit.models import AuditEntry
from core.models.accounts import User
from core.models.organisations import Membership, Organisation, Role

__all__ = ["AuditEntry", "Membership", "Organisation", "Role", "User"]
