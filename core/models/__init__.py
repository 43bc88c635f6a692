"""Accounts and the organisations that they belong to."""

from core.models.accounts import User
from core.models.organisations import Membership, Organisation, Role

__all__ = ["Membership", "Organisation", "Role", "User"]
