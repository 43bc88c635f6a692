"""Expression source -> tree: the tokens and the parser.

The grammar is CEL's (github.com/google/cel-spec, doc/langdef.md) without messages, bytes and
unsigned numbers. What is known about an expression before it runs is read off the tree, and the
tree is what runs: what was checked and what is evaluated cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

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
)

MAX_SOURCE = 2_000
"""Characters of one expression."""
MAX_DEPTH = 32
"""Brackets around the innermost part: keeps recursion far from the interpreter's limit."""

MACROS = frozenset({"map", "filter", "all", "exists", "exists_one"})
_RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop"}
    | {"namespace", "package", "return", "var", "void", "while"}
)
_CONSTANTS = {"true": True, "false": False, "null": None}
# Loosest first. Operators of one level are equally strong and group to the left.
_LEVELS = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"<", "<=", ">", ">=", "==", "!=", "in"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)

_TOKEN = re.compile(
    r"""
    (?P<space>[\ \t\r\n\f]+|//[^\n]*)
  | (?P<number>0x[0-9a-fA-F]+|(?:[0-9]*\.)?[0-9]+(?:[eE][+-]?[0-9]+)?)
  | (?P<raw>[rR](?:'{3}(?:[^']|'(?!''))*'{3}|"{3}(?:[^"]|"(?!""))*"{3}|'[^'\r\n]*'|"[^"\r\n]*"))
  | (?P<text>'{3}(?:[^'\\]|\\.|'(?!''))*'{3}|"{3}(?:[^"\\]|\\.|"(?!""))*"{3}
            |'(?:[^'\\\r\n]|\\.)*'|"(?:[^"\\\r\n]|\\.)*")
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<symbol>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"""\\(?:[xX](?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})
          |(?P<octal>[0-3][0-7]{2})|(?P<plain>[abfnrtv\\?"'`])|(?P<bad>.?))""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN_ESCAPES = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))


class Fault(Exception):
    """The source is not an expression; the message says what is wrong with it."""


class Token(NamedTuple):
    """A word of the source, from character `start` up to `end`."""

    kind: str
    text: str
    start: int
    end: int


def tokens(source: str, start: int = 0) -> Iterator[Token]:
    """The tokens of a source from character `start`, without space and comments.

    Raises:
        Fault: at the first character that starts no token.
    """
    while start < len(source):
        found = _TOKEN.match(source, start)
        if found is None:
            raise Fault(f"{_stranger(source, start)} at character {start + 1}")
        start = found.end()
        kind = found.lastgroup
        if kind is not None and kind != "space":
            yield Token(kind, found.group(), found.start(), start)


def _stranger(source: str, start: int) -> str:
    if source[start] in "'\"":
        return "a quote that is never closed"
    if source.startswith("${", start):
        return "'${' without its '}' (a plain '${' is written '$${')"
    return ascii(source[start])


def parse(source: str) -> Node:
    """The tree of an expression.

    Raises:
        Fault: the source is too long, too deep, or not an expression.
    """
    if len(source) > MAX_SOURCE:
        raise Fault(f"it has {len(source):,} characters, at most {MAX_SOURCE:,} are allowed")
    return _Parser(source).whole()


class _Parser:
    """Recursive descent over the tokens; each method parses what it is named after."""

    def __init__(self, source: str) -> None:
        self.tokens = [*tokens(source), Token("end", "", len(source), len(source))]
        self.index = 0
        self.depth = 0

    def whole(self) -> Node:
        node = self.expression()
        if self.token.kind != "end":
            raise self.unexpected()
        return node

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Fault(f"it is nested deeper than {MAX_DEPTH} levels")
        node = self.operation(0)
        if self.take("?"):
            then = self.operation(0)
            self.expect(":")
            node = Choice(node, then, self.expression())
        self.depth -= 1
        return node

    def operation(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        first = self.operation(level + 1)
        rest = []
        while self.token.text in _LEVELS[level]:
            operator = self.next().text
            rest.append((operator, self.operation(level + 1)))
        return Chain(first, tuple(rest)) if rest else first

    def unary(self) -> Node:
        for operator in ("!", "-"):
            count = 0
            while self.take(operator):
                count += 1
            if count:
                # Two of them are kept: `!!x` is x, but refuses an x that is not true or false.
                node = self.member()
                for _ in range(2 - count % 2):
                    node = Unary("!" if operator == "!" else "-", node)
                return node
        return self.member()

    def member(self) -> Node:
        node = self.primary()
        keys: list[str | Node] = []
        while True:
            if self.take("."):
                name = self.name()
                if self.token.text == "(":
                    node, keys = self.method(_access(node, keys), name), []
                else:
                    keys.append(name)
            elif self.take("["):
                key = self.expression()
                self.expect("]")
                text = key.value if isinstance(key, Constant) else None
                keys.append(text if isinstance(text, str) else key)
            else:
                return _access(node, keys)

    def method(self, target: Node, name: str) -> Node:
        if name not in MACROS:
            return Call(name, (target, *self.arguments()))
        variable, *rest = self.arguments()
        sizes = (1, 2) if name == "map" else (1,)
        if not isinstance(variable, Name) or len(rest) not in sizes:
            raise Fault(f"'{name}' takes the name of a variable and an expression")
        if len(rest) == 2:
            return Macro(name, target, variable.name, rest[1], rest[0])
        return Macro(name, target, variable.name, rest[0])

    def primary(self) -> Node:
        token = self.next()
        if token.kind == "number":
            return Constant(_number(token))
        if token.kind in ("text", "raw"):
            return Constant(_text(token))
        if token.kind == "name" and token.text in _CONSTANTS:
            return Constant(_CONSTANTS[token.text])
        if token.kind == "name" and token.text != "in":
            if token.text in _RESERVED:
                raise Fault(f"'{token.text}' is a reserved word")
            if self.token.text == "(":
                return self.call(token.text)
            return Name(token.text)
        if token.text == "(":
            node = self.expression()
            self.expect(")")
            return node
        if token.text == "[":
            return ListOf(tuple(self.list_of("]")))
        if token.text == "{":
            return MapOf(tuple(self.entries()))
        self.index -= token.kind != "end"
        raise self.unexpected()

    def call(self, name: str) -> Node:
        arguments = self.arguments()
        if name != "has":
            return Call(name, tuple(arguments))
        match arguments:
            case [Access(base, [*keys, str(key)])]:
                return Has(_access(base, keys), key)
            case _:
                raise Fault("'has' takes a path such as inputs.amount")

    def arguments(self) -> list[Node]:
        self.expect("(")
        if self.take(")"):
            return []
        found = [self.expression()]
        while self.take(","):
            found.append(self.expression())
        self.expect(")")
        return found

    def list_of(self, closing: str) -> Iterator[Node]:
        while not self.take(closing):
            yield self.expression()
            if not self.take(","):
                self.expect(closing)
                return

    def entries(self) -> Iterator[tuple[Node, Node]]:
        while not self.take("}"):
            key = self.expression()
            if isinstance(key, Constant) and not isinstance(key.value, str):
                raise Fault("the keys of a map are texts")
            self.expect(":")
            yield key, self.expression()
            if not self.take(","):
                self.expect("}")
                return

    # -- tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def next(self) -> Token:
        token = self.tokens[self.index]
        if token.kind != "end":
            self.index += 1
        return token

    def take(self, symbol: str) -> bool:
        token = self.token
        if token.text != symbol:
            return False
        self.index += 1
        return True

    def expect(self, symbol: str) -> None:
        if not self.take(symbol):
            raise Fault(f"'{symbol}' expected, {self.unexpected()}")

    def name(self) -> str:
        token = self.next()
        if token.kind != "name" or token.text in _CONSTANTS or token.text == "in":
            self.index -= token.kind != "end"
            raise self.unexpected()
        return token.text

    def unexpected(self) -> Fault:
        token = self.token
        if token.kind == "end":
            return Fault("it ends too early")
        return Fault(f"unexpected '{token.text[:40]}' at character {token.start + 1}")


def _access(base: Node, keys: list[str | Node]) -> Node:
    return Access(base, tuple(keys)) if keys else base


def _number(token: Token) -> int | float:
    text = token.text
    if text.startswith("0x"):
        value: int | float = int(text, 16)
    elif text.isdecimal():
        value = int(text)
    else:
        value = float(text)
    if value == float("inf") or (isinstance(value, int) and value >= 2**63):
        raise Fault(f"the number at character {token.start + 1} is too large")
    return value


def _text(token: Token) -> str:
    body = token.text[1:] if token.kind == "raw" else token.text
    width = 3 if body.startswith(("'''", '"""')) and len(body) >= 6 else 1
    body = body[width:-width]
    text = body if token.kind == "raw" else _ESCAPE.sub(_unescaped, body)
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Fault(f"the text at character {token.start + 1} holds a character that JSON cannot")
    return text


def _unescaped(found: re.Match[str]) -> str:
    kind = found.lastgroup
    text = found.group(kind) if kind is not None else ""
    if kind == "plain":
        return _PLAIN_ESCAPES.get(text, text)
    code = int(text, 8 if kind == "octal" else 16) if kind != "bad" else -1
    if not 0 <= code <= 0x10FFFF:
        raise Fault(f"'{found.group()}' is not an escape")
    return chr(code)
