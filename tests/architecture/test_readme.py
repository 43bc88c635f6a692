"""The papers at the root say only what is so: addresses, settings, files, functions, figures."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import resolve

from engine import definitions, registry
from engine.formulas import FORMULAS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PAPERS = (
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/glossary.md"),
    "THREAT_MODEL.md",
    "docs/ai.md",
)
OPENAPI: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text())["paths"]
HERE = "http://127.0.0.1:8000"
ADDRESSES = ("/admin/", "/api/docs", "/health/live", "/health/ready", "/metrics")
# Names in capitals that are no setting of the platform.
NO_SETTINGS = {"PGSSLMODE", *registry.executors()}
# One call with its words; a quoted one may hold anything.
CALL = re.compile(r"""\b(call|json) ((?:'[^']*'|"(?:\\.|[^"])*"|[^|)\n])*)""")


def blocks(language: str) -> list[str]:
    fences = re.findall(rf"^ *```{language}\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL)
    return [text.replace("\\\n", " ") for text in fences]


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def requests() -> list[tuple[str, str]]:
    """Method and path of every call of the API in the README, shell variables left as they are."""
    shell = "\n".join(blocks("sh"))
    assert f"API={HERE}/api/v1\n" in shell
    found = []
    for command, rest in CALL.findall(shell):
        words = shlex.split(rest)
        for url in (word for word in words if word.startswith("$API/")):
            sends = command == "json" or "--form" in words or "POST" in words
            found.append(("post" if sends else "get", urlsplit(url).path))
    found += [("get", path) for path in re.findall(r"`GET (/api/v1/[^`]*)`", README)]
    return found


def test_enough_is_shown() -> None:
    assert len(requests()) >= 15
    assert len(blocks("json")) == 1
    assert len(blocks("python")) == 2


@pytest.mark.parametrize(("method", "path"), requests())
def test_addresses_are_in_the_description(method: str, path: str) -> None:
    shown = path.replace("$API", "/api/v1")
    methods = [
        described
        for known, described in OPENAPI.items()
        # A parameter is a shell variable, or the example's own step.
        if re.fullmatch(re.sub(r"\{\w+\}", r"(?:\\$\\w+|ask)", known), shown)
    ]
    assert any(method in described for described in methods), f"{method} {shown}"


def test_other_addresses_are_answered() -> None:
    for path in ADDRESSES:
        assert path in README
        resolve(path)
    shown = re.findall(rf"<{HERE}(/[^>]*)>", README)
    assert set(shown) <= set(ADDRESSES)


def test_the_definition_is_valid() -> None:
    [text] = blocks("json")
    definition = definitions.parse(json.loads(text)["definition"])
    assert definition.entry_points == ("total",)
    assert definition.exit_points == ("book",)


@pytest.mark.parametrize("text", blocks("python"))
def test_the_python_compiles_and_finds_what_it_imports(text: str) -> None:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            assert [n.name for n in node.names if not hasattr(module, n.name)] == []


def test_settings_exist() -> None:
    example = (ROOT / ".env.example").read_text()
    known = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=", example, re.MULTILINE))
    known |= set(re.findall(r"\$\(([A-Z]+)\)", (ROOT / "Makefile").read_text()))
    for paper in PAPERS[:4]:
        code = re.findall(r"`([^`\n]+)`", (ROOT / paper).read_text())
        named = {n for text in code for n in re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", text)}
        named |= {n for text in code for n in re.findall(r"\b([A-Z]{4,})=", text)}
        named = {name.removesuffix("_FILE") for name in named} - NO_SETTINGS
        assert named <= known, paper


@pytest.mark.parametrize("paper", PAPERS)
def test_files_exist(paper: str) -> None:
    text = (ROOT / paper).read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    missing = [link for link in links if not (ROOT / paper).parent.joinpath(link).exists()]
    apps = "core|engine|templates|analytics|ai|workflow_platform|tests|docs|docker"
    files = re.findall(rf"`((?:{apps})/[\w./-]*)[`:]", text)
    assert missing + [file for file in files if not (ROOT / file).exists()] == []


def test_step_types_are_all_there() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \|", section("Step types"), re.MULTILINE)
    assert sorted(listed) == sorted(registry.executors())


def test_functions_of_expressions_are_all_there() -> None:
    table = "".join(line for line in section("Expressions").splitlines(True) if line[:1] == "|")
    assert set(re.findall(r"`(\w+)`", table)) == set(FORMULAS)


def test_figures_exist() -> None:
    sources = "".join((ROOT / app / "metrics.py").read_text() for app in ("engine", "ai"))
    named = re.findall(r"`((?:engine|ai)_\w+_(?:total|seconds|dollars))`", section("Operation"))
    assert len(named) == 16
    assert [name for name in named if f'"{name}"' not in sources] == []


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for paper in PAPERS[:4]:
        assert (
            set(re.findall(r"(?:`|^    )make ([a-z-]+)", (ROOT / paper).read_text(), re.M))
            <= targets
        )
