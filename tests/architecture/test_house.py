"""Rules of the house that no linter knows."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("workflow_platform", "core", "engine", "templates", "analytics", "ai")
SOURCES = [
    path
    for app in (*APPS, "tests")
    for path in (ROOT / app).rglob("*.py")
    if "migrations" not in path.parts
]
WRITES_A_STATUS = re.compile(
    r"\.update\([^)]*\bstatus\s*=|\.status\s*=(?!=)|SET\s+status\s*=", re.IGNORECASE
)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_modules_stay_small() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCES}
    long = [
        f"{named(path)}: {lines}"
        for path, lines in lengths.items()
        if lines > (600 if path.is_relative_to(ROOT / "tests") else 400)
    ]
    assert long == []


def test_modules_are_named_after_what_they_hold() -> None:
    vague = {"utils", "helpers", "common", "misc", "managers"}
    assert [named(path) for path in SOURCES if path.stem in vague] == []


def test_only_transitions_write_a_status() -> None:
    writers = {
        named(path)
        for path in (ROOT / "engine").rglob("*.py")
        if "migrations" not in path.parts and WRITES_A_STATUS.search(path.read_text())
    }
    strangers = {
        name
        for name in writers
        if not name.startswith("engine/transitions/") and name != "engine/statements.py"
    }
    assert strangers == set()
    assert "engine/transitions/steps.py" in writers, "the pattern finds nothing any more"


def test_no_pickle() -> None:
    guilty = [
        named(path)
        for path in SOURCES
        if not path.is_relative_to(ROOT / "tests")
        and re.search(r"^\s*(import|from) c?pickle", path.read_text(), re.MULTILINE)
    ]
    assert guilty == []
