"""Texts around the values: sentences, JSON, CSV, tables, logs, URLs, in several languages."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.ai.safety.corpus import values
from tests.ai.safety.corpus.identities import identity
from tests.ai.safety.corpus.misses import miss


@dataclass(frozen=True, slots=True)
class Span:
    """A value's place in a text."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A text and what must be found in it."""

    text: str
    spans: tuple[Span, ...]


Piece = tuple[str, str, str, str]
"""Kind, the text before the value, the value, the text after it."""

EMAILS = (
    "Write to {} today.", "{}", "E-Mail: {}", "mailto:{}", "<{}>", "Contact {}, please.",
    "Bitte antworten Sie an {}.", "Écrivez à {}.", "({})", '"email": "{}"', "from={};",
    "| {} |", "[mail](mailto:{})", "Cc: {}; ", "user {} logged in", "?email={}&x=1", "Скажите {}!",
    "联系：{}。", "*{}*", "name,{},2024-01-01",
)  # fmt: skip
PHONES_BARE = (
    "Call {} now.", "{}", "Reach us at {}.", "| {} |", "(see {})", "Anna, {}, Berlin",
    "dial {} or write", "tel:{}", "Rückfragen: {}", "x,{},y", "Numéro : {}.",
)  # fmt: skip
PHONES = (
    "Phone: {}", "Tel. {}", "tel: {}", "Telefon: {}", "Mobile {}", "Fax: {}", "Tél. : {}",
    "Handy {}", "Call me at {}.", "Rufnummer: {}", "Telefoonnummer: {}", "Teléfono: {}",
    "Telefone {}", "Cell: {}", "WhatsApp {}", "Móvil: {}", "Cellulare: {}", '"phone": "{}"',
    '"mobile_number": "{}"', "Telefonnummer {}", "Puhelin: {}", "Телефон: {}", "電話: {}",
    "电话：{}", "Please ring {} after five.", "phone={}", "Hotline: {}", "numéro de portable {}",
)  # fmt: skip
IBANS = (
    "IBAN: {}", "{}", "Please pay to {}.", "Konto {}", "| {} |", '"iban": "{}"', "IBAN {} BIC X",
    "Überweisen Sie auf {}!", "Compte {} chez nous", "({})", "account={}", "Name,{},EUR",
)  # fmt: skip
CARDS = (
    "Card {}", "{}", "Visa {} exp 12/28", "Kreditkarte: {}", '"card_number": "{}"', "| {} |",
    "paid with {} yesterday", "Carte {}.", "({})", "pan={}", "Name,{},12/28",
)  # fmt: skip
IDENTITIES = ("{label}: {}", "{label} {}", "{label} = {}", '"{label}": "{}"', "My {label} is {}.")
IDENTITIES_BARE = ("{}", "Born in May, {}, married.", "| {} |", "({})", "Name;{};Berlin")
TOKENS = (
    "{}", "Use {} for the API.", "Authorization: Bearer {}", "export TOKEN={}", '"key": "{}"',
    "| {} |", "curl -H 'X-Auth: {}'", "token={}&x=1", "`{}`", "It is {}.",
)  # fmt: skip
PASSWORDS = (
    "password: {}", "Password = {}", "passwd={}", '"password": "{}"', "Passwort: {}",
    "api_key: {}", '"api_key": "{}"', '"clientSecret": "{}"', "client_secret={}",
    "ACCESS_TOKEN={}", "Mot de passe : {}", "contraseña: {}", "X-Api-Key: {}",
    "DB_PASSWORD={}", "pwd: {}", "secret_key = '{}'", "--password {}", "aws_secret_access_key = {}",
    "The password is {}", "Das Passwort lautet {}",
)  # fmt: skip
FILLERS = (
    "The meeting is on Monday.", "Der Bericht ist fertig.", "Merci pour votre message.",
    "Summarise the following.", "El pedido llegó tarde.", "Status: open", "Kind regards",
    "会议在星期一。", "Priority: high", "1. First point", "- second point", "", "# Notes",
)  # fmt: skip


def document(chance: random.Random) -> Sample:
    """One to eight lines, half of them with a value, in the order of chance."""
    text, spans = "", []
    for n in range(chance.randint(1, 8)):
        if n:
            text += chance.choice(("\n", "\n", "\n\n", " \n"))
        draw = chance.random()
        if draw < 0.35:
            text += miss(chance)
        elif draw < 0.45:
            text += chance.choice(FILLERS)
        elif draw < 0.53:
            row, found = _json_row(chance)
            spans += [Span(s.kind, s.start + len(text), s.end + len(text)) for s in found]
            text += row
        else:
            kind, before, value, after = piece(chance)
            start = len(text) + len(before)
            spans.append(Span(kind, start, start + len(value)))
            text += before + value + after
    return Sample(text, tuple(spans))


def piece(chance: random.Random) -> Piece:
    """A value in a sentence."""
    return chance.choice(_PIECES)(chance)


def _filled(kind: str, template: str, value: str, **labels: str) -> Piece:
    before, _, after = template.partition("{}")
    for name, label in labels.items():
        before = before.replace("{" + name + "}", label)
    return kind, before, value, after


def _email(chance: random.Random) -> Piece:
    return _filled("EMAIL", chance.choice(EMAILS), values.email(chance))


def _phone(chance: random.Random) -> Piece:
    number, plain = values.phone(chance)
    templates = PHONES + PHONES_BARE if plain else PHONES
    return _filled("PHONE", chance.choice(templates), number)


def _iban(chance: random.Random) -> Piece:
    return _filled("IBAN", chance.choice(IBANS), values.iban(chance))


def _card(chance: random.Random) -> Piece:
    return _filled("CARD", chance.choice(CARDS), values.card(chance))


def _identity(chance: random.Random) -> Piece:
    kind, number = identity(chance)
    label = chance.choice(kind.labels)
    if kind.bare and chance.random() < 0.4:
        return _filled("NATIONAL_ID", chance.choice(IDENTITIES_BARE), number)
    return _filled("NATIONAL_ID", chance.choice(IDENTITIES), number, label=label)


def _token(chance: random.Random) -> Piece:
    return _filled("SECRET", chance.choice(TOKENS), values.token(chance))


def _password(chance: random.Random) -> Piece:
    return _filled("SECRET", chance.choice(PASSWORDS), values.password(chance))


def _url(chance: random.Random) -> Piece:
    before, secret, after = values.database_url(chance)
    return "SECRET", chance.choice(("", "DSN ", "url=", '"dsn": "')) + before, secret, after


def _json_row(chance: random.Random) -> tuple[str, list[Span]]:
    """A customer as JSON; the numbers beside it are things' own."""
    fields: list[tuple[str, str | None, str]] = [
        ("id", None, str(chance.randint(10**6, 10**9))),
        ("email", "EMAIL", values.email(chance)),
        (chance.choice(("phone", "telephone", "mobile", "phoneNumber")), "PHONE", values.phone(chance)[0]),
        ("iban", "IBAN", values.iban(chance)),
        ("created_at", None, "2024-05-17T08:30:00Z"),
        ("order_number", None, str(chance.randint(10**8, 10**10))),
        ("total", None, f"{chance.randint(1, 10**6) / 100}"),
    ]  # fmt: skip
    chosen = chance.sample(fields, chance.randint(2, len(fields)))
    gap = chance.choice(("", " "))
    text, spans = "{", []
    for n, (name, kind, value) in enumerate(chosen):
        text += f",{gap}" if n else ""
        text += f"{json.dumps(name)}:{gap}"
        written = json.dumps(value, ensure_ascii=False)
        if kind:
            spans.append(Span(kind, len(text) + 1, len(text) + len(written) - 1))
        text += written
    return text + "}", spans


_PIECES: tuple[Callable[[random.Random], Piece], ...] = (
    *(_email, _phone, _phone, _iban, _card, _identity, _identity, _token, _password, _url),
)
