"""Ways in which a call of a language model fails. `permanent`: the same call would fail again."""

from __future__ import annotations

from typing import ClassVar

from core.errors import PlatformError, TooLarge


class AIError(PlatformError):
    """The AI call failed.

    Attributes:
        another_model: whether another model might answer where this one did not.
        asked_wait: seconds that the endpoint asks to wait; None where it does not say.
        may_cost: whether the call may have been paid for all the same.
    """

    code = "ai_error"
    status = 502
    another_model: ClassVar[bool] = True
    asked_wait: float | None = None
    may_cost: bool = True


class DetectorMissing(PlatformError):
    """What REDACTION_PRESIDIO needs is not installed: no prompt is sent."""

    code = "ai_detector_missing"
    status = 503
    permanent = True


class PromptTooLarge(TooLarge):
    """The prompt is too large."""

    code = "ai_prompt_too_large"


class AIRateLimited(AIError):
    """The AI endpoint takes no more requests now."""

    code = "ai_rate_limited"
    status = 503
    permanent = False
    may_cost = False


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
    may_cost = False


class AIGatewayFailed(AIServerError):
    """A gateway before the AI endpoint failed; what is behind it may have done the work."""

    may_cost = True


class AIBadResponse(AIError):
    """The AI endpoint answered with something that is no completion."""

    code = "ai_bad_response"
    permanent = False


class AIRequestRejected(AIError):
    """The AI endpoint rejected the request."""

    code = "ai_request_rejected"
    may_cost = False


class AIKeyRejected(AIRequestRejected):
    """The AI endpoint rejected the API key."""

    another_model = False


class AIFormatUnsupported(AIRequestRejected):
    """The AI endpoint does not take this way to ask for JSON."""

    code = "ai_format_unsupported"


class AIQuotaExceeded(AIError):
    """The AI endpoint's account has no quota left."""

    code = "ai_quota_exceeded"
    status = 503
    another_model = False
    may_cost = False


class AIRefused(AIError):
    """The model refused to answer."""

    code = "ai_refused"
    another_model = False  # which may not be asked until one gives in


class AIInvalidOutput(AIError):
    """The model's answer does not fit the schema."""

    code = "ai_invalid_output"


class AINoJson(AIInvalidOutput):
    """The model's answer is no JSON."""


class AICutOff(AIInvalidOutput):
    """The model's answer was cut off at its limit of tokens."""


class AIUnsafeAnswer(AIError):
    """The model's answer holds what must not leave the conversation."""

    code = "ai_unsafe_answer"


class AIResponseTooLarge(AIError):
    """The AI endpoint's answer is too large."""

    code = "ai_response_too_large"


class AIToolUnavailable(AIError):
    """A tool of the step is not registered here."""

    code = "ai_tool_unavailable"
    another_model = False
    may_cost = False


class AIToolLimit(AIError):
    """The model goes on asking for tools where it has to answer."""

    code = "ai_tool_limit"
    another_model = False  # the rounds are spent


class AIAnswersRejected(PlatformError):
    """The reviewer has rejected every answer of the model."""

    code = "ai_answers_rejected"
    status = 409


class TooManyStreams(PlatformError):
    """You watch as many runs as one account may at once."""

    code = "too_many_streams"
    status = 429
    permanent = False
    retry_after = 10
