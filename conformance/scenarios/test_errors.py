"""Errors: the form and the codes of error bodies at every endpoint, and the time for a retry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from conformance.checks.checks import Checks, answer_or_silence
from conformance.client.client import ACCEPT, Client, location_of
from conformance.client.content import Content
from conformance.client.exchange import Exchange
from conformance.client.reading import first_error
from conformance.client.steps import Steps
from conformance.scene.actors import Clients, Variant, not_applicable
from conformance.scene.requirement import requirement
from conformance.targets.base import Target

PULLS = (
    ("GET", "manifests/missing"),
    ("GET", "manifests/{missing}"),
    ("GET", "manifests/sha256:abc"),
    ("GET", "manifests/-bad"),
    ("GET", "blobs/{missing}"),
    ("GET", "blobs/sha256:abc"),
    ("GET", "tags/list?n=-1"),
    ("GET", "tags/list?n=many"),
    ("GET", "referrers/sha256:abc"),
    ("GET", "nothing/of/this/kind"),
)
WRITES = (
    ("PUT", "manifests/v1"),
    ("PUT", "manifests/{missing}"),
    ("PUT", "manifests/-bad"),
    ("DELETE", "manifests/missing"),
    ("DELETE", "manifests/{missing}"),
    ("DELETE", "manifests/sha256:abc"),
    ("DELETE", "blobs/{missing}"),
    ("DELETE", "blobs/sha256:abc"),
    ("POST", "blobs/uploads/?digest=sha256:abc"),
    ("POST", "blobs/uploads/?digest={missing}"),
    ("POST", "blobs/uploads/?mount=sha256:abc&from=x/y"),
    ("POST", "manifests/v1"),
)
LARGEST_RATE = 120
"""More requests a minute than that are not sent, only to find out what comes after them."""


@requirement("OCI-R102", "OCI-R103", "OCI-R104", "OCI-R105", "OCI-R106")
@pytest.mark.parametrize("kind", ["pulls", "writes"])
def test_error_body(client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str) -> None:
    given.any_image(repository, content, "v1")
    for method, path in PULLS if kind == "pulls" else WRITES:
        url = f"/v2/{repository}/{path.format(missing=content.missing_digest())}"
        body = b"{not json" if method in {"PUT", "POST"} else b""
        send = partial(client.request, method, url, headers=[("Accept", ACCEPT)], body=body)
        answer, silence = answer_or_silence(client, lambda: client.follow(send()))  # noqa: B023
        if silence:
            check.that("OCI-R102", False, expected="an answer", got=silence, exchange=answer)
        else:
            check.error_body(answer)


@requirement("OCI-R103", "OCI-R104", "OCI-R105", "OCI-R106")
def test_error_body_in_an_upload(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    blob = content.blob()
    place = location_of(given.session(repository)) or ""
    check.error_body(client.put_upload(place, content.missing_digest(), blob.data))
    place = location_of(given.session(repository)) or ""
    check.error_body(client.put_upload(place, "sha256:abc", blob.data))
    place = location_of(given.session(repository)) or ""
    check.error_body(client.patch(place, blob.data, content_range="500-563"))
    check.error_body(client.patch(place, blob.data, content_range="from-to"))
    lost = f"/v2/{repository}/blobs/uploads/00000000-0000-4000-8000-000000000000"
    for answer in (client.patch(lost, blob.data), client.upload_status(lost), client.put_upload(lost, blob.digest)):
        check.error_body(answer)


@requirement("OCI-R103", "OCI-R104", "OCI-R105", "OCI-R106")
def test_error_body_for_a_name(client: Client, check: Checks, content: Content, repository: str) -> None:
    digest = content.missing_digest()
    for name in (f"{repository}/Upper", f"{repository}/-dash", "n" * 300, repository):
        for path in (f"manifests/{digest}", f"blobs/{digest}", "tags/list", f"referrers/{digest}"):
            check.error_body(client.follow(client.request("GET", f"/v2/{name}/{path}", headers=[("Accept", ACCEPT)])))


@requirement("OCI-R106")
@pytest.mark.parametrize(
    ("path", "codes"),
    [
        ("manifests/missing", {"MANIFEST_UNKNOWN", "NAME_UNKNOWN"}),
        ("blobs/{missing}", {"BLOB_UNKNOWN", "NAME_UNKNOWN"}),
        ("blobs/uploads/00000000-0000-4000-8000-000000000000", {"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"}),
    ],
    ids=["manifest", "blob", "upload"],
)
def test_code_says_what_is_missing(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, path: str, codes: set[str]
) -> None:
    given.any_image(repository, content, "v1")
    url = f"/v2/{repository}/{path.format(missing=content.missing_digest())}"
    answer = client.follow(client.request("GET", url, headers=[("Accept", ACCEPT)]))
    code = first_error(answer).get("code")
    if answer.status != 404 or code is None:
        not_applicable("missing content is not answered with 404 and an error code")
    expected = f"the code {' or '.join(sorted(codes))}"
    check.that("OCI-R106", code in codes, expected=expected, got=code, exchange=answer, grade="SHOULD")


@requirement("OCI-R107")
def test_too_many_requests(clients: Clients, check: Checks, target: Target, variant: Callable[..., Variant]) -> None:
    rate = target.description.limits.get("rate", 0)
    if not 0 < rate <= LARGEST_RATE:
        rate, clients = 20, variant(rate_limit=20).clients  # to begin with a target takes requests, too
    answer = _first_refused(clients("writer"), rate)
    check.status("OCI-R107", answer, 429)
    check.header("OCI-R107", answer, "Retry-After")


def _first_refused(client: Client, rate: int) -> Exchange:
    """Send requests until one is refused, at most twice as many as are allowed per minute; return the last answer."""
    for _ in range(2 * rate):
        answer = client.ping()
        if answer.status == 429:
            break
    return answer
