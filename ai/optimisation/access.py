"""Which parts of steps' results an expression reads."""

from __future__ import annotations

from collections.abc import Iterator

from engine import grammar
from engine.tree import Access, Has, Name, Node, children

Keys = tuple[str, ...]


def step_reads(source: str) -> Iterator[Keys]:
    """The keys of every `steps.<id>...` as far as they stand in the source, the id first."""
    todo: list[Node] = [grammar.parse(source)]
    while todo:
        node = todo.pop()
        match node:
            case Has(Access(Name("steps"), keys), key):
                yield (*_literal(keys), key)
                continue
            case Has(Name("steps"), key):
                yield (key,)
                continue
            case Access(Name("steps"), keys):
                yield _literal(keys)
        todo += children(node)


def whole_output(source: str) -> str | None:
    """The step's id where an expression is nothing but `steps.<id>.output`."""
    match grammar.parse(source):
        case Access(Name("steps"), (str(step_id), "output")):
            return step_id
        case _:
            return None


def _literal(keys: tuple[str | Node, ...]) -> Keys:
    found: list[str] = []
    for key in keys:
        if not isinstance(key, str):
            break
        found.append(key)
    return tuple(found)
