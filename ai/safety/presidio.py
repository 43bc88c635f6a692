"""A further detector: names of people, places and groups, by presidio-analyzer if installed.

Only what its language model says is used: what has a form, the built-in detector knows better.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from ai.errors import DetectorMissing
from ai.safety.findings import Finding, Kind

ENTITIES = {"PERSON": Kind.PERSON, "LOCATION": Kind.LOCATION, "NRP": Kind.GROUP}
"""Presidio's names of what is looked for."""
KINDS = frozenset(ENTITIES.values())
MAX_PIECE = 50_000
"""Characters that are looked at in one go: spaCy refuses more than a million, and its memory grows
with them.
"""
_LAST_SPACE = re.compile(r"\s(?=\S*\Z)")
_one_at_a_time = Lock()  # spaCy's vocabulary grows while it reads


class Analyzer(Protocol):
    """What is asked of presidio's AnalyzerEngine."""

    def analyze(self, *, text: str, language: str, entities: list[str]) -> list[Any]: ...


class PresidioDetector:
    """Finds what the language model takes for a person, a place or a group.

    Args:
        analyzer: an AnalyzerEngine.
        language: that of the model, such as `en`.
    """

    def __init__(self, analyzer: Analyzer, *, language: str) -> None:
        self._analyzer = analyzer
        self._language = language

    def find(self, text: str) -> list[Finding]:
        """The findings, in the order of the text. Two of them may overlap."""
        found = []
        for start, piece in _pieces(text):
            with _one_at_a_time:
                results = self._analyzer.analyze(
                    text=piece, language=self._language, entities=list(ENTITIES)
                )
            found += [
                Finding(ENTITIES[each.entity_type], start + each.start, start + each.end)
                for each in results
                if each.entity_type in ENTITIES and each.end > each.start
            ]
        return sorted(found, key=lambda finding: (finding.start, finding.end))


def missing(model: str) -> str:
    """What has to be installed before `load` can be called, or ""."""
    for package in ("presidio_analyzer", "spacy"):
        if find_spec(package) is None:
            return package.replace("_", "-")
    # Presidio would fetch it from the internet.
    installed: bool = import_module("spacy").util.is_package(model) or Path(model).exists()
    return "" if installed else model


@lru_cache(maxsize=1)
def load(model: str, language: str) -> PresidioDetector:
    """The detector of this process; reading the model takes a second or two.

    Args:
        model: a spaCy model, by the name of its package or by its directory.

    Raises:
        DetectorMissing: it, or presidio, is not installed.
    """
    if lacking := missing(model):
        raise DetectorMissing(f"REDACTION_PRESIDIO is set, and {lacking} is not installed.")
    presidio = import_module("presidio_analyzer")
    recognizers = import_module("presidio_analyzer.predefined_recognizers")
    engines = import_module("presidio_analyzer.nlp_engine")
    engine = engines.SpacyNlpEngine(models=[{"lang_code": language, "model_name": model}])
    engine.load()
    names = recognizers.SpacyRecognizer(
        supported_language=language, supported_entities=list(ENTITIES)
    )
    registry = presidio.RecognizerRegistry(recognizers=[names], supported_languages=[language])
    analyzer = presidio.AnalyzerEngine(
        registry=registry, nlp_engine=engine, supported_languages=[language]
    )
    return PresidioDetector(analyzer, language=language)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The text in pieces that end between words, each with its place."""
    start = 0
    while start < len(text):
        piece = text[start : start + MAX_PIECE]
        if start + MAX_PIECE < len(text) and (space := _LAST_SPACE.search(piece)):
            piece = piece[: space.end()]
        if not piece.isspace():
            yield start, piece
        start += len(piece)
