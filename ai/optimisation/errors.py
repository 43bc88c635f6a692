"""What optimisation refuses, and why."""

from __future__ import annotations

from core.errors import InvalidInput, TooLarge


class UnknownSuggestion(InvalidInput):
    """There is no such suggestion for the workflow as it is now."""

    code = "unknown_suggestion"


class DefinitionTooLarge(TooLarge):
    """Suggestions are made for definitions of up to 200 steps."""

    code = "definition_too_large"
