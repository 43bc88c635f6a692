"""Definitions that are wrong, each in a known way or by chance."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

Document = dict[str, Any]


def right(source: random.Random) -> Document:
    """A definition that is accepted: a few steps of several types in a line with branches."""
    steps: list[Document] = []
    for n in range(source.randrange(2, 8)):
        earlier = [step["id"] for step in steps]
        wanted = source.sample(earlier, min(len(earlier), source.choice([0, 1, 1, 2])))
        steps.append(
            {
                "id": f"s{n}",
                "name": f"Step {n}",
                "dependencies": wanted,
                **copy.deepcopy(source.choice(_STEPS)),
            }
        )
    return {
        "name": "Fuzz",
        "description": "",
        "version": "1.0",
        "category": "tests",
        "inputs": {"type": "object", "properties": {"a": {"type": "number"}}},
        "outputs": {"n": "inputs.a"},
        "steps": steps,
    }


_STEPS: list[Document] = [
    {"step_type": "TRANSFORM", "config": {"output": {"v": "inputs.a"}}},
    {"step_type": "FUNCTION", "config": {"function": "tests.echo", "arguments": {"value": 1}}},
    {
        "step_type": "VALIDATION",
        "config": {
            "value": "${inputs.a}",
            "schema": {"type": "number"},
            "rules": [{"expr": "value > 0", "message": "positive"}],
        },
    },
    {
        "step_type": "DATA_COLLECTION",
        "config": {"source": "inputs", "fields": {"type": "object", "properties": {}}},
    },
    {
        "step_type": "HTTP",
        "config": {"url": "https://api.example.com/${inputs.a}", "headers": {"X-A": "b"}},
        "retry": {"max_attempts": 3},
        "timeout": 5,
    },
    {
        "step_type": "DATA_COLLECTION",
        "config": {"source": "url", "url": "https://api.example.com/", "format": "json"},
        "when": "inputs.a > 0",
    },
    {"step_type": "AI_GENERATED", "config": {"prompt": "Say ${inputs.a}"}},
]


def _on_a_step(change: Callable[[Document, random.Random], Any]) -> Callable[..., Any]:
    return lambda document, source: change(source.choice(document["steps"]), source)


def _cycle(document: Document, source: random.Random) -> None:
    steps = document["steps"]
    for step, before in zip(steps, [steps[-1], *steps[:-1]], strict=True):
        step["dependencies"] = [before["id"]]


def _set(key: str, *values: Any) -> Callable[..., Any]:
    return _on_a_step(lambda step, source: step.update({key: source.choice(values)}))


def _config(**values: Any) -> Callable[..., Any]:
    """Replaces a step by one with this configuration under the key `step_type`."""
    kind = values.pop("step_type")
    return _on_a_step(lambda step, source: step.update(step_type=kind, config=values))


# Whatever the document, none of these leaves a right one.
WAYS: dict[str, Callable[[Document, random.Random], Any]] = {
    "no name": lambda d, s: d.pop("name"),
    "no steps": lambda d, s: d.pop("steps"),
    "empty steps": lambda d, s: d.update(steps=[]),
    "steps are no list": lambda d, s: d.update(steps=s.choice([{}, "x", 1, None, True])),
    "a step is no object": lambda d, s: d["steps"].insert(0, s.choice([[], "x", 1, None])),
    "wrong name": lambda d, s: d.update(name=s.choice([1, None, [], {}, "", "x" * 256])),
    "wrong version": lambda d, s: d.update(version=s.choice([1, None, "", "x" * 21])),
    "wrong category": lambda d, s: d.update(category=s.choice([1, None, "", "x" * 101])),
    "unknown key": lambda d, s: d.update({s.choice(["x", "__proto__", "", "\u202e"]): 1}),
    "planned key": lambda d, s: d.update(budget=1),
    "wrong inputs": lambda d, s: d.update(inputs={"type": s.choice(["none", 1, {}])}),
    "inputs by reference": lambda d, s: d.update(inputs={"$ref": "http://169.254.169.254/"}),
    "inputs too deep": lambda d, s: d.update(inputs=_nested({"type": "object"}, 50)),
    "slow pattern": lambda d, s: d.update(inputs={"pattern": "(a+)+$(?=b)"}),
    "wrong output": lambda d, s: d.update(outputs={"n": s.choice(["1 +", "nothing", 5, ""])}),
    "output of nobody": lambda d, s: d.update(outputs={"n": "steps.nobody.output"}),
    "wrong entry": lambda d, s: d.update(entry_points=["nobody"]),
    "wrong exit": lambda d, s: d.update(exit_points=[]),
    "duplicate id": lambda d, s: d["steps"].append(copy.deepcopy(d["steps"][0])),
    "cycle": _cycle,
    "depends on itself": _on_a_step(lambda t, s: t.update(dependencies=[t["id"]])),
    "depends on nobody": _set("dependencies", ["nobody"], [""], ["s0", "s0"], [None], "s0", 5),
    "wrong id": _set("id", "", "1a", "a b", "é", "a.b", "in", None, 5, "x" * 256, "__proto__.x"),
    "wrong type": _set("step_type", "", "NOTHING", "http", None, 5, "HTTP ", "x" * 51),
    "wrong config": _set("config", [], "x", 5, None),
    "empty config": _config(step_type="HTTP"),
    "unknown config": _on_a_step(lambda t, s: t["config"].update(nothing=1)),
    "wrong retry": _set("retry", 5, {"max_attempts": 0}, {"delay": -1}, {"x": 1}, {"jitter": 2}),
    "wrong timeout": _set("timeout", 0, -1, "5", True, 1e9, None, []),
    "wrong on_error": _set("on_error", "ignore", "", 5, None),
    "wrong when": _set("when", "1 +", "${inputs.a}", "nothing > 1", 5, "", "steps", "x" * 2001),
    "when reads itself": _on_a_step(lambda t, s: t.update(when=f"steps.{t['id']}.output.v > 1")),
    "wrong join": _set("join", "any", "", 5, "x"),
    "planned step key": _set("loop", {}, 1),
    "wrong rules": _set("validation_rules", 5, {"x": 1}, {"rules": [{"expr": "1 +"}]}, []),
    "unknown function": _config(step_type="FUNCTION", function="os.system", arguments={}),
    "wrong argument": _config(step_type="FUNCTION", function="tests.echo", arguments={"x": 1}),
    "wrong expression": _config(step_type="TRANSFORM", output={"v": "open('/etc/passwd')"}),
    "attribute": _config(step_type="TRANSFORM", output={"v": "().__class__.__bases__[0]()"}),
    "secret in an expression": _config(step_type="TRANSFORM", output={"v": "secrets.token"}),
    "too many macros": _config(
        step_type="TRANSFORM",
        output={"v": "[1].map(a, [1].map(b, [1].map(c, c)))"},
    ),
    "unclosed braces": _config(step_type="AI_GENERATED", prompt="${inputs.a"),
    "file url": _config(step_type="HTTP", url="file:///etc/passwd"),
    "odd address": _config(step_type="HTTP", url="http://0x7f.1/"),
    "userinfo": _config(step_type="HTTP", url="http://user:password@a.example/"),
    "host header": _config(step_type="HTTP", url="http://a.example/", headers={"Host": "b"}),
    "header injection": _config(step_type="HTTP", url="http://a.example/", headers={"A\r\nB": "c"}),
    "wrong method": _config(step_type="HTTP", url="http://a.example/", method="CONNECT"),
    "secret in a header": _config(
        step_type="HTTP", url="http://a.example/", headers={"A": "${secrets.a + 'b'}"}
    ),
    "choice of nobody": _config(
        step_type="DECISION", rules=[{"when": "true", "then": ["nobody"]}], default=[]
    ),
    "wrong form": _config(
        step_type="DATA_COLLECTION", source="form", title="T", form={"type": "array"}
    ),
}


def _nested(inner: Any, depth: int) -> Any:
    for _ in range(depth):
        inner = {"properties": {"a": inner}}
    return inner


def _twice(text: str) -> str:
    return text.replace('"name": "Fuzz"', '"name": "Fuzz", "name": "Fuzz"', 1)


# Bytes that are no JSON within the bounds, whatever the document.
RAW: dict[str, Callable[[str], bytes]] = {
    "cut": lambda text: text[: len(text) // 2].encode(),
    "empty": lambda text: b"",
    "two documents": lambda text: (text + text).encode(),
    "duplicate key": lambda text: _twice(text).encode(),
    "not a number": lambda text: text.replace('"1.0"', "NaN", 1).encode(),
    "endless": lambda text: text.replace('"1.0"', "-Infinity", 1).encode(),
    "huge integer": lambda text: text.replace('"1.0"', "9" * 400, 1).encode(),
    "integer beyond": lambda text: text.replace('"1.0"', str(2**53 + 1), 1).encode(),
    "NUL": lambda text: text.replace("Fuzz", "Fu\\u0000zz", 1).encode(),
    "surrogate": lambda text: text.replace("Fuzz", "Fu\\ud800zz", 1).encode(),
    "latin-1": lambda text: text.replace("Fuzz", "Füzz", 1).encode("latin-1"),
    "utf-16": lambda text: text.encode("utf-16"),
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "too deep": lambda text: text.replace('"1.0"', "[" * 5000 + "]" * 5000, 1).encode(),
    "comment": lambda text: text.replace("{", "{/* */", 1).encode(),
    "single quotes": lambda text: text.replace('"', "'").encode(),
    "too large": lambda text: text.replace("Fuzz", "x" * 9_000_000, 1).encode(),
}

_JUNK: list[Any] = [None, True, 0, -1, 1.5, 2**53, "", "x", "\u202e", "${", "${inputs.a}", [], {}]
_JUNK += [
    [[]],
    {"": {}},
    "x" * 300,
    ["s0"],
    {"type": "object"},
    "steps.s0.output",
    "😀",
    "__class__",
]


def by_chance(source: random.Random, document: Document) -> Document:
    """The document with up to three of its values or keys replaced by something else."""
    for _ in range(source.randrange(1, 4)):
        place: Any = document
        while isinstance(place, dict | list) and place:
            key = source.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if source.random() < 0.35 or not isinstance(place[key], dict | list):
                place[key] = copy.deepcopy(source.choice(_JUNK))
                if isinstance(place, dict) and source.random() < 0.2:
                    place[source.choice(["x", "", "id", "steps", "config"])] = place.pop(key)
                break
            place = place[key]
    return document


def text_of(document: Document) -> str:
    return json.dumps({"definition": document, "is_shared": False})
