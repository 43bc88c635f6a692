"""The port: what is asked of a language model, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from core.json import JsonObject


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """One request, ready to be sent.

    Attributes:
        text: the user's message; system: the system message, or "".
        schema: JSON Schema that the answer must fit; None: free text.
        model: name of the model; a provider without models passes over it.
        max_tokens: most tokens of the answer.
        temperature: 0 to 2.
        timeout: seconds to wait for the whole answer.
    """

    text: str
    system: str = ""
    schema: JsonObject | None = None
    model: str
    max_tokens: int
    temperature: float
    timeout: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """One answer, as it came.

    Attributes:
        text: the answer; "" where none came, which the tokens tell of all the same.
        model: the model that answered.
        finish: whether the answer is whole, was cut off at `max_tokens`, or is a refusal (`text`
            says why).
        prompt_tokens, completion_tokens: as reported; None where the endpoint reports none.
        cached_tokens: those of `prompt_tokens` that cost less.
        notice: what whoever reads the answer must know about its origin; "" where it is ordinary.
    """

    text: str
    model: str
    finish: Literal["stop", "length", "refused"] = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    notice: str = ""


class Provider(Protocol):
    """A way to a language model. Holds no state of a call; serves every thread."""

    name: str
    """As rows and outputs show it."""
    endpoint: str
    """URL that prices depend on; "" where calls are free."""

    def complete(self, prompt: Prompt) -> Completion:
        """Asks once, without retries.

        Raises:
            AIError: with `permanent` telling whether a retry could help.
        """
        ...
