"""The port: what is asked of a language model, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from core.json import JsonObject

Mode = Literal["json_schema", "json_object", "prompted"]
"""How an answer that fits a schema is asked for: the endpoint holds the model to the schema, or to
JSON, or the prompt alone asks for it."""


class Tool(NamedTuple):
    """A function that the model may ask for.

    Attributes:
        name: as the model knows it; function: as it is registered.
        parameters: JSON Schema of its arguments.
    """

    name: str
    function: str
    description: str
    parameters: JsonObject


class ToolCall(NamedTuple):
    """What a model asks for, nothing of it checked. `arguments` should be a JSON object."""

    id: str
    name: str
    arguments: str


class Turn(NamedTuple):
    """Something said after the prompt's text.

    Attributes:
        calls: of the assistant's turn: the tools that it asks for.
        answers: of a tool's turn: the id of the call that it answers.
    """

    role: Literal["assistant", "user", "tool"]
    text: str
    calls: tuple[ToolCall, ...] = ()
    answers: str = ""

    def shown(self) -> str:
        """The turn as a text."""
        asked = [f"calls {call.name} {call.arguments}" for call in self.calls]
        return "\n".join((f"[{self.role}]", *filter(None, (self.text, *asked))))


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """One request, ready to be sent.

    Attributes:
        text: the user's message; system: the system message, or "".
        schema: JSON Schema that the answer must fit; None: free text.
        model: name of the model; a provider without models passes over it.
        max_tokens: most tokens of the answer.
        temperature: 0 to 2.
        timeout: seconds to wait for the whole answer of one call.
        within: seconds for all calls that the question takes; None: those of one.
        mode: how the schema is asked for; without one it does not count.
        turns: what was said after `text`, the last by the user.
        fallbacks: models that are asked in turn where `model` does not answer.
        cache: whether an answer to the same question may be used again.
        data, system_data: places of `text` and `system`, as (start, end), that are data and not
            the author's words.
        redact: whether personal data is replaced before it is sent.
        tools: what the model may ask for; tool_rounds: how often, before it has to answer.
        closed: whether it has to answer now, without asking for more.
    """

    text: str
    system: str = ""
    schema: JsonObject | None = None
    model: str
    max_tokens: int
    temperature: float
    timeout: float
    within: float | None = None
    mode: Mode = "json_schema"
    turns: tuple[Turn, ...] = ()
    fallbacks: tuple[str, ...] = ()
    cache: bool = True
    data: tuple[tuple[int, int], ...] = ()
    system_data: tuple[tuple[int, int], ...] = ()
    redact: bool = True
    tools: tuple[Tool, ...] = ()
    tool_rounds: int = 0
    closed: bool = False

    def shown(self) -> str:
        """All that is said to the model but for the system message, as one text."""
        return "\n\n".join((self.text, *(turn.shown() for turn in self.turns)))


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
        calls: tools that the model asks for in place of an answer.
        notice: what whoever reads the answer must know about its origin; "" where it is ordinary.
    """

    text: str
    model: str
    finish: Literal["stop", "length", "refused"] = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    calls: tuple[ToolCall, ...] = ()
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
