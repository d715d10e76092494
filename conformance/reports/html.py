"""Self-contained pages: templates with all texts escaped, and a policy that lets a browser load nothing."""

from __future__ import annotations

import base64
import functools
import hashlib
from typing import TYPE_CHECKING, Any

from conformance.output.terminal import visible
from conformance.reports.reading import NOTHING, is_optional, mark_of

if TYPE_CHECKING:
    from jinja2 import Environment


REQUIREMENT_WORDS = {
    "fail": "violated",
    "warn": "warning",
    "known": "known failure",
    "pass": "kept",
    "unsupported": "unsupported",
    "untested": "not judged",
    "unclaimed": "not claimed",
    "not applicable": "not applicable",
}
"""The outcomes of requirements in pages."""

SCENARIO_WORDS = {
    "fail": "failed",
    "error": "not judged",
    "warn": "warned",
    "known": "known failure",
    "pass": "passed",
    "unsupported": "unsupported",
    "skipped": "skipped",
    "not applicable": "not applicable",
}
"""The outcomes of scenarios in pages."""


def page(template: str, **values: Any) -> str:
    """Render a page from one of our templates."""
    return _environment().get_template(template).render(values)


@functools.cache
def _environment() -> Environment:
    """Make the environment with the first page, since jinja2 takes long to import."""
    import jinja2

    loader = jinja2.PackageLoader("conformance.reports")
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    style, script = (loader.get_source(environment, name)[0] for name in ("report.css", "report.js"))
    environment.globals.update(
        style=style,
        script=script,
        policy=_policy(style, script),
        words={"requirement": {**REQUIREMENT_WORDS, NOTHING: "not in this run"}, "scenario": SCENARIO_WORDS},
        is_optional=is_optional,
        mark_of=mark_of,
    )
    return environment


def _finalize(value: Any) -> Any:
    return visible(value) if type(value) is str else value


def _policy(style: str, script: str) -> str:
    """Return the content security policy: our style and our script by their hashes, and nothing else."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
