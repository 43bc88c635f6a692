"""What optimisation refuses, and why."""

from __future__ import annotations

from core.errors import Conflict, InvalidInput, TooLarge


class NotAIConfigurable(Conflict):
    """The workflow says `ai_configurable: false`: suggestions may not change it."""

    code = "not_ai_configurable"


class VersionChanged(Conflict):
    """The workflow has another version by now: ask for suggestions again."""

    code = "version_changed"


class UnknownSuggestion(InvalidInput):
    """There is no such suggestion for the workflow as it is now."""

    code = "unknown_suggestion"


class DefinitionTooLarge(TooLarge):
    """Suggestions are made for definitions of up to 200 steps."""

    code = "definition_too_large"
