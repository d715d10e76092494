"""The checks of scenarios. Each judges one requirement, and reports the expected and the actual value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from conformance.checks.passive import error_body
from conformance.checks.verdict import Case
from conformance.client.client import Client, location_of
from conformance.client.content import ALGORITHMS, digest_of
from conformance.client.exchange import Exchange, difference, summarize
from conformance.client.reading import first_error
from conformance.client.steps import Unprepared
from conformance.client.transport import TransportError

UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


class Checks:
    """The checks of one scenario."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def that(
        self, requirement: str, ok: bool, *, expected: str, got: object, exchange: Exchange, grade: str | None = None
    ) -> bool:
        """Judge a condition that has no check of its own."""
        return self._case.judge(requirement, ok, expected=expected, got=got, exchange=exchange, grade=grade)

    def status(self, requirement: str, exchange: Exchange, *allowed: int, grade: str | None = None) -> bool:
        """Check that the status is one of those allowed."""
        expected = f"status {' or '.join(map(str, allowed))}"
        return self.that(
            requirement,
            exchange.status in allowed,
            expected=expected,
            got=f"status {exchange.status}",
            exchange=exchange,
            grade=grade,
        )

    def refused(self, requirement: str, exchange: Exchange) -> bool:
        """Check that the request was refused; a passive check judges server errors."""
        ok = exchange.status >= 400
        return self.that(requirement, ok, expected="a status 4xx", got=f"status {exchange.status}", exchange=exchange)

    def each(
        self,
        requirement: str,
        cases: Sequence[tuple[str, Exchange, bool]],
        *,
        expected: str,
        grade: str | None = None,
    ) -> bool:
        """Check that every case, `(what, exchange, ok)`, is ok; name all that are not, and show the first."""
        if not cases:
            raise Unprepared(f"nothing is there of which to check that it has {expected}")
        wrong = [(what, exchange) for what, exchange, ok in cases if not ok]
        shown = wrong[0][1] if wrong else cases[0][1]
        got = ", ".join(f"{what}: status {exchange.status}{_content(exchange)}" for what, exchange in wrong)
        return self.that(requirement, not wrong, expected=expected, got=got, exchange=shown, grade=grade)

    def header(self, requirement: str, exchange: Exchange, name: str, expected: str | None = None) -> str:
        """Check that a header is present, with the expected value if given; return its value, empty if absent."""
        value = exchange.header(name)
        ok = bool(value) if expected is None else value == expected
        wanted = f"a header {name}" if expected is None else f"{name}: {expected}"
        self.that(requirement, ok, expected=wanted, got=value or f"no {name}", exchange=exchange)
        return value or ""

    def no_header(self, requirement: str, exchange: Exchange, name: str) -> None:
        """Check that a header is absent."""
        value = exchange.header(name)
        self.that(requirement, value is None, expected=f"no header {name}", got=value or "", exchange=exchange)

    def location(self, requirement: str, exchange: Exchange) -> str:
        """Check that a Location leads to a server; return it as an absolute URL, empty if it does not."""
        value, url = self.header(requirement, exchange, "Location"), location_of(exchange)
        self.that(requirement, url is not None, expected="a Location that is a URL", got=value, exchange=exchange)
        return url or ""

    def body(self, requirement: str, exchange: Exchange, expected: bytes) -> None:
        """Check that the body is exactly the expected bytes."""
        ok = exchange.content == expected
        got = difference(expected, exchange.content)
        self.that(requirement, ok, expected=summarize(expected), got=got, exchange=exchange)

    def pullable(self, requirement: str, exchange: Exchange, expected: bytes) -> None:
        """Check that the answer at an earlier Location is the pushed content."""
        ok = exchange.status == 200 and exchange.content == expected
        got = f"status {exchange.status} with {difference(expected, exchange.content)}"
        wanted = f"the Location to give status 200 with {summarize(expected)}"
        self.that(requirement, ok, expected=wanted, got=got, exchange=exchange)

    def digest_header(self, requirement: str, exchange: Exchange, content: bytes) -> None:
        """Check that Docker-Content-Digest is a digest of the content, in any known algorithm."""
        value = self.header(requirement, exchange, "Docker-Content-Digest")
        algorithm = value.partition(":")[0]
        if algorithm in ALGORITHMS:
            actual = digest_of(content, algorithm)
            self.that(requirement, value == actual, expected=actual, got=value, exchange=exchange)

    def unique_session(self, requirement: str, first: Exchange, second: Exchange) -> None:
        """Check that two sessions have different Locations; a UUID in each is only a SHOULD."""
        here, there = location_of(first) or "", location_of(second) or ""
        self.that(requirement, here != there, expected="a Location of its own", got=there, exchange=second)
        ok = UUID.search(here) is not None
        self.that(requirement, ok, expected="a UUID in the Location", got=here, exchange=first, grade="SHOULD")

    def in_order(self, requirement: str, exchange: Exchange, tags: Sequence[str]) -> None:
        """Check that tags are in lexical order (ignoring case) or in ASCII order.

        Before dev the letter of the specification knew lexical order only, which hardly a registry kept: ASCII order
        is then no more than a warning.
        """
        orders = [sorted(tags, key=str.lower), sorted(tags, key=str.upper)]
        lexical = [tag.lower() for tag in tags] in [[tag.lower() for tag in order] for order in orders]
        in_ascii = list(tags) == sorted(tags)
        self.that(
            requirement,
            lexical or (in_ascii and self._case.version == "dev"),
            expected=f"the order {orders[0]}",
            got=list(tags),
            exchange=exchange,
            grade="SHOULD" if in_ascii else None,
        )

    def same_set(self, requirement: str, exchange: Exchange, found: Collection[str], expected: Collection[str]) -> None:
        """Check that the entries are the expected ones, each once, in any order."""
        wanted, came = Counter(expected), Counter(found)
        lacking, more = (sorted(part.elements()) for part in (wanted - came, came - wanted))
        wrong = [f"without {lacking}" if lacking else "", f"with {more} too much" if more else ""]
        got = " and ".join(part for part in (f"{len(found)} entries", *wrong) if part)
        self.that(requirement, not lacking and not more, expected=f"{sorted(expected)}", got=got, exchange=exchange)

    def error(
        self, requirement: str, exchange: Exchange, *codes: str, message: str = "", grade: str | None = None
    ) -> bool:
        """Check that the first error of the body has one of the codes and, if given, this message."""
        error = first_error(exchange)
        ok = error.get("code") in codes and error.get("message") == (message or error.get("message"))
        expected = f"the error {' or '.join(codes)}" + (f" with the message {message!r}" if message else "")
        got = f"status {exchange.status} with {error or summarize(exchange.body)}"
        return self.that(requirement, ok, expected=expected, got=got, exchange=exchange, grade=grade)

    def error_body(self, exchange: Exchange) -> None:
        """Check that an error body in JSON has the form and the codes of the specification."""
        for finding in error_body(exchange):
            self.that(finding.requirement, finding.ok, expected=finding.expected, got=finding.got, exchange=exchange)


def answer_or_silence(client: Client, send: Callable[[], Exchange]) -> tuple[Exchange, str]:
    """The answer, and ""; or that to GET /v2/, and why a live server has none to this request.

    The request is sent again once, as it may be the network that failed; TransportError when nothing is answered.
    """
    silence = ""
    for _ in range(2):
        try:
            return send(), ""
        except TransportError as error:
            silence = str(error)
    return client.ping(), silence


def _content(exchange: Exchange) -> str:
    """Return the length of the content of a successful answer, which may be what is wrong with it."""
    return f" with {len(exchange.body)} bytes" if exchange.status < 300 and exchange.body else ""


def cases_of(
    client: Client, asked: Iterable[tuple[str, Callable[[], Exchange]]], is_right: Callable[[Exchange], bool]
) -> list[tuple[str, Exchange, bool]]:
    """Make the cases of `Checks.each` of odd requests, `(what, send)`; no answer is a wrong one."""
    cases = []
    for what, send in asked:
        answer, silence = answer_or_silence(client, send)
        cases.append(
            (f"no answer to {what}, but to GET /v2/" if silence else what, answer, not silence and is_right(answer))
        )
    return cases
