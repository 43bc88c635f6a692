from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.ai.endpoint import KEY, Endpoint, serving


@pytest.fixture
def endpoint(settings: Settings) -> Iterator[Endpoint]:
    """A local endpoint that the settings name."""
    with serving() as endpoint:
        settings.OPENAI_API_KEY = KEY
        settings.MODEL_ENDPOINT = endpoint.url
        settings.AI_MODEL = "gpt-4o-mini"
        settings.AI_MAX_TOKENS = 4096
        settings.AI_TEMPERATURE = 0.7
        settings.AI_TIMEOUT_SECONDS = 5.0
        settings.AI_FALLBACK_MODELS = []
        settings.AI_RETRIES = settings.AI_REPAIRS = 0
        settings.AI_RETRY_DELAY = 0.01
        yield endpoint


@pytest.fixture
def offline(settings: Settings) -> None:
    settings.OPENAI_API_KEY = ""
