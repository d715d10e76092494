"""Pushes and pulls of whole images that must succeed or be refused, judged for several requirements at once."""

from __future__ import annotations

from conformance.checks.checks import Checks
from conformance.client.client import Client, location_of
from conformance.client.content import Blob, Manifest
from conformance.client.exchange import Exchange
from conformance.client.steps import tags_in

REFUSED = (401, 403, 404)
"""The statuses of a refusal; 404 hides that the resource exists."""


class Trials:
    """Judge the results of requests for each of the requirements `rows`."""

    def __init__(self, check: Checks, *rows: str) -> None:
        self._check = check
        self._rows = rows

    def status(self, exchange: Exchange, *allowed: int) -> None:
        """Check that the status is one of those allowed."""
        for row in self._rows:
            self._check.status(row, exchange, *allowed)

    def refused(self, exchange: Exchange) -> None:
        """Check that the request was refused, with any status."""
        for row in self._rows:
            self._check.refused(row, exchange)

    def that(self, ok: bool, *, expected: str, got: object, exchange: Exchange, grade: str | None = None) -> None:
        """Judge a condition that has no check of its own here."""
        for row in self._rows:
            self._check.that(row, ok, expected=expected, got=got, exchange=exchange, grade=grade)

    def push(self, client: Client, repository: str, image: Manifest, *references: str) -> None:
        """Check that an image is accepted: its blobs, and its manifest at each of the references."""
        for blob in dict.fromkeys(image.blobs):
            self.push_blob(client, repository, blob)
        for reference in references:
            put = client.put_manifest(repository, reference, image.data, media_type=image.media_type)
            self.status(put, 201)

    def push_blob(self, client: Client, repository: str, blob: Blob) -> None:
        """Check that a blob is accepted, by POST and PUT."""
        opened = client.start_upload(repository)
        self.status(opened, 202)
        self.status(client.put_upload(location_of(opened) or "", blob.digest, blob.data), 201)

    def pull(self, client: Client, repository: str, reference: str, image: Manifest) -> Exchange:
        """Check that an image is served as it was pushed; return the answer with the manifest."""
        manifest = client.follow(client.get_manifest(repository, reference))
        self._content(manifest, image.data)
        for blob in dict.fromkeys(image.blobs):
            self._content(client.follow(client.get_blob(repository, blob.digest)), blob.data)
        return manifest

    def no_push(self, client: Client, repository: str, tag: str, image: Manifest, blob: Blob) -> None:
        """Check that a client without the right can push neither a manifest with existing blobs nor a blob."""
        self.status(client.put_manifest(repository, tag, image.data, media_type=image.media_type), *REFUSED)
        self.status(client.post_blob(repository, blob.digest, blob.data), *REFUSED)

    def no_pull(self, client: Client, repository: str, tag: str, image: Manifest) -> None:
        """Check that a client without the right can read no manifest, no blob and no tags of an image."""
        self.status(client.get_manifest(repository, tag), *REFUSED)
        self.status(client.get_blob(repository, image.blobs[-1].digest), *REFUSED)
        self.status(client.list_tags(repository), *REFUSED)

    def tags(self, client: Client, repository: str, *expected: str) -> None:
        """Check that a repository has exactly these tags."""
        answer = client.list_tags(repository)
        self.status(answer, 200)
        found = sorted(tags_in(answer))
        self.that(found == sorted(expected), expected=f"the tags {sorted(expected)}", got=found, exchange=answer)

    def absent(self, client: Client, repository: str, tag: str = "", *blobs: Blob) -> None:
        """Check that a client with all rights finds no such tag and no such blob."""
        if tag:
            self.status(client.get_manifest(repository, tag), 404)
        for blob in blobs:
            self.status(client.head_blob(repository, blob.digest), 404)

    def _content(self, exchange: Exchange, expected: bytes) -> None:
        self.status(exchange, 200)
        for row in self._rows:
            self._check.body(row, exchange, expected)
