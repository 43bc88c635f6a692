"""Names of one line: refused with their path where they would read as something else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core.names import fault_of_name
from engine import definitions
from engine.definition import InvalidDefinition
from tests.support.cast import Cast
from tests.support.workflows import definition, step

DOCUMENT = definition(step("a"), step("b", "a"))

BAD = ["a\nb", "a\x1b[31m", "a\x85b", "a\u2028b", "a\u202eb", "a\u2066b", "a\u200bb", "a\ufeffb"]
GOOD = [
    "Z\u00fcrich",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\U0001f468\u200d\U0001f469",
    "a\u00a0b",
]


@pytest.mark.parametrize("name", BAD)
def test_definitions(name: str) -> None:
    document: dict[str, Any] = {**DOCUMENT, "name": name, "category": name}
    steps = [{**step, "name": name} for step in DOCUMENT["steps"]]
    with pytest.raises(InvalidDefinition) as refused:
        definitions.parse({**document, "steps": steps})
    paths = [problem.path for problem in refused.value.problems]
    assert paths == ["name", "category", *(f"steps[{n}].name" for n in range(len(steps)))]
    assert definitions.read(document).name == name


@pytest.mark.parametrize("name", GOOD)
def test_scripts_need_their_joiners(name: str) -> None:
    assert fault_of_name(name) is None


@pytest.mark.parametrize("of", ["OrganisationRequest", "InstantiateRequest", "GenerateRequest"])
def test_the_description_tells(of: str) -> None:
    schemas = json.loads(Path("docs/openapi.json").read_text())["components"]["schemas"]
    described = re.compile(schemas[of]["properties"]["name"]["pattern"])
    assert [name for name in [*BAD, "", " \u00a0"] if described.search(name)] == []
    assert [name for name in GOOD if not described.search(name)] == []


@pytest.mark.django_db
def test_api(cast: Cast) -> None:
    name = "a\u202eb"
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("post", "/api/v1/organisations", {"name": name}),
        ("patch", f"/api/v1/organisations/{cast.team.id}", {"name": name}),
        ("post", "/api/v1/auth/tokens", {"scope": "read", "name": name}),
        ("post", "/api/v1/workflows", {"definition": {**DOCUMENT, "name": name}}),
        ("post", "/api/v1/workflows/generate", {"requirements": "Send a mail.", "name": name}),
    ]
    for method, path, body in calls:
        answer = getattr(cast.owner.api, method)(path, body, format="json")
        found = answer.json()
        assert answer.status_code == 400, (path, found)
        assert [each["path"].split(".")[-1] for each in found["details"]] == ["name"], (path, found)
        assert "U+202E" in found["details"][0]["message"], (path, found)
