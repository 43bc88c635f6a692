"""Values that must be found: addresses, numbers of people, accounts and cards, secrets."""

from __future__ import annotations

import base64
import json
import random
import string
import uuid
from collections.abc import Callable, Sequence

import phonenumbers
from phonenumbers import PhoneNumberFormat

FIRST = (
    *("anna", "jürgen", "marie", "luca", "ines", "kofi", "mei", "tomasz", "olga", "sean"),
    *("fatima", "noah", "ayşe", "björn", "chloe", "diego", "elif", "farid", "greta", "hiro"),
)
LAST = (
    *("schmidt", "müller", "dubois", "rossi", "garcía", "o'brien", "mensah", "wang", "nowak"),
    *("ivanova", "smith", "kaya", "lindqvist", "martin", "lopez", "haddad", "becker", "tanaka"),
)
HOSTS = (
    *("example.org", "example.com", "mail.example.net", "firma-beispiel.de", "exemple.fr"),
    *("esempio.it", "ejemplo.es", "corp.example.co.uk", "post.at", "x.io", "sub.dept.uni.edu"),
    *("bücher.example", "example.museum", "a-b.example", "123.example.com", "voorbeeld.nl"),
)
ALPHANUMERIC = string.ascii_letters + string.digits
URL_SAFE = ALPHANUMERIC + "-_"

REGIONS = (
    *("US", "CA", "GB", "IE", "DE", "AT", "CH", "FR", "BE", "NL", "LU", "ES", "PT", "IT", "GR"),
    *("DK", "SE", "NO", "FI", "PL", "CZ", "SK", "HU", "RO", "BG", "HR", "EE", "LV", "LT", "UA"),
    *("TR", "IL", "AE", "SA", "EG", "ZA", "NG", "KE", "IN", "PK", "BD", "CN", "JP", "KR", "TW"),
    *("HK", "SG", "MY", "TH", "VN", "ID", "PH", "AU", "NZ", "BR", "AR", "CL", "CO", "PE", "MX"),
)

# Country -> the account part of its IBAN: n digit, a upper-case letter, c either.
ACCOUNTS = {
    "AT": "n16", "BE": "n12", "BG": "a4n6c8", "CH": "n5c12", "CY": "n8c16", "CZ": "n20",
    "DE": "n18", "DK": "n14", "EE": "n16", "ES": "n20", "FI": "n14", "FR": "n10c11n2",
    "GB": "a4n14", "GR": "n7c16", "HR": "n17", "HU": "n24", "IE": "a4n14", "IT": "a1n10c12",
    "LT": "n16", "LU": "n3c13", "LV": "a4c13", "MT": "a4n5c18", "NL": "a4n10", "NO": "n11",
    "PL": "n24", "PT": "n21", "RO": "a4c16", "SE": "n20", "SI": "n15", "SK": "n20", "TR": "n6c16",
    "AE": "n19", "SA": "n2c18", "IL": "n19", "BR": "n23a1c1",
}  # fmt: skip

# Brand -> (prefixes, length, groups).
CARDS = {
    "visa": (("4",), 16, (4, 4, 4, 4)),
    "mastercard": (("51", "52", "53", "54", "55", "2221", "2400", "2720"), 16, (4, 4, 4, 4)),
    "amex": (("34", "37"), 15, (4, 6, 5)),
    "discover": (("6011", "644", "649", "65"), 16, (4, 4, 4, 4)),
    "jcb": (("3528", "3589", "3550"), 16, (4, 4, 4, 4)),
    "diners": (("300", "305", "36", "38"), 14, (4, 6, 4)),
    "unionpay": (("6221", "6250"), 16, (4, 4, 4, 4)),
}


def some(chance: random.Random, characters: str, count: int) -> str:
    return "".join(chance.choices(characters, k=count))


def email(chance: random.Random) -> str:
    first, last = chance.choice(FIRST), chance.choice(LAST)
    local = chance.choice(
        (
            f"{first}.{last}",
            f"{first[0]}.{last}",
            f"{first}_{last}{chance.randint(1, 99)}",
            f"{first}+{chance.choice(('news', 'shop', 'tag1'))}",
            f"{last}{chance.randint(1950, 2009)}",
            f"{first}-{last}",
            chance.choice(("info", "kontakt", "no-reply", "hr", "a", "x1")),
        )
    )
    address = f"{local}@{chance.choice(HOSTS)}"
    return address.upper() if chance.random() < 0.05 else address


def phone(chance: random.Random) -> tuple[str, bool]:
    """A number that is in use somewhere, and whether its form alone says what it is."""
    number, region = _number(chance)
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    match chance.randrange(9):
        case 0:
            return e164, True
        case 1:
            return international.replace(" ", chance.choice(("-", ".", "\u00a0"))), True
        case 2:
            return "00" + e164[1:], False
        case 3 if region in {"DE", "GB", "AT", "CH", "NL", "SE"} and national.startswith("0"):
            rest = national[1:].replace("(", "").replace(")", "")
            return f"+{number.country_code} (0) {rest}", True
        case 4 if region in {"US", "CA"}:
            digits = str(number.national_number)
            form = chance.choice(("{}-{}-{}", "({}) {}-{}", "+1 ({}) {}-{}", "+1-{}-{}-{}"))
            return form.format(digits[:3], digits[3:6], digits[6:]), True
        case 5 | 6:
            return national, False
        case 7:
            return "".join(filter(str.isdigit, national)), False
        case _:
            return international, True


def _number(chance: random.Random) -> tuple[phonenumbers.PhoneNumber, str]:
    region = chance.choice(REGIONS)
    kind = chance.choice(
        (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    )
    example = phonenumbers.example_number_for_type(region, kind)
    assert example is not None
    digits = str(example.national_number)
    for _ in range(200):
        drawn = phonenumbers.PhoneNumber(
            country_code=example.country_code,
            national_number=int(digits[:-5] + some(chance, string.digits, 5)),
            italian_leading_zero=example.italian_leading_zero,
        )
        if phonenumbers.is_valid_number(drawn):
            return drawn, region
    return example, region


def iban(chance: random.Random) -> str:
    country, form = chance.choice(list(ACCOUNTS.items()))
    account, position = "", 0
    while position < len(form):
        kind, end = form[position], position + 1
        while end < len(form) and form[end].isdigit():
            end += 1
        characters = {"n": string.digits, "a": string.ascii_uppercase}.get(
            kind, string.ascii_uppercase + string.digits
        )
        account += some(chance, characters, int(form[position + 1 : end]))
        position = end
    whole = country + _iban_check(country, account) + account
    groups = [whole[n : n + 4] for n in range(0, len(whole), 4)]
    match chance.randrange(8):
        case 0 | 1:
            return whole
        case 2:
            return whole.lower()
        case 3:
            return "-".join(groups)
        case 4:
            return ".".join(groups)
        case 5:
            return broken(chance, groups, " ")
        case 6:
            return broken(chance, [whole[:9], whole[9:]], "")
        case _:
            return " ".join(groups)


def _iban_check(country: str, account: str) -> str:
    """ISO 7064 mod 97-10."""
    number = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    return f"{98 - int(number) % 97:02}"


def card(chance: random.Random) -> str:
    prefixes, length, groups = chance.choice(list(CARDS.values()))
    prefix = chance.choice(prefixes)
    body = prefix + some(chance, string.digits, length - len(prefix) - 1)
    number = body + luhn_digit(body)
    separator = chance.choice(("", " ", "-", "\u00a0", "."))
    parts, start = [], 0
    for size in groups:
        parts.append(number[start : start + size])
        start += size
    if separator and chance.random() < 0.2:
        return broken(chance, parts, separator)
    return separator.join(parts)


def broken(chance: random.Random, groups: Sequence[str], separator: str) -> str:
    """Groups of one value, between two of which the line ends."""
    at = chance.randrange(1, len(groups))
    end = chance.choice(("\n", "\r\n", " \n", "\n    ", "\n> ", separator + "\n"))
    return separator.join(groups[:at]) + end + separator.join(groups[at:])


def luhn_digit(body: str) -> str:
    """ISO/IEC 7812-1, annex B."""
    doubled = [int(d) * (2 if n % 2 == 0 else 1) for n, d in enumerate(reversed(body))]
    return str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)


def token(chance: random.Random) -> str:
    """A secret that its own form gives away."""
    return chance.choice(_TOKENS)(chance)


def password(chance: random.Random) -> str:
    """A secret that only its surroundings give away."""
    characters = ALPHANUMERIC + "!#$%*+-.=?_~"
    word = some(chance, characters, chance.randint(8, 24))
    return chance.choice((word, f"Winter{chance.randint(10, 99)}!{word[:4]}x", uuid_key(chance)))


def uuid_key(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def jwt(chance: random.Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    header = part({"alg": "HS256", "typ": "JWT"})
    body = part({"sub": str(chance.randint(1, 10**9)), "iat": chance.randint(10**9, 2 * 10**9)})
    return f"{header}.{body}.{some(chance, URL_SAFE, 43)}"


def private_key(chance: random.Random) -> str:
    kind = chance.choice(("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "))
    lines = [some(chance, ALPHANUMERIC + "+/", 64) for _ in range(chance.randint(3, 12))]
    end = chance.choice(("\n", "\\n"))
    marks = [f"-----{word} {kind}PRIVATE " + "KEY-----" for word in ("BEGIN", "END")]
    return end.join((marks[0], *lines, marks[1]))


def database_url(chance: random.Random) -> tuple[str, str, str]:
    """Before the password, the password, after it."""
    scheme = chance.choice(("postgresql", "mysql", "amqps", "redis", "https", "mongodb+srv"))
    user = chance.choice(("app", "admin", "svc_reports", "root", ""))
    secret = some(chance, ALPHANUMERIC + "-_.~!$%", chance.randint(6, 24))
    if scheme == "https" and not user:
        user = "git"
    return f"{scheme}://{user}:", secret, f"@db{chance.randint(1, 9)}.example.net:5432/main"


_HEX = "0123456789abcdef"
_TOKENS: tuple[Callable[[random.Random], str], ...] = (
    lambda c: "AKIA" + some(c, string.ascii_uppercase + "234567", 16),
    lambda c: c.choice(("ghp_", "gho_", "ghs_")) + some(c, ALPHANUMERIC, 36),
    lambda c: "github_pat_" + some(c, ALPHANUMERIC, 22) + "_" + some(c, ALPHANUMERIC, 59),
    lambda c: "glpat-" + some(c, URL_SAFE, 20),
    lambda c: f"xoxb-{some(c, string.digits, 12)}-{some(c, ALPHANUMERIC, 24)}",
    lambda c: c.choice(("sk_live_", "rk_live_", "sk_test_")) + some(c, ALPHANUMERIC, 24),
    lambda c: "AIza" + some(c, URL_SAFE, 35),
    lambda c: "sk-" + some(c, ALPHANUMERIC, 48),
    lambda c: "sk-proj-" + some(c, URL_SAFE, 64),
    lambda c: "sk-ant-api03-" + some(c, URL_SAFE, 80),
    lambda c: f"SG.{some(c, URL_SAFE, 22)}.{some(c, URL_SAFE, 43)}",
    lambda c: "npm_" + some(c, ALPHANUMERIC, 36),
    lambda c: "pypi-AgEIcHlwaS5vcmc" + some(c, URL_SAFE, 60),
    lambda c: "hf_" + some(c, string.ascii_letters, 34),
    lambda c: "dop_v1_" + some(c, _HEX, 64),
    lambda c: f"{some(c, '123456789', 10)}:AA{some(c, URL_SAFE, 33)}",
    lambda c: "shpat_" + some(c, _HEX, 32),
    lambda c: "hvs." + some(c, URL_SAFE, 90),
    jwt,
    jwt,
    private_key,
)
