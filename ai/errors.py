"""Ways in which a call of a language model fails. `permanent`: the same call would fail again."""

from __future__ import annotations

from core.errors import PlatformError, TooLarge


class AIError(PlatformError):
    """The AI call failed."""

    code = "ai_error"
    status = 502


class PromptTooLarge(TooLarge):
    """The prompt is too large."""

    code = "ai_prompt_too_large"


class AIRateLimited(AIError):
    """The AI endpoint takes no more requests now."""

    code = "ai_rate_limited"
    status = 503
    permanent = False


class AITimeout(AIError):
    """The AI endpoint did not answer in time."""

    code = "ai_timeout"
    status = 504
    permanent = False


class AIConnectionFailed(AIError):
    """The AI endpoint cannot be reached, or cut the connection."""

    code = "ai_connection_failed"
    status = 503
    permanent = False


class AIServerError(AIError):
    """The AI endpoint failed."""

    code = "ai_server_error"
    permanent = False


class AIBadResponse(AIError):
    """The AI endpoint answered with something that is no completion."""

    code = "ai_bad_response"
    permanent = False


class AIRequestRejected(AIError):
    """The AI endpoint rejected the request."""

    code = "ai_request_rejected"


class AIRefused(AIError):
    """The model refused to answer."""

    code = "ai_refused"


class AIInvalidOutput(AIError):
    """The model's answer does not fit the schema."""

    code = "ai_invalid_output"


class AIResponseTooLarge(AIError):
    """The AI endpoint's answer is too large."""

    code = "ai_response_too_large"
