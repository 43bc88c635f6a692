"""What the engine tells to those above it."""

from __future__ import annotations

from django.dispatch import Signal

# A run ended. Sent after the commit, with `execution_id`; may be lost with the process, so
# receivers keep a sweep.
execution_finished = Signal()

# The reconciler made its round. Receivers do their own bounded catching up.
reconciled = Signal()
