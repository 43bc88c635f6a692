"""Secrets in requests: filled in last, for their hosts only, and taken out of what comes back."""

from __future__ import annotations

import base64
import html
import json
import pickle
import re
import textwrap
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import InvalidInput, Problem
from core.http.errors import HttpError, RedirectRefused, Rejected, RequestRefused, UrlRefused
from core.http.hosts import parse_host
from core.http.redaction import REDACTED, Redactor
from core.http.secrets import (
    Secret,
    SecretName,
    SecretRefused,
    SecretText,
    UnknownSecret,
)
from core.http.targets import parse_target
from tests.core.http.conftest import Ask, Names
from tests.support.web import Received, Web, echo, page, redirect, serving

VALUE = 'k3y/+="quoted"&<é>'
ASCII = "t0ken/+=&<'x'>~canary"


def written_forms(value: str) -> set[str]:
    """Some ways to write a value."""
    raw = value.encode()
    found = {value, quote(value), quote(value, safe=""), quote(value, safe="").lower(), raw.hex()}
    found |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    found |= {html.escape(value), html.escape(value, quote=False), repr(value)[1:-1]}
    found |= {value.replace("&", "&amp;").replace("<", "&lt;"), value.replace('"', '""')}
    found |= {"".join(f"&#{ord(c)};" if not c.isalnum() else c for c in value)}
    found |= {quote(quote(value, safe=""), safe=""), value.replace("/", "\\/"), quote_plus(value)}
    return found | {base64.b64encode(raw).decode(), base64.b16encode(raw).decode()}


def named(*parts: str) -> SecretText:
    """Parts that start with $ are names of secrets."""
    return SecretText(SecretName(part[1:]) if part[0] == "$" else part for part in parts)


def lookup(value: str = ASCII, *hosts: str) -> Any:
    """Knows one secret, `token`."""
    secret = Secret(
        name="token",
        value=value,
        hosts=tuple(parse_host(host) for host in hosts or ("http://127.0.0.1:*",)),
    )

    def find(name: str) -> Secret:
        if name != "token":
            raise UnknownSecret(f"There is no secret '{name}'.")
        return secret

    return find


def test_a_secret_text_looks_like_its_name() -> None:
    text = named("Bearer ", "$token")
    assert text == "Bearer ${secrets.token}"
    assert json.dumps({"a": text}) == '{"a": "Bearer ${secrets.token}"}'
    assert repr(text) == "'Bearer ${secrets.token}'"
    copied = pickle.loads(pickle.dumps(text))  # noqa: S301
    assert type(copied) is str
    assert ASCII not in repr(lookup()("token"))


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"Authorization": named("Bearer ", "$token")}},
        {"method": "POST", "form": "json", "body": {"a": [{named("$token"): named("$token")}]}},
        {"method": "POST", "form": "form", "body": {"key": named("$token")}},
        {"method": "POST", "form": "text", "body": named("<", "$token", ">")},
    ],
)
def test_filled_in_and_taken_out(ask: Ask, web: Web, fields: dict[str, Any]) -> None:
    web.pages["/"] = echo
    answer = ask(web.url(), secrets=lookup(), **fields)
    raw = web.received[0].raw + web.received[0].body
    assert any(form.encode() in raw for form in written_forms(ASCII))
    assert ASCII not in json.dumps(answer.json())
    assert REDACTED in json.dumps(answer.json())
    assert not any(form in answer.text() for form in written_forms(ASCII))


def test_in_a_url(ask: Ask, web: Web) -> None:
    web.pages["/"] = echo
    url = SecretText([web.url("/?key="), SecretName("token"), "&x=1"])
    said = ask(url, secrets=lookup()).json()
    assert web.received[0].path == f"/?key={quote(ASCII, safe='')}&x=1"
    assert said["path"] == f"/?key={REDACTED}&x=1"


@pytest.mark.parametrize(
    "parts", [("http://", "$token", "/"), ("http://127.0.0.1:", "$token", "/"), ("$token",)]
)
def test_a_secret_is_no_host(ask: Ask, parts: tuple[str, ...]) -> None:
    with pytest.raises(UrlRefused):
        ask(named(*parts), secrets=lookup("80/evil.example"))


def test_data_cannot_name_a_secret(ask: Ask, web: Web) -> None:
    web.pages["/"] = echo
    said = ask(web.url(), headers={"X-A": "${secrets.token}"}, secrets=lookup()).json()
    assert said["headers"]["x-a"] == "${secrets.token}"


@pytest.mark.parametrize(
    ("hosts", "url", "goes"),
    [
        (["api.example"], "https://api.example/", True),
        (["api.example"], "http://api.example/", False),
        (["http://api.example"], "http://api.example/", True),
        (["http://api.example"], "https://api.example/", False),
        (["https://api.example"], "https://api.example/", True),
        (["api.example"], "https://evil.example/", False),
        (["api.example"], "https://api.example.evil.example/", False),
        (["api.example"], "https://sub.api.example/", False),
        (["*.api.example"], "https://sub.api.example/", True),
        (["api.example"], "https://api.example:8443/", False),
        (["api.example:8443"], "https://api.example:8443/", True),
        (["a.example", "b.example"], "https://b.example/", True),
        ([], "https://api.example/", False),
    ],
)
def test_where_a_secret_may_go(hosts: list[str], url: str, goes: bool) -> None:
    secret = Secret(name="a", value=VALUE, hosts=tuple(map(parse_host, hosts)))
    assert secret.goes_to(parse_target(url)) is goes


def test_refused_before_anything_is_sent(ask: Ask, web: Web) -> None:
    headers = {"X-A": named("$token")}
    with pytest.raises(SecretRefused) as raised:
        ask(web.url(), headers=headers, secrets=lookup(ASCII, "api.example"))
    assert raised.value.permanent
    with pytest.raises(UnknownSecret, match="'token'"):
        ask(web.url(), headers=headers)
    with pytest.raises(UnknownSecret, match="'other'"):
        ask(web.url(), headers={"X-A": named("$other")}, secrets=lookup())
    assert web.connections == 0


def test_a_value_that_is_no_header(ask: Ask, web: Web) -> None:
    for value in ("line\nbreaks", "umlaut-é-x", "\x00" * 8):
        with pytest.raises(RequestRefused) as raised:
            ask(web.url(), headers={"X-A": named("$token")}, secrets=lookup(value))
        assert value not in str(raised.value)
    assert web.connections == 0


def test_no_secret_behind_a_redirect_to_another_host(ask: Ask, names: Names, web: Web) -> None:
    with serving() as other:
        web.pages["/"] = redirect(other.url())
        other.pages["/"] = echo
        answer = ask(web.url(), headers={"X-Key": named("$token")}, secrets=lookup())
        assert ASCII.encode() not in other.received[0].raw
        assert "x-key" not in answer.json()["headers"]

        web.pages["/"] = redirect(other.url(f"/?key={quote(ASCII, safe='')}"))
        with pytest.raises(RedirectRefused):
            ask(web.url(), headers={"X-Key": named("$token")}, secrets=lookup())
        assert other.connections == 1


def test_out_of_headers_statuses_and_errors(ask: Ask, web: Web) -> None:
    encoded = base64.b64encode(f"user:{ASCII}".encode()).decode()
    web.pages["/"] = page(
        f"bad key {ASCII} {quote(ASCII)} {encoded}".encode(), status=401, X_Key=ASCII
    )
    answer = ask(web.url(), headers={"X-Key": named("$token")}, secrets=lookup())
    assert answer.headers["x-key"] == REDACTED
    with pytest.raises(Rejected) as raised:
        answer.raise_for_status()
    assert "bad key" in raised.value.message
    assert not any(form in raised.value.message for form in written_forms(ASCII))

    web.pages["/"] = page(b'{"' + ASCII.encode() + b'": NaN}')
    with pytest.raises(HttpError) as bad:
        ask(web.url(), headers={"X-Key": named("$token")}, secrets=lookup()).json()
    assert ASCII[:8] not in str(bad.value) + str(bad.value.problems)
    with pytest.raises(HttpError) as bad:
        ask(web.url()).json()
    assert "NaN" in bad.value.message
    assert bad.value.problems


def test_out_of_protocol_errors(ask: Ask, web: Web) -> None:
    def broken(received: Received, connection: Any) -> None:
        connection.sendall(received.headers["x-key"].encode() + b"\r\n\r\n")

    web.pages["/"] = broken
    with pytest.raises(HttpError) as raised:
        ask(web.url(), headers={"X-Key": named("$token")}, secrets=lookup())
    assert ASCII not in str(raised.value)


@pytest.mark.parametrize(
    "value", [VALUE, ASCII, "12345678", "a" * 8, "пароль-пароль", "x\ny\tz\\w'v"]
)
@pytest.mark.parametrize(
    "written",
    [
        lambda v: v,
        lambda v: f"before{v}after",
        lambda v: "".join(f"%{byte:02X}" for byte in v.encode()),
        lambda v: "".join(f"%25{byte:02x}" for byte in v.encode()),
        lambda v: "".join(f"&#{ord(letter)};" for letter in v),
        lambda v: "".join(f"&#x{ord(letter):X};" for letter in v),
        lambda v: "".join(f"\\x{byte:02x}" for byte in v.encode()),
        lambda v: quote(v),
        lambda v: quote(v, safe="").lower(),
        lambda v: json.dumps(v),
        lambda v: json.dumps({"a": v}, ensure_ascii=False),
        lambda v: base64.b64encode(v.encode()).decode(),
        lambda v: base64.urlsafe_b64encode(f"user:{v}".encode()).decode(),
        lambda v: base64.b64encode(f"ab{v}cd".encode()).decode(),
        lambda v: base64.b64encode(f"abc{v}".encode()).decode(),
        lambda v: v.encode().hex(),
    ],
)
def test_redacted_in_every_form(value: str, written: Any) -> None:
    redacted = Redactor([value]).text(written(value))
    assert REDACTED in redacted
    assert not any(form in redacted for form in written_forms(value))


@pytest.mark.parametrize("value", [VALUE, ASCII, "x\ny\tz\\w'v", "a b c d e", "\U0001f600 smiles"])
def test_every_form_is_taken_out(value: str) -> None:
    for form in written_forms(value):
        assert Redactor([value]).text(form).rstrip("=") == REDACTED, form


def occurrences(value: bytes, text: bytes) -> list[int]:
    return [n for n in range(len(text)) if text.startswith(value, n)]


@given(
    value=st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=60),
    before=st.binary(max_size=30),
    after=st.binary(max_size=30),
    alphabet=st.sampled_from([b"+/", b"-_"]),
    width=st.sampled_from([0, 4, 64, 76]),
    padded=st.booleans(),
)
@example(value="a" * 8, before=b"q", after=b"a", alphabet=b"+/", width=0, padded=True)
@example(value="12345678", before=b"user:", after=b"!", alphabet=b"+/", width=0, padded=True)
def test_no_bit_of_a_value_is_left_in_base64(
    value: str, before: bytes, after: bytes, alphabet: bytes, width: int, padded: bool
) -> None:
    raw = value.encode()
    whole = before + raw + after
    line = base64.b64encode(whole, altchars=alphabet).decode()
    line = line if padded else line.rstrip("=")
    redacted = Redactor([value]).text("\n".join(textwrap.wrap(line, width)) if width else line)
    assert REDACTED in redacted
    pieces = ["".join(piece.split()) for piece in redacted.split(REDACTED)]
    # Where the value overlaps itself, one of the places is taken out.
    first, last = 6 * len(pieces[0]), 6 * len(pieces[-1].rstrip("="))
    assert any(
        first <= 8 * place and last <= 6 * len(line.rstrip("=")) - 8 * (place + len(raw))
        for place in occurrences(raw, whole)
    )


VALUES = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('\\"/\n\r\tnru0é')),
    min_size=8,
    max_size=60,
)
PEM = "\n".join(["-----BEGIN {0}-----", "ab+/Cd9fgh" * 6, "-----END {0}-----", ""]).format(
    "PRIVATE KEY"
)


@hypothesis_settings(deadline=None)
@given(
    value=VALUES,
    before=st.sampled_from(["", "key ", '"', "\n"]),
    levels=st.lists(st.booleans(), min_size=1, max_size=3),
)
@example(value=PEM, before="", levels=[True, True, True])
@example(value='\\\\"\\\n\\u00e9é"', before='"', levels=[True, False, True])
def test_json_within_json(value: str, before: str, levels: list[bool]) -> None:
    written = before + value
    for ascii_only in levels:
        written = json.dumps(written, ensure_ascii=ascii_only)
    redacted = Redactor([value]).text(written)
    assert REDACTED in redacted
    assert set(redacted.replace(REDACTED, "")) <= set('\\"ney k')


@hypothesis_settings(deadline=None)
@given(value=VALUES, upper=st.booleans(), levels=st.integers(0, 2))
@example(value=PEM, upper=True, levels=0)
def test_every_character_escaped(value: str, upper: bool, levels: int) -> None:
    units = value.encode("utf-16-be").hex("-", 2).split("-")
    written = "".join(rf"\u{unit.upper() if upper else unit}" for unit in units)
    for _ in range(levels):
        written = json.dumps(written)
    redacted = Redactor([value]).text(f"a{written}b")
    assert re.sub(r'[\\"]', "", redacted) == f"a{REDACTED}b"


@hypothesis_settings(deadline=None)
@given(value=VALUES, times=st.integers(1, 3), levels=st.integers(0, 3))
@example(value=PEM, times=3, levels=0)
@example(value=PEM, times=3, levels=1)
@example(value="token-of-16-byte", times=3, levels=0)
def test_base64_in_lines_and_again(value: str, times: int, levels: int) -> None:
    """Two values side by side share a character of base64."""
    written = base64.encodebytes((value * times).encode()).decode()
    for _ in range(levels):
        written = json.dumps(written)
    redacted = Redactor([value]).text(written)
    assert REDACTED in redacted
    left = re.sub(r'\\+n|[\s"\\=]', "", redacted.replace(REDACTED, ""))
    assert 6 * len(left) < 8 * len(value.encode())
    assert value not in (PEM, "token-of-16-byte") or not left


@pytest.mark.timeout(60)
def test_no_text_takes_long() -> None:
    redactor = Redactor([PEM, '\\\\"""\\\\\n\n\n', '"quoted" \\\\\\'])
    for text in ("\\", '\\"', "\\n", "\\u005c", "-----BEGIN ", "ab+/Cd9fgh", "%250a", "A\n", "%5C"):
        assert redactor.text(text * (1_000_000 // len(text))).count(REDACTED) >= 0


@pytest.mark.timeout(60)
def test_long_secrets_and_texts_take_no_time() -> None:
    value = "-----BEGIN KEY-----\n" + "ab+/cdefgh" * 990
    redactor = Redactor([value])
    text = "-----BEGIN KEY----- and ab+/cdefgh" * 50_000 + value
    assert value not in redactor.text(text)


def test_redacted_values_and_errors() -> None:
    redactor = Redactor(["12345678", "longer-12345678"])
    assert redactor.value({"a-12345678": [1, 12345678, 0.5, None, True, "12345678"]}) == {
        f"a-{REDACTED}": [1, REDACTED, 0.5, None, True, REDACTED]
    }
    assert redactor.text("longer-12345678") == REDACTED
    error = redactor.error(InvalidInput("a 12345678", problems=[Problem("12345678", "12345678")]))
    assert (type(error), error.message) == (InvalidInput, f"a {REDACTED}")
    assert error.problems == (Problem(REDACTED, REDACTED),)
    assert Redactor([]).value({"a": 1}) == {"a": 1}
