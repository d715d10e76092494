"""Blobs that are made up while they are sent, and bodies whose length is announced whatever they are."""

from __future__ import annotations

import hashlib

import pytest

import fakereg
from conformance.client.client import Client, location_of
from conformance.client.content import Content
from conformance.client.credentials import Authenticator
from conformance.client.identity import Identity
from conformance.client.large_blob import LargeBlob
from conformance.client.transport import HttpTransport, Transport, WsgiTransport

BLOB = LargeBlob(b"0123456789", 25)
WHOLE = b"0123456789012345678901234"


def test_parts_are_what_stands_there() -> None:
    for first, end in [(0, 25), (0, 10), (10, 20), (3, 4), (7, 25), (25, 25)]:
        part = BLOB.part(first, end)
        assert b"".join(part) == b"".join(part) == WHOLE[first:end]
        assert part.size == end - first


def test_digest_is_that_of_all_its_bytes() -> None:
    assert BLOB.digest == f"sha256:{hashlib.sha256(WHOLE).hexdigest()}"


def test_pieces_are_small() -> None:
    blob = Content(seed=1, label="x").large_blob(5 << 20)
    assert [len(piece) for piece in blob.part(0)] == [1 << 20] * 5
    assert blob.digest == Content(seed=1, label="x").large_blob(5 << 20).digest
    assert [len(piece) for piece in Content(seed=1, label="x").large_blob(7).part(0)] == [7]


@pytest.mark.parametrize("length", [BLOB.size, None], ids=["announced", "in chunks"])
def test_body_of_pieces(length: int | None) -> None:
    with fakereg.serve(dialect="oci", storage="memory") as server, HttpTransport(server.url) as http:
        transports: list[Transport] = [WsgiTransport(server), http]
        for transport in transports:
            client = Client(transport)
            session = location_of(client.start_upload("a")) or ""
            closed = client.put_upload(session, BLOB.digest, BLOB.part(0), length=length)
            names = {name for name, _ in closed.request.headers}
            assert closed.status == 201, closed.describe()
            assert {"Content-Length", "Transfer-Encoding"} & names == {
                "Content-Length" if length else "Transfer-Encoding"
            }
            assert client.get_blob("a", BLOB.digest).body == WHOLE


def test_pieces_are_sent_again_to_who_asks_for_credentials() -> None:
    with fakereg.serve(dialect="oci,auth=basic", storage="memory") as server, HttpTransport(server.url) as http:
        client = Client(http, authenticator=Authenticator(Identity("writer", "octocat", "octocat-password")))
        posted = client.post_blob("a", BLOB.digest, BLOB.part(0), length=BLOB.size)
        assert posted.status == 201, posted.describe()
