"""The tree of an expression: its nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, text, true, false or null that stands in the source."""

    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable: of the context, or of the macro around it."""

    name: str


@dataclass(frozen=True, slots=True)
class Access:
    """`base.key["key"][index]...`: a key that stands in the source is text, any other a node."""

    base: Node
    keys: tuple[str | Node, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """`has(target.key)`."""

    target: Node
    key: str


@dataclass(frozen=True, slots=True)
class Call:
    """`function(a, b)`, which may also be written `a.function(b)`."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Macro:
    """`source.kind(variable, body)`; the three-argument `map` has a condition too."""

    kind: str
    source: Node
    variable: str
    body: Node
    condition: Node | None = None


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{key: value}`."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """`!operand` or `-operand`."""

    operator: Literal["!", "-"]
    operand: Node


@dataclass(frozen=True, slots=True)
class Chain:
    """`first op operand op operand ...`: operators of one level, from the left.

    One node however long, so that a sum of five hundred parts is no deeper than one of two.
    """

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """`condition ? then : otherwise`."""

    condition: Node
    then: Node
    otherwise: Node


Node = Constant | Name | Access | Has | Call | Macro | ListOf | MapOf | Unary | Chain | Choice


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below a node; of a macro in the order source, body, condition."""
    match node:
        case Constant() | Name():
            return ()
        case Access(base, keys):
            return (base, *(key for key in keys if not isinstance(key, str)))
        case Has(target):
            return (target,)
        case Call(_, arguments):
            return arguments
        case Macro(_, source, _, body, condition):
            return (source, body) if condition is None else (source, body, condition)
        case ListOf(items):
            return items
        case MapOf(entries):
            return tuple(part for entry in entries for part in entry)
        case Unary(_, operand):
            return (operand,)
        case Chain(first, rest):
            return (first, *(operand for _, operand in rest))
        case Choice(condition, then, otherwise):
            return (condition, then, otherwise)
