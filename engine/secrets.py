"""`${secrets.name}` in the configuration of steps that call out: a place, filled in at the door.

An expression cannot read a secret; its name stands alone in `${...}`, so that no text is ever
computed from the value. Filling in makes a `SecretText`, which `core.http` turns into the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from core.errors import Problem
from core.http.secrets import SecretName, SecretText
from engine import rules
from engine.values import written

_SECRET = re.compile(r"\s*secrets\.([A-Za-z_][A-Za-z0-9_]{0,99})\s*", re.ASCII)


def fill(config: Any, variables: Mapping[str, Any]) -> Any:
    """What `rules.interpolate` gives, with a SecretText where a secret is named. Keys stay.

    Raises:
        ExpressionError: an expression has no value.
    """
    if isinstance(config, dict):
        return {key: fill(value, variables) for key, value in config.items()}
    if isinstance(config, list):
        return [fill(value, variables) for value in config]
    if isinstance(config, str) and any(_names(config)):
        return _filled(config, variables, str)
    return rules.interpolate(config, variables)


def fill_url(url: str, variables: Mapping[str, Any]) -> Any:
    """A URL with its `${...}` filled in.

    What stands behind the beginning is escaped, so that a value cannot add a path or a parameter:
    `https://api.example.com/items/${inputs.id}`. A URL may begin with a value:
    `${inputs.base}/items`.
    """
    if len(rules.split_template(url)) == 1:
        return fill(url, variables)
    return _filled(url, variables, _escaped)


def expressions(config: Any, path: str) -> list[rules.Expression]:
    """The expressions of a configuration, those apart that name a secret."""
    return [
        each for each in rules.interpolations(config, path) if not _SECRET.fullmatch(each.source)
    ]


def references(config: Any, path: str) -> list[tuple[str, str]]:
    """(path, name) of every secret that a configuration names."""
    return [
        (each.path, found[1])
        for each in rules.interpolations(config, path)
        if (found := _SECRET.fullmatch(each.source))
    ]


def problems(config: Any, path: str) -> list[Problem]:
    """Where secrets are named in another way than they may be."""
    return [
        Problem(each.path, "a secret's name stands alone in its braces: ${secrets.name}")
        for each in expressions(config, path)
        if not rules.check(rules.Expression(each.path, each.source, _KNOWN))
        and "secrets" in rules.compile_expression(each.source).variables
    ]


_KNOWN = rules.VARIABLES | {"secrets"}


def _escaped(value: str) -> str:
    if value and not value.strip("."):
        raise rules.ExpressionError("a value of nothing but dots would change the URL's path")
    return quote(value, safe="")


def _names(template: str) -> Iterator[str]:
    return (
        found[1]
        for literal, piece in rules.split_template(template)
        if not literal and (found := _SECRET.fullmatch(piece))
    )


def _filled(template: str, variables: Mapping[str, Any], encode: Callable[[str], str]) -> str:
    parts: list[str | SecretName] = []
    for literal, piece in rules.split_template(template):
        if literal:
            parts.append(piece)
        elif found := _SECRET.fullmatch(piece):
            parts.append(SecretName(found[1]))
        else:
            value = written(rules.evaluate(piece, variables))
            parts.append(encode(value) if parts else value)
    if any(isinstance(part, SecretName) for part in parts):
        return SecretText(parts)
    return "".join(map(str, parts))
