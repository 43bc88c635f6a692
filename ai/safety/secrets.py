"""Keys, tokens, passwords: by the forms of those who issue them, or by what stands before. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from ai.safety.findings import Finding, Kind

_ISSUED = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255}"
    r"|gl(?:pat|ptt|dt|rt|soat|cbt)-[\w-]{20,128}"
    r"|xox[abeoprs]-[\w-]{10,250}|xapp-[\w-]{20,250}"
    r"|(?:sk|rk|pk)_(?:live|test)_\w{20,128}|whsec_[\w+/=]{20,128}"
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,512}"
    r"|sk-(?=[\w-]{0,64}\d)[\w-]{20,250}"
    r"|SG\.[\w-]{16,32}\.[\w-]{32,64}"
    r"|npm_\w{36}|pypi-[\w-]{50,250}|hf_[A-Za-z0-9]{30,64}"
    r"|do[opr]_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"
    r"|hv[bsr]\.[\w-]{20,300}|EAAC[\w]{30,255}|key-[0-9a-f]{32}"
    r"|\d{8,10}:AA[\w-]{33}"
    r"|eyJ[\w-]{5,4096}\.eyJ[\w-]{5,8192}(?:\.[\w-]{1,8192}){1,4}"
    r")",
    re.ASCII,
)
_KEY_BEGINS = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY-----")
_KEY_ENDS = re.compile(r"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY-----")
_KEY_LINES = re.compile(r"(?:\s|\\[nr]|[A-Za-z0-9+/=]{16,256}+)*+")
_LONGEST_KEY = 20_000
_URL_PASSWORD = re.compile(r"://[^\s/?#:@\"'<>]{0,128}+:([^\s/@\"'<>]{1,256}+)@")
_AUTHORIZATION = re.compile(
    r"\b(?:bearer|basic|token)[ \t]{1,3}((?=[^\s\"']{0,64}\d)[\w.~+/=-]{16,4096})",
    re.ASCII | re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?P<name>pass(?:word|wd|phrase|wort|code)|passwd|pwd|kennwort|mot de passe|contrase[ñn]a"
    r"|senha|wachtwoord|hasło|пароль|密码|パスワード"
    r"|(?:api|access|auth|private|secret|account|encryption|signing|shared)[ _-]?key"
    r"|client[ _-]?secret"
    r"|(?:access|auth|refresh|bearer|api|id)[ _-]?token|secret|token|credentials?)"
    r"(?:[_-]?(?:access[_-]?key|key|value|text))?"
    r"(?:"
    r"[\"'`]?[ \t]{0,3}(?P<sign>:=|=>|[:=：])[ \t]{0,3}"  # noqa: RUF001 - Chinese writes it so
    r"|(?P<verb>[ \t](?:is|ist|lautet|est|es|è|:)[ \t]{1,3})"
    r"|(?P<option>[ \t]{1,3})(?=[^\s-])"
    r")"
    r"(?P<quote>[\"'`]?)(?P<value>[^\s\"'`,;<>&|)}\]]{6,512})",
    re.IGNORECASE,
)
# Prose has no digits beside letters, no capitals within words, and few signs.
_ODD = re.compile(r"\A(?=\D*+\d)(?=\d*+\D)|[a-z][A-Z]|[A-Z]{2}[a-z]|[#$%*+=?_~!^\\](?=.)|\.\w")
_NO_VALUE = re.compile(
    r"\$\{|\$[A-Za-z_]++\Z|\{|<|\[|%\(|%[sd]\Z|\*{3}|x{3}|\.{3}|your|example|changeme|required|optional"
    r"|none|null|undefined|false|true|empty|missing|invalid|forgot|string|expired|env\.|os\.|process\.",
    re.IGNORECASE,
)


def secrets(text: str, own: Iterable[str] = ()) -> Iterator[Finding]:
    """Secrets of every kind.

    Args:
        own: values that are secrets wherever they stand.
    """
    for found in _ISSUED.finditer(text):
        yield _finding(found.start(), found.end())
    yield from _private_keys(text)
    for pattern in (_URL_PASSWORD, _AUTHORIZATION):
        for found in pattern.finditer(text):
            yield _finding(found.start(1), found.end(1))
    for found in _NAMED.finditer(text):
        if _is_value(text, found):
            yield _finding(*found.span("value"))
    yield from exactly(text, own)


def exactly(text: str, values: Iterable[str]) -> Iterator[Finding]:
    """Where these values stand."""
    for value in values:
        start = text.find(value)
        while start >= 0:
            yield _finding(start, start + len(value))
            start = text.find(value, start + len(value))


def issued(text: str) -> Iterator[Finding]:
    """Tokens and keys whose own form gives them away."""
    for found in _ISSUED.finditer(text):
        yield _finding(found.start(), found.end())
    yield from _private_keys(text)


def _private_keys(text: str) -> Iterator[Finding]:
    """Each mark is looked at once, so that a text full of beginnings costs no more than another."""
    ends = [mark.end() for mark in _KEY_ENDS.finditer(text)]
    position = 0
    for begins in _KEY_BEGINS.finditer(text):
        if begins.start() < position:
            continue
        at = bisect_right(ends, begins.end())
        if at < len(ends) and ends[at] - begins.start() <= _LONGEST_KEY:
            position = ends[at]
        else:
            lines = _KEY_LINES.match(text, begins.end())
            position = lines.end() if lines else begins.end()
        yield _finding(begins.start(), position)


def _is_value(text: str, found: re.Match[str]) -> bool:
    value = found["value"]
    if _NO_VALUE.match(value):
        return False
    odd = _ODD.search(value) is not None
    if found["option"] is not None:
        return odd and text[max(found.start() - 2, 0) : found.start()].endswith("-")
    if found["verb"] is not None:
        return odd and len(value) >= 8
    if odd:
        return True
    weak = found["name"].lower() in {"token", "secret", "credential", "credentials"}
    plain = found["sign"] in (":", "：") and not found["quote"]  # noqa: RUF001
    return not weak and not plain


def _finding(start: int, end: int) -> Finding:
    return Finding(Kind.SECRET, start, end)
