"""Why no workflow was drawn up."""

from __future__ import annotations

from ai.errors import AIError
from core.errors import Conflict, InvalidInput, PlatformError


class RequirementsRefused(InvalidInput):
    """No workflow can be drawn up from these requirements."""

    code = "requirements_refused"


class RequirementsVague(RequirementsRefused):
    """The requirements do not say enough to draw up steps."""

    code = "requirements_vague"


class RequirementsContradictory(RequirementsRefused):
    """The requirements contradict themselves."""

    code = "requirements_contradictory"


class RequirementsImpossible(RequirementsRefused):
    """The requirements ask for what no workflow can do, or may do."""

    code = "requirements_impossible"


class GenerationFailed(AIError):
    """No valid workflow came of the requirements and options."""

    code = "generation_failed"
    status = 422


class ChangeNeedsModel(Conflict):
    """To change a workflow by words, a language model must be configured."""

    code = "change_needs_model"


REFUSALS: dict[str, type[PlatformError]] = {
    "vague": RequirementsVague,
    "contradictory": RequirementsContradictory,
    "impossible": RequirementsImpossible,
}
"""By the verdict of the analysis."""
