"""Tree -> a function of the variables, which never does more than `MAX_WORK`.

Every pass of a macro and every operation that grows with the data is charged before it is done, so
the work is bounded by construction, whatever the expression and the data. Being ordinary Python it
stops at a signal and lets other threads run, which the native CEL runtimes do not: they hold the
interpreter's lock, so neither a step's time limit nor the renewal of its lease would come through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from engine.formulas import FORMULAS
from engine.tree import (
    Access,
    Call,
    Chain,
    Choice,
    Constant,
    Has,
    ListOf,
    Macro,
    MapOf,
    Name,
    Node,
    Unary,
    children,
)
from engine.values import OPERATIONS, Failed, Meter, TooMuchWork, item, kind, number, plain, truth

MAX_WORK = 10_000_000
"""Units of work of one evaluation."""


class Run(Meter):
    """One evaluation: what it may still spend, and the variables as they are now."""

    __slots__ = ("names",)

    def __init__(self, variables: Mapping[str, Any]) -> None:
        super().__init__(MAX_WORK)
        self.names = dict(variables)


Step = Callable[[Run], Any]


def build(node: Node) -> Step:
    """The function that gives a node's value; raises Failed when called where there is none."""
    match node:
        case Constant(value):
            return lambda run: value
        case Name(name):
            return _variable(name)
        case Access(base, keys):
            return _access(
                build(base), [key if isinstance(key, str) else build(key) for key in keys]
            )
        case Has(target, key):
            return _has(build(target), key)
        case Call(function, arguments):
            return _call(FORMULAS[function].call, [build(argument) for argument in arguments])
        case Macro():
            return _macro(node)
        case ListOf(items):
            steps = [build(element) for element in items]
            return lambda run: [step(run) for step in steps]
        case MapOf(entries):
            return _map([(build(key), build(value)) for key, value in entries])
        case Unary(operator, operand):
            step = build(operand)
            if operator == "!":
                return lambda run: not truth(step(run))
            return lambda run: number(-number(step(run)))
        case Chain(first, rest):
            if rest[0][0] in ("&&", "||"):
                return _decided([build(first), *(build(part) for _, part in rest)], rest[0][0])
            return _chain(build(first), [(OPERATIONS[name], build(part)) for name, part in rest])
        case Choice(condition, then, otherwise):
            tests, yes, no = build(condition), build(then), build(otherwise)
            return lambda run: yes(run) if truth(tests(run)) else no(run)


def _variable(name: str) -> Step:
    def variable(run: Run) -> Any:
        if name not in run.names:
            raise Failed(f"there is no variable '{name}'")
        return plain(run.names[name])

    return variable


def _access(base: Step, keys: list[str | Step]) -> Step:
    def access(run: Run) -> Any:
        value = base(run)
        for key in keys:
            value = item(value, key if isinstance(key, str) else key(run))
        return value

    return access


def _has(target: Step, key: str) -> Step:
    def has(run: Run) -> bool:
        value = target(run)
        if type(value) is not dict:
            raise Failed(f"{kind(value)} has no key '{key}'")
        return key in value

    return has


def _call(function: Callable[..., Any], arguments: list[Step]) -> Step:
    def call(run: Run) -> Any:
        values = [argument(run) for argument in arguments]
        for value in values:
            if isinstance(value, str):
                run.spend(10 + len(value) // 8)
            else:
                run.spend(10 + 3 * len(value) if isinstance(value, list) else 10)
        return function(run, *values)

    return call


def _map(entries: list[tuple[Step, Step]]) -> Step:
    def made(run: Run) -> dict[str, Any]:
        result = {}
        for key, value in entries:
            name = key(run)
            if type(name) is not str:
                raise Failed(f"the key of a map is a text, not {kind(name)}")
            result[name] = value(run)
        return result

    return made


def _chain(first: Step, rest: list[tuple[Callable[[Any, Any, Meter], Any], Step]]) -> Step:
    def chain(run: Run) -> Any:
        value = first(run)
        for operation, operand in rest:
            value = operation(value, operand(run), run)
        return value

    return chain


def _decided(parts: list[Step], operator: str) -> Step:
    """`&&` and `||`. A part that fails does not matter where another one decides: so says CEL."""
    deciding = operator == "||"

    def decided(run: Run) -> bool:
        failure = None
        for part in parts:
            try:
                if truth(part(run)) is deciding:
                    return deciding
            except TooMuchWork:
                raise
            except Failed as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return not deciding

    return decided


def _macro(node: Macro) -> Step:
    source, body = build(node.source), build(node.body)
    condition = None if node.condition is None else build(node.condition)
    price = 3 + _price(node.body) + (0 if node.condition is None else _price(node.condition))
    variable = node.variable

    def passes(run: Run) -> Iterator[Any]:
        """Binds the variable to one element after the other; keys, where the source is a map."""
        elements = source(run)
        if type(elements) is not list and type(elements) is not dict:
            raise Failed(f"'{node.kind}' goes through a list or a map, not {kind(elements)}")
        # Left bound afterwards: no expression uses a macro's variable outside of it.
        for element in elements:
            run.spend(price)
            run.names[variable] = element = plain(element)
            yield element

    def mapped(run: Run) -> list[Any]:
        return [body(run) for _ in passes(run) if condition is None or truth(condition(run))]

    def filtered(run: Run) -> list[Any]:
        return [element for element in passes(run) if truth(body(run))]

    def one(run: Run) -> bool:
        return sum(truth(body(run)) for _ in passes(run)) == 1

    def decided(run: Run) -> bool:
        deciding, failure = node.kind == "exists", None
        for _ in passes(run):
            try:
                if truth(body(run)) is deciding:
                    return deciding
            except TooMuchWork:
                raise
            except Failed as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return not deciding

    steps: dict[str, Step] = {"map": mapped, "filter": filtered, "exists_one": one}
    return steps.get(node.kind, decided)


def _price(node: Node) -> int:
    """Units that one evaluation of a node takes, without the passes of the macros in it."""
    below = (node.source,) if isinstance(node, Macro) else children(node)
    keys = len(node.keys) if isinstance(node, Access) else 0
    return 1 + keys + sum(map(_price, below))
