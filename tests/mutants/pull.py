"""Pulling, broken: what comes, under which type and digest, with which status, and what comes that is not there."""

from __future__ import annotations

import json

import pytest

from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.repositories import Repositories
from tests.mutants.harness import Answer, Ask, after, instead, patched, settings_break

OTHER_DIGEST = "sha256:" + "0" * 64
CLAIMED = "--conformance-profile=pull,push,discovery,management,referrers"
NO_DIGESTS = "fake:oci,digest_header=false"


def child_of(ask: Ask, answer: Answer) -> Answer:
    """The first image of an index that was asked for; the answer itself where it is no index."""
    entries = json.loads(answer.body).get("manifests")
    if not entries:
        return answer
    path = ask.path.replace(ask.reference, entries[0]["digest"])
    return ask.proceed(PATH_INFO=path)


# Claims.

settings_break("OCI-R002", "takes no pushes", "fake:oci,push=false")
settings_break("OCI-R003", "claims management and deletes no blobs", "fake:oci,blob_deletion=false", CLAIMED)
settings_break("OCI-R003", "claims referrers and has none", "fake:oci,referrers=false", CLAIMED)
settings_break("OCI-R003", "claims pushing and tells nothing of a session", "fake:oci,upload_status=false", CLAIMED)
settings_break("OCI-R003", "claims pulling and has no HEAD of manifests", "fake:oci,manifest_head=false", CLAIMED)


@after("OCI-R003", "claims discovery and lists no tags", "GET tags", arguments=(CLAIMED,))
def no_tags(ask: Ask, answer: Answer) -> None:
    answer.status = 404


@after("OCI-R001", "has no HEAD of blobs", "HEAD blobs")
def no_head(ask: Ask, answer: Answer) -> None:
    answer.status = 405


# Manifests.

settings_break("OCI-R009", "puts a charset behind the media type", "fake:oci,manifest_charset=true")
settings_break("OCI-R013", "names no digest of a manifest", NO_DIGESTS)


@after("OCI-R004", "knows no manifests by digest", "GET manifests", 200)
def none_by_digest(ask: Ask, answer: Answer) -> None:
    answer.status = 404 if ":" in ask.reference else 200


@after("OCI-R010", "calls every manifest JSON", "GET manifests", 200)
def just_json(ask: Ask, answer: Answer) -> None:
    answer.set("Content-Type", "application/json")


@after("OCI-R010", "calls a manifest whatever the client wants", "GET manifests", 200)
def wanted_type(ask: Ask, answer: Answer) -> None:
    answer.set("Content-Type", ask.header("Accept").split(",")[0] or "text/plain")


@after("OCI-R011", "writes manifests anew", "GET manifests", 200)
def rewritten(ask: Ask, answer: Answer) -> None:
    answer.write(json.dumps(json.loads(answer.body), indent=1).encode())


@after("OCI-R011", "gives an image for an index that is asked for by digest", "GET manifests", 200)
def child_for_index(ask: Ask, answer: Answer) -> None:
    if ":" in ask.reference and "index" not in ask.header("Accept"):
        answer.body = child_of(ask, answer).body


@after("OCI-R011", "makes an index of an image for who knows indexes only", "GET manifests", 200)
def made_up_index(ask: Ask, answer: Answer) -> None:
    if "index" in ask.header("Accept") and "manifest.v1+json" not in ask.header("Accept"):
        answer.write(b'{"schemaVersion": 2, "manifests": []}')


@after("OCI-R012", "gives manifests with 203", "GET manifests", 200)
def status_203(ask: Ask, answer: Answer) -> None:
    answer.status = 203


@after("OCI-R012", "reads the first type of Accept only", "GET manifests", 200)
def first_type(ask: Ask, answer: Answer) -> None:
    if ask.header("Accept").split(",")[0] not in {"", "*/*", answer.header("Content-Type")}:
        answer.status = 404


@after("OCI-R012", "takes a client without Accept for a mistake", "GET manifests", 200)
def accept_required(ask: Ask, answer: Answer) -> None:
    if not ask.header("Accept"):
        answer.status = 400


@after("OCI-R013", "names another digest of a manifest", "GET manifests", 200)
def other_digest(ask: Ask, answer: Answer) -> None:
    answer.set("Docker-Content-Digest", OTHER_DIGEST)


@after("OCI-R014", "takes a missing manifest for a mistake", "GET manifests", 404)
def missing_is_400(ask: Ask, answer: Answer) -> None:
    answer.status = 400


@instead("OCI-R014", "gives blobs as manifests")
def blob_as_manifest(ask: Ask) -> Answer | None:
    return ask.proceed(PATH_INFO=ask.path.replace("/manifests/", "/blobs/")) if ":" in ask.reference else None


@instead("OCI-R014", "tells no upper case from lower case in tags")
def case_folded(ask: Ask) -> Answer | None:
    if ask.kind != "manifests" or ":" in ask.reference:
        return None
    return ask.proceed(PATH_INFO=ask.path.replace(ask.reference, ask.reference.lower()))


@patched("OCI-R014", "gives the manifests of all repositories")
def manifests_for_all(patch: pytest.MonkeyPatch) -> None:
    alone = Repositories.manifest

    def anywhere(self: Repositories, name: Name, reference: Tag | Digest) -> object:
        names = [name, *self.repositories()]
        return next((found for each in names if (found := alone(self, each, reference))), None)

    patch.setattr(Repositories, "manifest", anywhere)


@after("OCI-R060", "takes an unknown repository for a mistake", "GET manifests|blobs", 404)
def unknown_is_400(ask: Ask, answer: Answer) -> None:
    answer.status = 400 if b"NAME_UNKNOWN" in answer.body else 404


# Blobs.

settings_break("OCI-R017", "names no digest of a blob", NO_DIGESTS)


@after("OCI-R015", "turns the bytes of a blob round", "GET blobs", 200)
def turned(ask: Ask, answer: Answer) -> None:
    answer.body = answer.body[::-1]


@after("OCI-R015", "gives 100,000 bytes of a blob at the most", "GET blobs", 200)
def cut(ask: Ask, answer: Answer) -> None:
    answer.write(answer.body[:100_000])


@after("OCI-R015", "gives other content than the digest stands for", "GET blobs", 200)
def other_content(ask: Ask, answer: Answer) -> None:
    answer.write(b"something else")


@after("OCI-R016", "has no content for an empty blob", "GET blobs", 200)
def no_content(ask: Ask, answer: Answer) -> None:
    answer.status = 200 if answer.body else 204


@after("OCI-R018", "names another digest of a blob", "GET blobs", 200)
def other_blob_digest(ask: Ask, answer: Answer) -> None:
    answer.set("Docker-Content-Digest", OTHER_DIGEST)


@after("OCI-R019", "gives nothing, with 200, for a missing blob", "GET blobs", 404)
def empty_for_missing(ask: Ask, answer: Answer) -> None:
    answer.status = 200
    answer.write(b"")


@patched("OCI-R019", "gives the blobs of all repositories")
def blobs_for_all(patch: pytest.MonkeyPatch) -> None:
    share_blobs(patch)


@patched("OCI-R024", "says that blobs are there which another repository has")
def heads_for_all(patch: pytest.MonkeyPatch) -> None:
    share_blobs(patch)


def share_blobs(patch: pytest.MonkeyPatch) -> None:
    """Let the storage find a blob wherever it is."""
    size, opened = Repositories.blob_size, Repositories.open_blob

    def size_anywhere(self: Repositories, name: Name, digest: Digest) -> int | None:
        sizes = (size(self, each, digest) for each in [name, *self.repositories()])
        return next((found for found in sizes if found is not None), None)

    def opened_anywhere(self: Repositories, name: Name, digest: Digest) -> object:
        return next((file for each in [name, *self.repositories()] if (file := opened(self, each, digest))), None)

    patch.setattr(Repositories, "blob_size", size_anywhere)
    patch.setattr(Repositories, "open_blob", opened_anywhere)


# HEAD.

settings_break("OCI-R021", "has no HEAD of manifests", "fake:oci,manifest_head=false")
settings_break("OCI-R022", "names no digest on HEAD", NO_DIGESTS)


@after("OCI-R021", "answers HEAD of a blob with 204", "HEAD blobs", 200)
def head_204(ask: Ask, answer: Answer) -> None:
    answer.status = 204


@after("OCI-R022", "names another digest on HEAD", "HEAD", 200)
def other_on_head(ask: Ask, answer: Answer) -> None:
    answer.set("Docker-Content-Digest", OTHER_DIGEST)


@after("OCI-R023", "gives no size on HEAD", "HEAD")
def no_size(ask: Ask, answer: Answer) -> None:
    answer.drop("Content-Length")


@after("OCI-R023", "gives no size but 0 on HEAD of a blob", "HEAD blobs")
def size_0(ask: Ask, answer: Answer) -> None:
    answer.set("Content-Length", "0")


@after("OCI-R024", "finds on HEAD what is not there", "HEAD", 404)
def found(ask: Ask, answer: Answer) -> None:
    answer.status = 200


# Proxies.


@after("OCI-R099", "repeats the source host with the name behind it", "GET manifests", 200)
def host_and_name(ask: Ask, answer: Answer) -> None:
    if host := answer.header("OCI-Namespace"):
        answer.set("OCI-Namespace", f"{host}/{ask.name}")


@after("OCI-R099", "does not say that it took the source host into account", "GET manifests", 200)
def host_unsaid(ask: Ask, answer: Answer) -> None:
    answer.drop("OCI-Namespace")
