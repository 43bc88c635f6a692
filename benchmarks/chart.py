"""The steps a second of W1 and W2 as a picture for the README: bars, written as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_WIDTH, _LEFT, _RIGHT = 760, 190, 90
_BAR, _GAP, _GROUP, _TOP = 22, 6, 44, 58
_COLOURS = {"platform": "#2563eb", "raw Celery": "#94a3b8"}
_OTHER = "#cbd5e1"

Group = tuple[str, Sequence[tuple[str, float]]]


def draw(title: str, groups: Sequence[Group]) -> str:
    """The picture of (heading, [(name, steps a second)]) groups."""
    most = max(value for _, bars in groups for _, value in bars)
    parts: list[str] = []
    y = _TOP
    for heading, bars in groups:
        parts.append(_text(16, y + 14, heading, weight="600"))
        y += _BAR + _GAP
        for name, value in bars:
            length = max(1, (_WIDTH - _LEFT - _RIGHT) * value / most)
            colour = _COLOURS.get(name, _OTHER)
            parts.append(_text(_LEFT - 10, y + 16, name, anchor="end"))
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="3" '
                f'fill="{colour}"/>'
            )
            parts.append(_text(_LEFT + length + 8, y + 16, f"{value:,.0f}"))
            y += _BAR + _GAP
        y += _GROUP - _BAR
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" '
        f'height="{y}" role="img" aria-label="{escape(title, quote=True)}" '
        'font-family="system-ui, sans-serif" font-size="14">\n'
        f'<rect width="{_WIDTH}" height="{y}" rx="8" fill="#ffffff"/>\n'
        f"{_text(16, 30, title, weight='600', size=16)}\n{body}\n</svg>\n"
    )


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", weight: str = "400", size: int = 14
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" '
        f'font-size="{size}" fill="#1f2937">{escape(text)}</text>'
    )
