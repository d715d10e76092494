"""Pushing blobs in one piece: POST then PUT, and a single POST (end-4a, end-4b, end-6)."""

from __future__ import annotations

import pytest

from conformance.checks.checks import Checks
from conformance.client.client import Client, location_of
from conformance.client.content import BAD_DIGESTS, Content
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.scene.actors import unsupported
from conformance.scene.requirement import about, requirement

UNKNOWN_ALGORITHM = "foo99:" + "0" * 64


@requirement("OCI-R002")
def test_every_category(client: Client, check: Checks, content: Content, repository: str) -> None:
    check.status("OCI-R002", client.start_upload(repository), 202)
    tags = client.follow(client.list_tags(repository))
    check.status("OCI-R002", tags, 200, 404)
    deletion = client.delete_manifest(repository, content.missing_digest())
    check.status("OCI-R002", deletion, 202, 404)


@requirement("OCI-R028", "OCI-R029", "OCI-R031", "OCI-R032")
@pytest.mark.parametrize("size", [pytest.param(0, marks=about(needs="empty_blobs")), 1, 1_000_000])
def test_post_then_put(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, size: int
) -> None:
    blob = content.blob(size)
    opened = client.start_upload(repository)
    check.status("OCI-R028", opened, 202)
    session = check.location("OCI-R029", opened)
    closed = client.put_upload(session, blob.digest, blob.data)
    check.status("OCI-R031", closed, 201)
    place = check.location("OCI-R032", closed)
    check.pullable("OCI-R032", client.follow(client.request("GET", place)), blob.data)


@requirement("OCI-R030")
def test_session_ids(client: Client, check: Checks, given: Steps, repository: str) -> None:
    check.unique_session("OCI-R030", given.session(repository), given.session(repository))


@requirement("OCI-R015", "OCI-R031")
def test_push_again(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob()
    given.blob(repository, blob)
    session = location_of(given.session(repository)) or ""
    check.status("OCI-R031", client.put_upload(session, blob.digest, blob.data), 201)
    check.body("OCI-R015", client.follow(client.get_blob(repository, blob.digest)), blob.data)


@requirement("OCI-R015", "OCI-R031", "OCI-R032", needs="sha512")
def test_sha512(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob(algorithm="sha512")
    session = location_of(given.session(repository, digest_algorithm="sha512")) or ""
    closed = client.put_upload(session, blob.digest, blob.data)
    check.status("OCI-R031", closed, 201)
    place = check.location("OCI-R032", closed)
    check.pullable("OCI-R032", client.follow(client.request("GET", place)), blob.data)
    check.body("OCI-R015", client.follow(client.get_blob(repository, blob.digest)), blob.data)


@requirement("OCI-R034", "OCI-R035", needs=("push", "single_post"))
def test_single_post(client: Client, check: Checks, content: Content, repository: str) -> None:
    blob = content.blob(1000)
    answer = client.post_blob(repository, blob.digest, blob.data)
    check.status("OCI-R034", answer, 201)
    place = check.location("OCI-R035", answer)
    check.pullable("OCI-R035", client.follow(client.request("GET", place)), blob.data)


@requirement("OCI-R033", needs="push")
def test_single_post_or_session(client: Client, check: Checks, content: Content, repository: str) -> None:
    blob = content.blob(1000)
    answer = client.post_blob(repository, blob.digest, blob.data)
    if check.status("OCI-R033", answer, 201, 202) and answer.status == 202:
        session = check.location("OCI-R033", answer)
        check.status("OCI-R033", client.put_upload(session, blob.digest, blob.data), 201)


@requirement("OCI-R029", "OCI-R031", needs="push")
def test_session_instead_of_a_single_post(client: Client, check: Checks, content: Content, repository: str) -> None:
    """Whether to open a session instead is the registry's choice; one that it opens must work as any other."""
    blob = content.blob(1000)
    answer = client.post_blob(repository, blob.digest, blob.data)
    if answer.status != 202:
        unsupported(f"a single POST answered {answer.status}")
    session = check.location("OCI-R029", answer)
    check.status("OCI-R031", client.put_upload(session, blob.digest, blob.data), 201)


@requirement("OCI-R019", "OCI-R027")
@pytest.mark.parametrize("way", ["put", "patch then put", "single post"])
def test_digest_of_other_content(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, way: str
) -> None:
    blob, wrong = content.blob(), content.missing_digest()
    allowed = [400]
    if way == "single post":
        answer = client.post_blob(repository, wrong, blob.data)
        allowed += [202]
    else:
        opened, data = given.session(repository), blob.data
        session = location_of(opened) or ""
        if way == "patch then put":
            session, data = location_of(given.chunk(opened, data, 0)) or "", b""
        answer = client.put_upload(session, wrong, data)
    check.status("OCI-R027", answer, *allowed)
    check.status("OCI-R019", client.follow(client.get_blob(repository, wrong)), 404)


@requirement("OCI-R027")
def test_bad_digest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob, session = content.blob(), given.session(repository)
    cases: list[tuple[str, Exchange, bool]] = []
    for digest in (*BAD_DIGESTS, UNKNOWN_ALGORITHM, "nodigest", ""):
        answer = client.put_upload(location_of(session) or "", digest, blob.data)
        if answer.status == 404:  # the refusal before ended the session
            session = given.session(repository)
            answer = client.put_upload(location_of(session) or "", digest, blob.data)
        cases.append((f"digest={digest}", answer, answer.status == 400))
    check.each("OCI-R027", cases, expected="status 400")


@requirement("OCI-R027", needs="push")
def test_unknown_algorithm(client: Client, check: Checks, content: Content, repository: str) -> None:
    opened = client.start_upload(repository, digest_algorithm=UNKNOWN_ALGORITHM.partition(":")[0])
    session = location_of(opened)
    if check.status("OCI-R027", opened, 202, 400) and opened.status == 202 and session:
        check.status("OCI-R027", client.put_upload(session, UNKNOWN_ALGORITHM, content.blob().data), 400)


@requirement("OCI-R015", "OCI-R027", needs="sha512")
def test_sha512_unannounced(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob(algorithm="sha512")
    closed = client.put_upload(location_of(given.session(repository)) or "", blob.digest, blob.data)
    if check.status("OCI-R027", closed, 201, 400) and closed.status == 201:
        check.body("OCI-R015", client.follow(client.get_blob(repository, blob.digest)), blob.data)
