"""The work as functions that FUNCTION steps may call."""

from __future__ import annotations

from benchmarks import work
from engine.functions import workflow_function

workflow_function("bench.cheap", pure=True)(work.cheap)
workflow_function("bench.gather", pure=True)(work.gather)
workflow_function("bench.wait", inline=False)(work.wait)
