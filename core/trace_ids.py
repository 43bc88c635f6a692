"""What the OpenTelemetry SDK asks about a new span: its ids, and whether it is recorded.

Apart from `core.tracing`, so that the SDK is loaded only where spans are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from core import tracing


class RunIds(RandomIdGenerator):
    """The ids that `core.tracing` wants, else random ones."""

    def generate_trace_id(self) -> int:
        wanted = tracing.wanted()
        return wanted.trace_id if wanted else super().generate_trace_id()

    def generate_span_id(self) -> int:
        wanted = tracing.wanted()
        return wanted.span_id if wanted else super().generate_span_id()

    def is_trace_id_random(self) -> bool:
        return False  # a run's id begins with its time


class RunSampler(Sampler):
    """Decides for a whole run, by the chosen sampler and the run's id: in every process alike.

    Samplers by ratio look at the last 64 bits of a trace's id, which are not evenly spread in a
    UUIDv7: they are shown a digest.
    """

    def __init__(self, chosen: Sampler) -> None:
        self.chosen = chosen

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if parent_context is not None:  # of `core.tracing`'s own making: a run's
            parent_context = Context()
            spread = blake2b(trace_id.to_bytes(16, "big"), digest_size=16).digest()
            trace_id = int.from_bytes(spread, "big")
        return self.chosen.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        return f"RunSampler({self.chosen.get_description()})"
