"""Expressions (CEL) for decisions, validation rules and the `${...}` inside configuration.

An expression reads `inputs`, `steps.<id>.output`, `run`, and what its place adds (`value`).
Where it differs from CEL proper: there is one kind of number (see `engine.values`), texts are
measured in characters, there are no bytes, unsigned numbers, messages, types and optionals; the
functions are those of `engine.formulas`. It is bounded: 2,000 characters, 32 brackets, macros two
deep, ten million units of work. The slowest admitted expression found takes 2 seconds (tests).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.errors import PlatformError, Problem
from core.json import format_path
from engine import evaluation, grammar, patterns
from engine.formulas import FORMULAS, MAX_TEXT
from engine.tree import Access, Call, Constant, Has, Macro, Name, Node, children
from engine.values import Failed, settled, written

VARIABLES = frozenset({"inputs", "steps", "run"})
"""What expressions read where nothing else is said."""
MAX_NESTING = 2
"""Macros inside one another."""


class ExpressionError(PlatformError):
    """The expression has no value."""

    code = "expression_error"
    status = 400


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression of a document.

    Attributes:
        path: where it stands, such as `config.rules[0].when`.
        source: what it says.
        variables: the variables that it may read.
    """

    path: str
    source: str
    variables: frozenset[str] = VARIABLES


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression that is ready to be evaluated.

    Attributes:
        step: gives the value.
        variables: the variables of the context that it reads.
        steps: ids of the steps that it reads.
        reference: it only names a value, such as `steps.a.output.total`.
    """

    step: evaluation.Step
    variables: frozenset[str]
    steps: frozenset[str]
    reference: bool


def check(expression: Expression) -> list[Problem]:
    """What is wrong with an expression, as far as it can be known before it runs."""
    if not isinstance(expression.source, str):
        return [Problem(expression.path, "an expression is a text")]
    bare = expression.source.strip()
    if bare.startswith("${") and bare.endswith("}"):
        return [Problem(expression.path, "an expression stands here by itself, without ${ }")]
    try:
        compiled = compile_expression(expression.source)
    except ExpressionError as error:
        return [Problem(expression.path, error.message)]
    unknown = sorted(compiled.variables - expression.variables)
    if unknown:
        known = ", ".join(sorted(expression.variables))
        message = f"there is no variable '{unknown[0]}'; known: {known}"
        return [Problem(expression.path, message)]
    return []


def below(path: str, parts: Iterable[str | int]) -> str:
    """The path of a place below another one."""
    rest = format_path(parts)
    return f"{path}.{rest}" if path and rest and rest[0] != "[" else path + rest


def step_references(source: str) -> frozenset[str]:
    """Ids of the steps whose results an expression reads; none where `check` refuses it."""
    try:
        return compile_expression(source).steps
    except ExpressionError:
        return frozenset()


def is_reference(source: str) -> bool:
    """Whether an expression only names a value, which costs no more than copying it."""
    try:
        return compile_expression(source).reference
    except ExpressionError:
        return False


@lru_cache(maxsize=1024)
def compile_expression(source: str) -> Compiled:
    """The expression, ready to be evaluated many times.

    Raises:
        ExpressionError: it is not an expression, or not one that is admitted.
    """
    try:
        tree = grammar.parse(source)
    except grammar.Fault as fault:
        raise ExpressionError(f"not a valid expression: {fault}") from None
    variables: set[str] = set()
    steps: set[str] = set()
    bound: set[str] = set()
    for node, scope, nesting in _scopes(tree):
        if isinstance(node, Name) and node.name not in scope:
            if node.name == "steps":
                raise ExpressionError("'steps' is read as steps.<id> or steps[\"<id>\"] only")
            variables.add(node.name)
        elif (step := _step_read(node)) is not None:
            variables.add("steps")
            steps.add(step)
        elif isinstance(node, Macro):
            if nesting >= MAX_NESTING:
                raise ExpressionError(f"macros are nested deeper than {MAX_NESTING}")
            if node.variable in scope:
                raise ExpressionError(f"'{node.variable}' is the variable of two nested macros")
            bound.add(node.variable)
        elif isinstance(node, Call):
            _check_call(node)
    if taken := sorted(bound & (variables | VARIABLES)):
        raise ExpressionError(
            f"'{taken[0]}' is the variable of a macro and stands outside of it too"
        )
    return Compiled(
        evaluation.build(tree), frozenset(variables), frozenset(steps), _is_reference(tree)
    )


def _scopes(tree: Node) -> Iterator[tuple[Node, frozenset[str], int]]:
    """Every node, with the macro variables that it sees and the number of macros around it."""
    waiting: list[tuple[Node, frozenset[str], int]] = [(tree, frozenset(), 0)]
    while waiting:
        node, scope, nesting = waiting.pop()
        if isinstance(node, Macro):
            yield node, scope, nesting
            inside = (node.body,) if node.condition is None else (node.body, node.condition)
            waiting.append((node.source, scope, nesting))
            waiting += [(part, scope | {node.variable}, nesting + 1) for part in inside]
        else:
            yield node, scope, nesting
            parts = children(node) if _step_read(node) is None else children(node)[1:]
            waiting += [(part, scope, nesting) for part in parts]


def _step_read(node: Node) -> str | None:
    """The id in `steps.<id>`, `steps["<id>"]` and `has(steps.<id>)`."""
    match node:
        case Access(Name("steps"), (str(step), *_)) | Has(Name("steps"), step):
            return step
        case _:
            return None


def _is_reference(tree: Node) -> bool:
    match tree:
        case Name():
            return True
        case Access(Name(), keys):
            return all(isinstance(key, str) for key in keys)
        case _:
            return False


def _check_call(call: Call) -> None:
    formula = FORMULAS.get(call.function)
    if call.function in grammar.MACROS:
        raise ExpressionError(f"'{call.function}' is written list.{call.function}(x, ...)")
    if formula is None:
        known = ", ".join(sorted(FORMULAS.keys() | {"has"}))
        raise ExpressionError(f"there is no function '{call.function}'; known: {known}")
    fault = formula.fault(len(call.arguments))
    if fault is not None:
        raise ExpressionError(f"'{call.function}' takes {fault}")
    if call.function == "matches":
        match call.arguments[1]:
            case Constant(str(pattern)):
                fault = patterns.fault(pattern)
            case _:
                fault = "the pattern is not written in the expression"
        if fault is not None:
            raise ExpressionError(f"'matches': {fault}")


def evaluate(source: str, variables: Mapping[str, Any]) -> Any:
    """The value of an expression as plain JSON, which shares nothing with the variables.

    Raises:
        ExpressionError: it has no value: a key is missing, types do not fit, too much work.
    """
    compiled = compile_expression(source)
    run = evaluation.Run(variables)
    try:
        return settled(compiled.step(run), run)
    except Failed as error:
        reason = str(error)
    except (ArithmeticError, RecursionError, TypeError, ValueError) as error:
        # Data that an executor made may hold what JSON does not, such as endless numbers.
        reason = f"a value cannot be used ({type(error).__name__})"
    shown = source if len(source) <= 80 else source[:77] + "..."
    raise ExpressionError(f"{reason} (in: {shown})")


def holds(source: str, variables: Mapping[str, Any]) -> bool:
    """Whether a condition is true.

    Raises:
        ExpressionError: it has no value, or one that is neither true nor false.
    """
    value = evaluate(source, variables)
    if not isinstance(value, bool):
        shown = source if len(source) <= 80 else source[:77] + "..."
        raise ExpressionError(f"the condition is neither true nor false (in: {shown})")
    return value


# -- `${...}` in configuration


def interpolate(value: Any, variables: Mapping[str, Any]) -> Any:
    """A copy of a configuration with every `${expression}` replaced by its value.

    A text that is exactly one `${expression}` becomes the value itself, of whatever type; else the
    value is written into the text (lists and maps as JSON). `$${` stands for `${`. Keys stay.

    Raises:
        ExpressionError: an expression has no value.
    """
    result: list[Any] = [None]
    waiting: list[tuple[Any, Any, Any]] = [(result, 0, value)]
    while waiting:
        parent, key, part = waiting.pop()
        if isinstance(part, dict):
            parent[key] = copy = dict.fromkeys(part)
            waiting += [(copy, name, inner) for name, inner in part.items()]
        elif isinstance(part, list):
            parent[key] = elements = [None] * len(part)
            waiting += [(elements, number, inner) for number, inner in enumerate(part)]
        else:
            parent[key] = _filled(part, variables) if isinstance(part, str) else part
    return result[0]


def interpolations(value: Any, path: str) -> list[Expression]:
    """Every `${expression}` of a configuration, each with its path.

    One that is never closed is listed with its `${`, so that `check` refuses it.
    """
    found: list[Expression] = []
    waiting: list[tuple[str, Any]] = [(path, value)]
    while waiting:
        where, part = waiting.pop()
        if isinstance(part, dict):
            inner = [(below(where, [key]), element) for key, element in part.items()]
            waiting += reversed(inner)
        elif isinstance(part, list):
            inner = [(below(where, [number]), element) for number, element in enumerate(part)]
            waiting += reversed(inner)
        elif isinstance(part, str):
            found += [
                Expression(where, source) for literal, source in split_template(part) if not literal
            ]
    return found


def _filled(template: str, variables: Mapping[str, Any]) -> Any:
    pieces = split_template(template)
    if len(pieces) == 1 and not pieces[0][0]:
        return evaluate(pieces[0][1], variables)
    written_pieces = []
    length = 0
    for literal, piece in pieces:
        text = piece if literal else written(evaluate(piece, variables))
        length += len(text)
        if length > MAX_TEXT and not literal:
            raise ExpressionError(f"a text with ${{...}} is longer than {MAX_TEXT:,} characters")
        written_pieces.append(text)
    return "".join(written_pieces)


def split_template(template: str) -> tuple[tuple[bool, str], ...]:
    """The parts of a text as (True, literal text) and (False, source of an expression)."""
    if "${" not in template:
        return ((True, template),)
    return _cut(template) if len(template) > grammar.MAX_SOURCE else _cut_once(template)


def _cut(template: str) -> tuple[tuple[bool, str], ...]:
    pieces: list[tuple[bool, str]] = []
    literal, position = "", 0
    while (start := template.find("${", position)) >= 0:
        if start > position and template[start - 1] == "$":
            literal += template[position : start - 1] + "${"
            position = start + 2
            continue
        literal += template[position:start]
        end = _closing(template, start + 2)
        if literal:
            pieces.append((True, literal))
            literal = ""
        if end is None:
            return (*pieces, (False, template[start : start + 80]))
        pieces.append((False, template[start + 2 : end]))
        position = end + 1
    literal += template[position:]
    return (*pieces, (True, literal)) if literal or not pieces else tuple(pieces)


_cut_once = lru_cache(maxsize=4096)(_cut)


def _closing(template: str, start: int) -> int | None:
    """Where the brace is that closes an expression, past those of its own maps and texts."""
    depth = 0
    try:
        for token in grammar.tokens(template[start : start + grammar.MAX_SOURCE + 1]):
            if token.text == "{":
                depth += 1
            elif token.text == "}":
                if depth == 0:
                    return start + token.start
                depth -= 1
    except grammar.Fault:
        pass
    return None
