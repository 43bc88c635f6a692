from __future__ import annotations

import pytest

from templates import services
from templates.models import WorkflowTemplate


@pytest.fixture
def catalogue(db: None) -> None:
    """The starter categories and templates."""
    services.load_catalogue()


@pytest.fixture
def invoice(catalogue: None) -> WorkflowTemplate:
    return WorkflowTemplate.objects.get(key="invoice-approval")
