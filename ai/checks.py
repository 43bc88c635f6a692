"""System checks of AI."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from ai.safety import presidio


@register()
def presidio_is_installed(**_: Any) -> list[CheckMessage]:
    """What REDACTION_PRESIDIO needs is there: it is no part of the base."""
    if not settings.REDACTION_PRESIDIO:
        return []
    lacking = presidio.missing(settings.REDACTION_PRESIDIO_MODEL)
    if not lacking:
        return []
    return [
        Error(
            f"REDACTION_PRESIDIO is set, and {lacking} is not installed.",
            hint="pip install -r requirements-presidio.txt; a model of spaCy: python -m spacy"
            f" download {settings.REDACTION_PRESIDIO_MODEL}. Or set REDACTION_PRESIDIO=false.",
            id="workflow_ai.E001",
        )
    ]
