"""Errors of analytics."""

from __future__ import annotations

from core.errors import Conflict


class NotEnded(Conflict):
    """The run has not ended yet."""

    code = "execution_not_ended"
