"""The preparations of scenarios: pushed content, or an open upload session.

A step that does not work raises Unprepared: the scenario then says nothing about its own requirements, and the scenario
whose subject the step is reports the violation.
"""

from __future__ import annotations

from collections.abc import Sequence

from conformance.client.client import Client, location_of
from conformance.client.content import Blob, Content, Manifest
from conformance.client.exchange import Exchange
from conformance.client.reading import pages_from


class Steps:
    """Prepare content through a client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def session(self, repository: str, *, digest_algorithm: str | None = None) -> Exchange:
        """Open an upload session; return the answer with its Location."""
        answer = self.client.start_upload(repository, digest_algorithm=digest_algorithm)
        if answer.status != 202 or location_of(answer) is None:
            raise unprepared("open an upload session", answer)
        return answer

    def blob(self, repository: str, blob: Blob) -> Exchange:
        """Push a blob with POST and PUT; return the last answer."""
        algorithm = None if blob.algorithm == "sha256" else blob.algorithm
        session = self.session(repository, digest_algorithm=algorithm)
        answer = self.client.put_upload(location_of(session) or "", blob.digest, blob.data)
        if answer.status != 201:
            raise unprepared("push a blob", answer)
        return answer

    def parts(self, repository: str, manifest: Manifest) -> None:
        """Push the blobs of a manifest, and its children with theirs."""
        for blob in dict.fromkeys(manifest.blobs):
            self.blob(repository, blob)
        for child in manifest.children:
            self.manifest(repository, child)

    def manifest(self, repository: str, manifest: Manifest, *references: str) -> Exchange:
        """Push a manifest with its parts, to each of the tags or else to its digest; return the last answer."""
        self.parts(repository, manifest)
        for reference in references or (manifest.digest,):
            answer = self.client.put_manifest(repository, reference, manifest.data, media_type=manifest.media_type)
            if answer.status != 201:
                raise unprepared("push a manifest", answer)
        return answer

    def any_image(self, repository: str, content: Content, *tags: str) -> Manifest:
        """Push an image in the first format that the target accepts, OCI or Docker's; return it."""
        image = content.image()
        try:
            self.manifest(repository, image, *tags)
        except Unprepared:
            image = content.docker_image()
            self.manifest(repository, image, *tags)
        return image

    def pages(self, first: Exchange) -> list[Exchange]:
        """Return an answer and its next pages."""
        return pages_from(first, lambda url: self.client.request("GET", url))


def unprepared(what: str, answer: Exchange) -> Unprepared:
    """Make the error about a preparation that failed."""
    return Unprepared(f"could not {what}: status {answer.status}\n{answer.describe()}")


def tags_in(exchange: Exchange) -> list[str]:
    """Return the tags of a tag list; empty if the body has none."""
    document = exchange.json()
    tags = document.get("tags") if isinstance(document, dict) else None
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def descriptors_in(exchanges: Sequence[Exchange]) -> list[dict[str, object]]:
    """Return the descriptors of a referrers list, from all of its pages."""
    found: list[dict[str, object]] = []
    for exchange in exchanges:
        document = exchange.json()
        entries = document.get("manifests") if isinstance(document, dict) else None
        found += [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return found


class Unprepared(Exception):
    """A failed preparation: the scenario cannot judge its own requirements."""
