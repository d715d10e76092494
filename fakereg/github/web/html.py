"""Render templates. Texts are escaped, and the content security policy forbids to load or run anything."""

from __future__ import annotations

import base64
import functools
import hashlib
from typing import TYPE_CHECKING, Any

from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Response

from fakereg.spec.errors import RegistryError

if TYPE_CHECKING:
    from jinja2 import Environment


def page(template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a page; it depends on the caller, so caches must not store it."""
    text = _environment().get_template(template).render(values)
    headers = {
        "Content-Security-Policy": f"default-src 'none'; style-src '{_style_hash()}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Vary": "Authorization",
    }
    return Response(text, status, headers=headers, content_type="text/html; charset=utf-8")


def refusal(problem: RegistryError) -> Response:
    """Return the page of an error."""
    heading = f"{problem.status} {HTTP_STATUS_CODES.get(problem.status, '')}"
    return page("error.html", status=problem.status, heading=heading, message=problem.message, trail=[])


@functools.cache
def _environment() -> Environment:
    """Load the templates at the first page: importing jinja2 takes longer than starting a registry in a test."""
    import jinja2

    loader = jinja2.PackageLoader("fakereg.github.web")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["human"] = human_size
    style, _, _ = loader.get_source(environment, "style.css")
    environment.globals["style"] = style
    return environment


def _style_hash() -> str:
    """Return the hash that allows the one inline style (Content Security Policy, section 2.3.1)."""
    style = str(_environment().globals["style"]).encode()
    return f"sha256-{base64.b64encode(hashlib.sha256(style).digest()).decode()}"


def human_size(size: int) -> str:
    """Return a size in the largest unit that gives at least 1, with one decimal."""
    amount, units = float(size), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{size} bytes" if size < 1024 else f"{amount:.1f} {units[0]}"
