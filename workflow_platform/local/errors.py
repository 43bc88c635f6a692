"""What stops the local servers or the supervisor from starting."""

from __future__ import annotations


class StartError(Exception):
    """The platform cannot start here. The message is one line that says what to do."""
