"""Random expressions: right ones, nearly right ones, expensive ones, and noise."""

from __future__ import annotations

import random
from collections.abc import Callable

from engine.formulas import FORMULAS

_NAMES = ["inputs", "steps", "run", "x", "y", "inputs.list", "inputs.rows", "inputs.deep", "true"]
_NAMES += ["inputs.text", "inputs.number", "inputs.big", "inputs.map", "steps.done.output", "null"]
_NAMES += ["inputs.texts", "inputs.missing.key", "inputs.list[0]", 'inputs["map"].a', "secrets.key"]
_NAMES += ["__class__", "inputs.__class__", "inputs.text.__len__", "self", "item", "_"]
_LITERALS = ["0", "1", "-1", "2.5", "1e308", "1e-308", "9007199254740993", "0x7f", "''", "'a'"]
_LITERALS += ["'é\\u0000'", "'\\ud800'", "'%s{0}'", "'2026-02-30T25:61:00Z'", "'1h'", "[]", "{}"]
_LITERALS += [
    "'a' * 3",
    "r'\\d+'",
    "'''x'''",
    "99999999999999999999999999999999999999",
    ".5",
    "1e9",
]
_PATTERNS = [
    "'a'",
    "'^(a|b)+$'",
    "'(a+)+b'",
    "'(.*)*x'",
    "'(?=a)'",
    "'\\\\1'",
    "'[a-'",
    "'x{1000}'",
]
_PATTERNS += ["'(x{50}){50}'", "'\\\\d+'", "'(?i)A'", "'é*'", "'('"]
_OPERATORS = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"]
_MACROS = ["map", "filter", "all", "exists", "exists_one", "reduce"]
# Without lone surrogates, which the boundary parser refuses.
_NOISE = "abcxyz019 \t\n'\"\\()[]{}<>=!&|+-*/%.,:;?@#$^~`_\0é\u202e\U0001f600"


def expression(source: random.Random, depth: int = 0) -> str:
    """The source of an expression, mostly one that parses."""
    kind = source.random()
    if depth > 6 or kind < 0.25:
        return source.choice(_NAMES)
    if kind < 0.4:
        return source.choice(_LITERALS)
    if kind < 0.55:
        left, right = expression(source, depth + 1), expression(source, depth + 1)
        return f"{left} {source.choice(_OPERATORS)} {right}"
    if kind < 0.7:
        return _call(source, depth)
    if kind < 0.8:
        return _macro(source, depth)
    if kind < 0.85:
        parts = [expression(source, depth + 1) for _ in range(source.randrange(4))]
        return f"[{', '.join(parts)}]"
    if kind < 0.89:
        return f"{{{expression(source, depth + 2)}: {expression(source, depth + 1)}}}"
    if kind < 0.93:
        parts = [expression(source, depth + 1) for _ in range(3)]
        return f"({parts[0]} ? {parts[1]} : {parts[2]})"
    if kind < 0.96:
        return f"{source.choice(['!', '-', '--', '!!'])}({expression(source, depth + 1)})"
    return f"has({expression(source, depth + 2)})"


def _call(source: random.Random, depth: int) -> str:
    name = source.choice([*FORMULAS, "eval", "open", "format", "type", "__import__"])
    if name == "matches":
        return f"matches({expression(source, depth + 1)}, {source.choice(_PATTERNS)})"
    count = source.choice([1, 1, 1, 2, 0, 3])
    parts = [expression(source, depth + 1) for _ in range(count)]
    if parts and source.random() < 0.5:
        return f"({parts[0]}).{name}({', '.join(parts[1:])})"
    return f"{name}({', '.join(parts)})"


def _macro(source: random.Random, depth: int) -> str:
    target = source.choice(["inputs.list", "inputs.big", "inputs.rows", "inputs.map", "[1, 2]"])
    if source.random() < 0.2:
        target = f"({expression(source, depth + 1)})"
    variable = source.choice("xy")
    body = source.choice([variable, f"{variable} + {variable}", f"[{variable}, {variable}]"])
    if source.random() < 0.5:
        body = expression(source, depth + 1)
    return f"{target}.{source.choice(_MACROS)}({variable}, {body})"


def damaged(source: random.Random) -> str:
    """An expression with a few characters changed, cut, doubled or out of place."""
    text = list(expression(source))
    for _ in range(source.randrange(1, 5)):
        place = source.randrange(len(text) + 1)
        match source.randrange(4):
            case 0:
                text.insert(place, source.choice(_NOISE))
            case 1:
                del text[place : place + source.randrange(1, 4)]
            case 2:
                text[place:place] = text[place : place + 8]
            case _:
                text[place:place] = source.choice(["${", "}", "(" * 40, "[" * 40, "//", "'''"])
    return "".join(text)


def noise(source: random.Random) -> str:
    """Characters."""
    return "".join(source.choices(_NOISE, k=source.choice([0, 1, 5, 40, 400, 2_500])))


def deep(source: random.Random) -> str:
    """Up to the limits: brackets, chains, lengths."""
    inner = expression(source, 4)
    count = source.choice([10, 31, 32, 33, 200, 900])
    shapes: list[Callable[[], str]] = [
        lambda: "(" * count + inner + ")" * count,
        lambda: "[" * count + inner + "]" * count,
        lambda: "!" * count + inner,
        lambda: "-" * count + inner,
        lambda: "+".join([inner] * count),
        lambda: "inputs" + ".deep" * count,
        lambda: "inputs" + "[0]" * count,
        lambda: inner + ".map(x, [x, x])" * count,
        lambda: "string(" * count + inner + ")" * count,
        lambda: "true ? 1 : " * count + inner,
        lambda: " || ".join([inner] * count),
    ]
    return source.choice(shapes)()


def any_expression(source: random.Random) -> str:
    """One of all kinds."""
    kinds: list[Callable[[random.Random], str]] = [expression, damaged, noise, deep]
    return source.choices(kinds, weights=[70, 18, 4, 8])[0](source)
