"""The starter content in `catalogue/`: categories, and one file for each template."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.json import JsonObject, parse_json

CATALOGUE = Path(__file__).parent / "catalogue"
CONTENT = ("name", "description", "category", "template", "sample_input", "expected")
"""The columns of a template that its file decides."""

_CATEGORIES = "categories.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class StarterCategory:
    """A category and the name of the one above it, which comes before it."""

    name: str
    description: str
    parent: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StarterTemplate:
    """A template as its file has it. `key`: the file's name; files of the sample are read in."""

    key: str
    template: JsonObject
    sample_input: JsonObject
    expected: JsonObject

    @property
    def content(self) -> JsonObject:
        """The columns of `CONTENT`."""
        head = {name: self.template[name] for name in ("name", "description", "category")}
        return {
            **head,
            "template": self.template,
            "sample_input": self.sample_input,
            "expected": self.expected,
        }


def digest(content: JsonObject) -> str:
    """The same for the same content, whatever the order of its keys: jsonb does not keep it."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_categories(folder: Path = CATALOGUE) -> Iterator[StarterCategory]:
    """Every starter category, those above first."""
    waiting: list[tuple[JsonObject, str | None]] = [
        (raw, None) for raw in _read(folder / _CATEGORIES)
    ]
    while waiting:
        raw, parent = waiting.pop(0)
        yield StarterCategory(name=raw["name"], description=raw["description"], parent=parent)
        waiting += [(child, raw["name"]) for child in raw.get("children", ())]


def read_templates(folder: Path = CATALOGUE) -> Iterator[StarterTemplate]:
    """Every starter template, by key."""
    for path in sorted(folder.glob("*.json")):
        if path.name == _CATEGORIES:
            continue
        raw = _read(path)
        files = {
            name: (folder / "data" / file).read_text(encoding="utf-8")
            for name, file in raw.get("sample_files", {}).items()
        }
        yield StarterTemplate(
            key=path.stem,
            template=raw["template"],
            sample_input={**raw["sample_input"], **files},
            expected=raw["expected"],
        )


def _read(path: Path) -> Any:
    return parse_json(path.read_bytes())
