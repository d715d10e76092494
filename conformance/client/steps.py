"""The preparations of scenarios: pushed content, or an open upload session.

A step that does not work raises Unprepared: the scenario then says nothing about its own requirements, and the scenario
whose subject the step is reports the violation. Any success will do, as its exact status is not the subject here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from conformance.client.chunks import send_chunk
from conformance.client.client import Client, location_of
from conformance.client.content import Blob, Content, Manifest
from conformance.client.exchange import Exchange
from conformance.client.reading import first_error, pages_from
from conformance.urls import parsed


class Unprepared(Exception):
    """A failed preparation: the scenario cannot judge its own requirements.

    `requirements` are those about the step. They are not judged here, but a target may be known to violate them.
    """

    def __init__(self, text: str, *requirements: str) -> None:
        super().__init__(text)
        self.requirements = requirements


class Steps:
    """Prepare content through a client.

    `need` is called with each capability that a step takes beyond a plain push, and may end the scenario.
    """

    def __init__(self, client: Client, need: Callable[[str], object] = lambda capability: None) -> None:
        self.client = client
        self._need = need
        self._tags: dict[tuple[str, str], str] = {}

    def session(self, repository: str, *, digest_algorithm: str | None = None) -> Exchange:
        """Open an upload session; return the answer with its Location."""
        answer = self.client.start_upload(repository, digest_algorithm=digest_algorithm)
        if location_of(answer) is None:
            raise unprepared("open an upload session", answer, "OCI-R028", "OCI-R029")
        return _done("open an upload session", answer, "OCI-R028")

    def chunk(self, before: Exchange, data: bytes, first: int) -> Exchange:
        """Send the bytes from `first` on to the session of the answer `before`; return the answer."""
        self._need("chunks")
        return _done("send a chunk", send_chunk(self.client, before, data, first), "OCI-R037")

    def close(self, before: Exchange, blob: Blob, rest: bytes = b"") -> Exchange:
        """Close the session of the answer `before` with the last bytes of a blob; return the answer."""
        first = len(blob.data) - len(rest)
        content_range = f"{first}-{len(blob.data) - 1}" if rest else None
        answer = self.client.put_upload(location_of(before) or "", blob.digest, rest, content_range=content_range)
        return _done("close an upload session", answer, "OCI-R041")

    def blob(self, repository: str, blob: Blob) -> Exchange:
        """Push a blob with POST and PUT; return the last answer."""
        if not blob.data:
            self._need("empty_blobs")
        algorithm = None if blob.algorithm == "sha256" else blob.algorithm
        session = self.session(repository, digest_algorithm=algorithm)
        answer = self.client.put_upload(location_of(session) or "", blob.digest, blob.data)
        return _done("push a blob", answer, "OCI-R031")

    def post(self, repository: str, blob: Blob) -> Exchange:
        """Push a blob with one POST; return the answer."""
        self._need("single_post")
        answer = self.client.post_blob(repository, blob.digest, blob.data)
        if answer.status == 202:
            raise unprepared("push a blob with one POST", answer, "OCI-R034")
        return _done("push a blob with one POST", answer, "OCI-R034")

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
            answer = self.put(repository, manifest, reference)
        return answer

    def put(self, repository: str, manifest: Manifest, reference: str) -> Exchange:
        """Push a manifest whose parts are there, to a tag or its digest; return the answer."""
        self.pushable(repository, manifest, reference)
        answer = self.client.put_manifest(repository, reference, manifest.data, media_type=manifest.media_type)
        return _done("push a manifest", answer, "OCI-R055", *(["OCI-R025"] if b'"subject"' in manifest.data else []))

    def pushable(self, repository: str, manifest: Manifest, reference: str) -> None:
        """Ask for what a push of a manifest needs beyond that of an image to a new tag, before a scenario pushes it."""
        if manifest.is_index:
            self._need("indexes")
        if manifest.is_artifact:
            self._need("artifacts")
        if ":" in reference:
            self._need("digest_pushes")
        elif self._tags.setdefault((repository, reference), manifest.digest) != manifest.digest:
            self._need("tag_moves")

    def any_image(self, repository: str, content: Content, *tags: str) -> Manifest:
        """Push an image in the first format that the target accepts, OCI or Docker's; return it."""
        image = content.image()
        try:
            self.manifest(repository, image, *tags)
        except Unprepared:
            image = content.docker_image()
            self.manifest(repository, image, *tags)
        return image

    def mount(self, repository: str, blob: Blob, source: str) -> Exchange:
        """Mount a blob from another repository; return the answer."""
        self._need("mount")
        answer = self.client.mount(repository, blob.digest, source=source)
        if answer.status == 202:
            raise unprepared("mount a blob", answer, "OCI-R049")
        return _done("mount a blob", answer, "OCI-R049")

    def delete_manifest(self, repository: str, reference: str) -> Exchange:
        """Delete a tag, or a manifest by its digest; return the answer."""
        self._need("manifest_deletion" if ":" in reference else "tag_deletion")
        self._tags.pop((repository, reference), None)
        answer = self.client.delete_manifest(repository, reference)
        return _done("delete a manifest", answer, "OCI-R093" if ":" in reference else "OCI-R091")

    def delete_blob(self, repository: str, digest: str) -> Exchange:
        """Delete a blob; return the answer."""
        self._need("blob_deletion")
        return _done("delete a blob", self.client.delete_blob(repository, digest), "OCI-R096")

    def pages(self, first: Exchange) -> list[Exchange]:
        """Return an answer and its next pages."""
        return pages_from(first, lambda url: self.client.request("GET", url))


def unprepared(what: str, answer: Exchange, *requirements: str) -> Unprepared:
    """Make the error about a preparation that failed: which request got which status, with which error code."""
    request, code = answer.request, first_error(answer).get("code")
    where = parsed(request.url).path
    said = f"status {answer.status}" + (f" and {code}" if isinstance(code, str) else "")
    return Unprepared(f"could not {what}: {request.method} {where}: {said}\n{answer.describe()}", *requirements)


def _done(what: str, answer: Exchange, *requirements: str) -> Exchange:
    if not 200 <= answer.status < 300:
        raise unprepared(what, answer, *requirements)
    return answer


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
