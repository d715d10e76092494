"""The passive checks, which judge every exchange of every scenario.

Each is a generator of findings; it yields nothing when the exchange gives it nothing to judge. A finding goes to its
own requirement and never ends the scenario.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from conformance.checks.finding import Finding, Findings
from conformance.checks.passive_answers import (
    error_body,
    link,
    location,
    no_server_error,
    refusals_say_more,
    retry_after,
    warnings,
)
from conformance.checks.passive_content import (
    content_that_was_asked,
    digest_matches_body,
    digest_of_what_was_asked,
    head_like_get,
    length_matches_body,
    manifest_type,
    part_of_blob,
    range_of_upload,
)
from conformance.checks.verdict import Case
from conformance.client.exchange import Exchange
from conformance.client.reading import is_of_registry, kind_of, next_link

__all__ = ["PASSIVE", "error_body", "is_of_registry", "kind_of", "next_link", "warnings", "watch"]

OWN_CODES = {"GHC-10": "REQUESTED_RANGE_NOT_SATISFIABLE"}
"""Error codes beyond the table that a requirement asks for; its scenarios accept them."""

PASSIVE: tuple[Callable[[Exchange], Findings], ...] = (
    digest_matches_body,
    digest_of_what_was_asked,
    content_that_was_asked,
    length_matches_body,
    part_of_blob,
    range_of_upload,
    manifest_type,
    no_server_error,
    refusals_say_more,
    error_body,
    retry_after,
    warnings,
    link,
    location,
)


def watch(case: Case, exchange: Exchange) -> None:
    """Run every passive check on an exchange with the registry and note the findings."""
    if not is_of_registry(exchange):
        return
    own = {OWN_CODES[key] for key in case.bound if key in OWN_CODES}
    for name, finding in _found(case, exchange):
        if finding.requirement == "OCI-R106" and finding.got in own:
            continue
        case.observe(
            name, finding.requirement, finding.ok, expected=finding.expected, got=finding.got, exchange=exchange
        )


def _found(case: Case, exchange: Exchange) -> Iterator[tuple[str, Finding]]:
    """Yield every finding with the name of its check."""
    for check in PASSIVE:
        for finding in check(exchange):
            yield check.__name__.replace("_", " "), finding
    for finding in head_like_get(exchange, case.reads):
        yield "head like get", finding
