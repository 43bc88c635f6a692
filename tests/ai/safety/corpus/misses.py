"""What only looks like personal data or a secret, as business texts hold it."""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Callable

from tests.ai.safety.corpus.values import ALPHANUMERIC, luhn_digit, some

Miss = Callable[[random.Random], str]


def _number(chance: random.Random, low: int, high: int) -> str:
    return some(chance, string.digits, chance.randint(low, high))


def _amount(chance: random.Random) -> str:
    amount = chance.randint(1, 10**9) / 100
    return chance.choice(
        (f"{amount:,.2f} EUR", f"${amount:,.2f}", f"{amount:.2f}", f"€ {amount:,.0f}")
    )


def _date(chance: random.Random) -> str:
    y, m, d = chance.randint(1990, 2030), chance.randint(1, 12), chance.randint(1, 28)
    hour, minute = chance.randint(0, 23), chance.randint(0, 59)
    return chance.choice(
        (
            f"{y}-{m:02}-{d:02}",
            f"{y}-{m:02}-{d:02}T{hour:02}:{minute:02}:07Z",
            f"{y}-{m:02}-{d:02} {hour:02}:{minute:02}:41.{chance.randint(0, 999):03}",
            f"{d:02}.{m:02}.{y}",
            f"{m:02}/{d:02}/{y}",
            f"{y}{m:02}{d:02}",
            f"{y}{m:02}{d:02}T{hour:02}{minute:02}00Z",
            f"{y}-{y + 3}",
            f"Q{m % 4 + 1} {y}",
        )
    )


def _isin(chance: random.Random) -> str:
    body = chance.choice(("US", "DE", "FR", "GB", "IE", "LU", "CH")) + some(
        chance, string.ascii_uppercase + string.digits, 9
    )
    return body + luhn_digit("".join(str(int(character, 36)) for character in body))


def _ean(chance: random.Random) -> str:
    body = chance.choice(("40", "76", "50", "87", "30", "00", "590")) + some(
        chance, string.digits, 11
    )
    body = body[:12]
    total = sum(int(d) * (3 if n % 2 else 1) for n, d in enumerate(body))
    return body + str(-total % 10)


def _wrong_iban(chance: random.Random) -> str:
    return "DE00" + some(chance, string.digits, 18)


def _wrong_card(chance: random.Random) -> str:
    body = "4" + some(chance, string.digits, 14)
    return body + str((int(luhn_digit(body)) + chance.randint(1, 9)) % 10)


MISSES: tuple[Miss, ...] = (
    lambda c: f"Order {_number(c, 6, 12)} was shipped.",
    lambda c: f"Order no. {some(c, string.digits, 4)}-{some(c, string.digits, 4)}-{some(c, string.digits, 2)} is late.",
    lambda c: f"Bestellnummer {_number(c, 8, 13)}, Kundennummer {_number(c, 5, 10)}.",
    lambda c: f"Commande n° {_number(c, 6, 11)} du {_date(c)}.",
    lambda c: f"Invoice INV-{c.randint(2019, 2027)}-{_number(c, 4, 8)} of {_date(c)}: {_amount(c)}.",
    lambda c: f"Rechnung {c.randint(2019, 2027)}/{_number(c, 4, 7)} über {_amount(c)}.",
    lambda c: f"Ticket #{_number(c, 4, 9)} closed {_date(c)}.",
    lambda c: f"Part {some(c, string.digits, 3)}-{some(c, string.digits, 3)}-{some(c, string.digits, 3)}, revision {c.choice('ABCDE')}.",
    lambda c: f"SKU {some(c, string.ascii_uppercase, 3)}-{_number(c, 4, 8)}-{some(c, string.ascii_uppercase, 2)}.",
    lambda c: f"Period: {_date(c)} to {_date(c)}.",
    lambda c: f"Sales rose from {_amount(c)} to {_amount(c)} ({c.randint(1, 99)}.{c.randint(0, 9)} %).",
    lambda c: f"The budget is {c.randint(1, 999)} {some(c, string.digits, 3)} {some(c, string.digits, 3)} units.",
    lambda c: f"Umsatz: {c.randint(1, 999)}.{some(c, string.digits, 3)}.{some(c, string.digits, 3)},{some(c, string.digits, 2)} EUR",
    lambda c: f"Request {uuid.UUID(int=c.getrandbits(128), version=4)} took {c.randint(1, 9999)} ms.",
    lambda c: f"run_id={uuid.UUID(int=c.getrandbits(128), version=4)} status=ok",
    lambda c: f"We hold {_isin(c)} and {_isin(c)} in the portfolio.",
    lambda c: f"EAN {_ean(c)}, {c.randint(1, 99)} pieces.",
    lambda c: f"| {_ean(c)} | {c.randint(1, 999)} | {_amount(c)} |",
    lambda c: f"ISBN 978-3-{some(c, string.digits, 2)}-{some(c, string.digits, 6)}-{c.randint(0, 9)} is out of print.",
    lambda c: f"Version {c.randint(0, 20)}.{c.randint(0, 99)}.{c.randint(0, 999)}-rc{c.randint(1, 9)} is out.",
    lambda c: f"Chrome/{c.randint(90, 140)}.0.{c.randint(1000, 9999)}.{c.randint(10, 200)} on Windows NT 10.0",
    lambda c: f"Install left-pad@{c.randint(0, 9)}.{c.randint(0, 9)}.{c.randint(0, 9)} and @types/node@{c.randint(14, 24)}.",
    lambda c: f"Server 10.{c.randint(0, 255)}.{c.randint(0, 255)}.{c.randint(1, 254)}:{c.randint(1024, 65535)} answered.",
    lambda c: f"commit {some(c, '0123456789abcdef', 40)} fixes it.",
    lambda c: f"sha256:{some(c, '0123456789abcdef', 64)}",
    lambda c: f"ts={c.randint(10**9, 2 * 10**9)} epoch_ms={c.randint(10**12, 2 * 10**12)}",
    lambda c: f"Position {c.uniform(-90, 90):.6f}, {c.uniform(-180, 180):.6f}.",
    lambda c: f"The account {_wrong_iban(c)} fails its checksum.",
    lambda c: f"Contract {_wrong_card(c)} was renewed.",
    lambda c: f"Tracking 1Z{some(c, string.ascii_uppercase + string.digits, 16)} is on its way.",
    lambda c: f"Sendungsnummer {_number(c, 12, 20)}.",
    lambda c: f"VAT ID DE{some(c, string.digits, 9)} of the supplier.",
    lambda c: f"LEI {some(c, string.ascii_uppercase + string.digits, 18)}{some(c, string.digits, 2)}, BIC DEUTDEFF500.",
    lambda c: f"Size {c.randint(100, 2000)} x {c.randint(100, 2000)} x {c.randint(10, 600)} mm, weight {c.randint(1, 999)}.{c.randint(0, 9)} kg.",
    lambda c: f"values: {[c.randint(0, 10**7) for _ in range(c.randint(2, 8))]}",
    lambda c: f"prices = {[round(c.uniform(1, 500), 2) for _ in range(c.randint(2, 8))]}",
    lambda c: f"Postcode {some(c, string.digits, 5)} Berlin; {c.choice(('SW1A 1AA', 'EC2R 8AH', '1012 AB'))}.",
    lambda c: f"The token count is {c.randint(10, 99999)} of {c.randint(10, 99999)}.",
    lambda c: "The password must have twelve characters and a digit.",
    lambda c: "Passwort vergessen? Der Link gilt eine Stunde.",
    lambda c: "Password: required. Token: see the manual. Secret: none.",
    lambda c: '{"password": null, "token": "", "api_key": "${API_KEY}"}',
    lambda c: "Set api_key=YOUR_API_KEY and password=<your password> in the file.",
    lambda c: "The secret of success: patience. A bearer of good news.",
    lambda c: f"Follow @{some(c, string.ascii_lowercase, 8)} or meet us @ {c.randint(1, 12)}:30.",
    lambda c: f"def f(a: int) -> None: x = {c.randint(0, 10**9)}  # {_date(c)}",
    lambda c: f"color: #{some(c, '0123456789abcdef', 6)}; z-index: {c.randint(1, 99999)};",
    lambda c: f"https://example.org/items/{_number(c, 6, 12)}?page={c.randint(1, 99)}&sort=date",
    lambda c: f"data:image/png;base64,{some(c, ALPHANUMERIC + '+/', 120)}",
    lambda c: f"pid {c.randint(100, 99999)} tid {c.randint(10**8, 10**9)} cpu {c.uniform(0, 100):.2f}",
    lambda c: f"Room {c.randint(100, 999)}, floor {c.randint(1, 20)}, building {c.randint(1, 9)}-{c.randint(1, 9)}.",
    lambda c: f"Score {c.randint(0, 9)}:{c.randint(0, 9)}, minute {c.randint(1, 90)}.",
    lambda c: f"Reference RF{c.randint(10, 99)}{_number(c, 8, 14)}.",
    lambda c: f"Aktenzeichen {c.randint(1, 99)} C {c.randint(100, 999)}/{c.randint(10, 26)}.",
    lambda c: f"Serial number {some(c, string.ascii_uppercase + string.digits, 12)}.",
    lambda c: f"Batch {some(c, string.digits, 6)}-{some(c, string.digits, 4)} expires {_date(c)}.",
    lambda c: "\n".join(_number(c, 7, 9) for _ in range(c.randint(2, 6))),
    lambda c: "\n".join(some(c, string.digits, 4) for _ in range(c.randint(2, 8))),
    lambda c: "id;qty\n" + "\n".join(f"{_number(c, 6, 9)};{_number(c, 4, 8)}" for _ in range(4)),
    lambda c: f"Section {'.'.join(_number(c, 1, 2) for _ in range(c.randint(3, 6)))} applies.",
    lambda c: f"The article {some(c, string.digits, 3)} {some(c, string.digits, 3)} {some(c, string.digits, 3)} is sold out.",
)  # fmt: skip


def miss(chance: random.Random) -> str:
    return chance.choice(MISSES)(chance)
