"""The badge of a verdict: the data for shields.io, and the picture itself."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from conformance.reports.reading import (
    INTERRUPTED,
    Document,
    ended,
    grade,
    is_partial,
    kept_text,
    nothing_pushed,
    profile,
    stale,
    unjudged,
)

_COLOURS = {
    "kept": ("brightgreen", "#2a7d2e"),
    "warned": ("green", "#5a7a12"),
    "known": ("yellow", "#946200"),
    "violated": ("red", "#b62324"),
    "stale": ("orange", "#a34100"),
    "undecided": ("lightgrey", "#666666"),
    "incomplete": ("lightgrey", "#666666"),
    "unjudged": ("lightgrey", "#666666"),
}
"""The colours by grade: the name at shields.io, and our own, dark enough for white letters."""

_NARROW, _WIDE = "ijl.,:;'|!()[] ftr-1I", "mwMW@%"
_PADDING = 8


def badge_json(document: Document) -> dict[str, Any]:
    """Make the badge for shields.io (https://shields.io/badges/endpoint-badge)."""
    label, message, (colour, _) = _parts(document)
    return {"schemaVersion": 1, "label": label, "message": message, "color": colour}


def badge_svg(document: Document) -> str:
    """Make the badge as a self-contained picture."""
    label, message, (_, colour) = _parts(document)
    left, right = _width(label), _width(message)
    title = escape(f"{label}: {message}", {'"': "&quot;"})
    size = f'width="{left + right}" height="20"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{title}">
<title>{title}</title>
<clipPath id="round"><rect {size} rx="3"/></clipPath>
<g clip-path="url(#round)">
<rect width="{left}" height="20" fill="#444"/><rect x="{left}" width="{right}" height="20" fill="{colour}"/>
</g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">
{_text(label, _PADDING, left)}
{_text(message, left + _PADDING, right)}
</g>
</svg>
"""


def _parts(document: Document) -> tuple[str, str, tuple[str, str]]:
    """Return label, message and colours."""
    label, found, doubt = f"{profile(document)} conformance", grade(document), _doubt(document)
    if doubt and found != "violated":
        return label, doubt, _COLOURS["unjudged"]
    trouble = [(len(unjudged(document)), "not judged"), (len(stale(document)), "stale")]
    words = [kept_text(document), *(f"{count} {word}" for count, word in trouble if count), doubt]
    return label, ", ".join(filter(None, words)), _COLOURS[found]


def _doubt(document: Document) -> str:
    """Return the reason why a run judged too little for praise; empty if it judged enough."""
    if why := ended(document):
        return INTERRUPTED if why == INTERRUPTED else "not judged"
    if is_partial(document):
        return "partial run"
    return "pull only" if nothing_pushed(document) else ""


def _text(text: str, x: int, width: int) -> str:
    # The length is fixed: fonts differ from one machine to the next.
    return f'<text x="{x}" y="14" textLength="{width - 2 * _PADDING}">{escape(text)}</text>'


def _width(text: str) -> int:
    """Estimate the width of a text in pixels, with the space around it."""
    letters = sum(4.0 if letter in _NARROW else 10.0 if letter in _WIDE else 6.7 for letter in text)
    return round(letters) + 2 * _PADDING
