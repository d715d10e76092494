"""Probe the optional capabilities of a registry.

A capability is absent when the answer is a refusal that the specification allows for it. It knows no "no" for what many
registries refuse all the same, such as moving a tag: there any 4xx will do, and where that is a violation, the scenario
whose subject it is reports it; the others need the capability. Any other answer counts as present, so that the
scenario runs and reports what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from conformance.client.chunks import chunk_length, send_chunk
from conformance.client.client import DOCKER_IMAGE, Client, location_of
from conformance.client.content import Content, Manifest, digest_of
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps

NO_PUSH = "nothing can be pushed"


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a probe: whether the capability is present, and else the legal refusal.

    Without pushes it may be `unknown`; then it is not used, as if it were absent.
    """

    present: bool
    reason: str = ""
    unknown: bool = False

    def __str__(self) -> str:
        if self.present:
            return "present"
        return f"{'unknown' if self.unknown else 'absent'}: {self.reason}"


class Capabilities:
    """Probe each capability of a target once, when it is first needed; `new_name` makes names of repositories.

    What is stated to be `absent` is not asked for.
    """

    def __init__(
        self, client: Client, content: Content, *, new_name: Callable[[str], str], absent: Collection[str] = ()
    ) -> None:
        self._client = client
        self._content = content
        self._names = (new_name(f"probe-{number}") for number in count(1))
        self._answers = {name: Answer(False, "the target is configured without it") for name in absent}

    def ask(self, name: str) -> Answer:
        """Probe a capability; raise KeyError for an unknown name, Unprepared if the probe fails.

        Where nothing can be pushed, what begins with a push is unknown.
        """
        if name in self._answers:
            return self._answers[name]
        if name not in PULLED and not self.ask("push").present:
            self._answers[name] = Answer(False, NO_PUSH, unknown=True)
        else:
            self._answers[name] = PROBES[name](Probe(self._client, self._content, self._names))
        return self._answers[name]


@dataclass(frozen=True, slots=True)
class Probe:
    """The context of a probe."""

    client: Client
    content: Content
    names: Iterator[str]

    @property
    def steps(self) -> Steps:
        return Steps(self.client)

    def pushed(self, *tags: str) -> tuple[str, Manifest]:
        """Make a new repository with an image."""
        name, image = next(self.names), self.content.image()
        self.steps.manifest(name, image, *tags)
        return name, image

    def put(self, name: str, reference: str, manifest: Manifest) -> Exchange:
        """Push a manifest whose parts are there."""
        return self.client.put_manifest(name, reference, manifest.data, media_type=manifest.media_type)


def judge(exchange: Exchange, *refusals: int) -> Answer:
    """Decide by the status: one of the legal refusals means that the capability is absent."""
    if exchange.status in refusals:
        return Answer(False, f"{exchange.request.method} answered {exchange.status}")
    return Answer(True)


def unless_refused(exchange: Exchange) -> Answer:
    """Decide by the status: any 4xx means that the capability is absent."""
    return judge(exchange, *range(400, 500))


def push(probe: Probe) -> Answer:
    return judge(probe.client.start_upload(next(probe.names)), 400, 401, 403, 404, 405)


def empty_blobs(probe: Probe) -> Answer:
    session, blob = probe.steps.session(next(probe.names)), probe.content.blob(0)
    return unless_refused(probe.client.put_upload(location_of(session) or "", blob.digest, blob.data))


def chunks(probe: Probe) -> Answer:
    session = probe.steps.session(next(probe.names))
    return unless_refused(send_chunk(probe.client, session, probe.content.blob(chunk_length(session)).data, 0))


def tag_moves(probe: Probe) -> Answer:
    name = next(probe.names)
    old = probe.steps.any_image(name, probe.content, "moved")
    new = probe.content.docker_image() if old.media_type == DOCKER_IMAGE else probe.content.image()
    probe.steps.parts(name, new)
    return unless_refused(probe.put(name, "moved", new))


def digest_pushes(probe: Probe) -> Answer:
    name, image = next(probe.names), probe.content.image()
    probe.steps.parts(name, image)
    return unless_refused(probe.put(name, image.digest, image))


def indexes(probe: Probe) -> Answer:
    name, image = probe.pushed("child")
    return unless_refused(probe.put(name, "index", probe.content.index([image])))


def artifacts(probe: Probe) -> Answer:
    name, artifact = next(probe.names), probe.content.artifact()
    probe.steps.parts(name, artifact)
    return unless_refused(probe.put(name, "artifact", artifact))


def single_post(probe: Probe) -> Answer:
    blob = probe.content.blob()
    return judge(probe.client.post_blob(next(probe.names), blob.digest, blob.data), 202)


def mount(probe: Probe) -> Answer:
    source, blob = next(probe.names), probe.content.blob()
    probe.steps.blob(source, blob)
    return judge(probe.client.mount(next(probe.names), blob.digest, source=source), 202)


def anonymous_mount(probe: Probe) -> Answer:
    blob = probe.content.blob()
    probe.steps.blob(next(probe.names), blob)
    return judge(probe.client.mount(next(probe.names), blob.digest), 202)


def blob_range(probe: Probe) -> Answer:
    name, blob = next(probe.names), probe.content.blob()
    probe.steps.blob(name, blob)
    return judge(probe.client.follow(probe.client.get_blob(name, blob.digest, headers=[("Range", "bytes=0-3")])), 200)


def upload_cancel(probe: Probe) -> Answer:
    session = probe.steps.session(next(probe.names))
    return judge(probe.client.cancel_upload(location_of(session) or ""), 400, 404, 405)


def tag_deletion(probe: Probe) -> Answer:
    name, _ = probe.pushed("doomed")
    return judge(probe.client.delete_manifest(name, "doomed"), 400, 405)


def manifest_deletion(probe: Probe) -> Answer:
    name, image = probe.pushed("doomed")
    answer = probe.client.delete_manifest(name, image.digest)
    if 400 <= answer.status < 500:  # what a tag names may be kept, and the rest deleted
        name, image = probe.pushed()
        answer = probe.client.delete_manifest(name, image.digest)
    return judge(answer, 400, 405)


def tagged_manifest_deletion(probe: Probe) -> Answer:
    name, image = probe.pushed("doomed")
    return unless_refused(probe.client.delete_manifest(name, image.digest))


def blob_deletion(probe: Probe) -> Answer:
    name, blob = next(probe.names), probe.content.blob()
    probe.steps.blob(name, blob)
    return judge(probe.client.delete_blob(name, blob.digest), 400, 405)


def referrers(probe: Probe) -> Answer:
    name, image = probe.pushed("subject")
    referrer = probe.content.image(subject=image.descriptor)  # an empty list may be answered with 404, wrongly
    probe.steps.parts(name, referrer)
    probe.put(name, "referrer", referrer)
    return judge(probe.client.list_referrers(name, image.digest), 404)


def referrers_filter(probe: Probe) -> Answer:
    name, image = probe.pushed("subject")
    listed = probe.client.list_referrers(name, image.digest, artifact_type="application/vnd.example.thing")
    if listed.status == 404:
        return Answer(False, "GET answered 404")
    if listed.status == 200 and listed.header("OCI-Filters-Applied") is None:
        return Answer(False, "the list came without OCI-Filters-Applied")
    return Answer(True)


def tag_parameters(probe: Probe) -> Answer:
    name, image = next(probe.names), probe.content.image()
    probe.steps.parts(name, image)
    pushed = probe.client.put_manifest(name, image.digest, image.data, media_type=image.media_type, tags=["one"])
    if pushed.status == 201 and pushed.header("OCI-Tag") is None:
        found = probe.client.head_manifest(name, "one")
        return Answer(found.status == 200, "" if found.status == 200 else "no tag was made")
    return judge(pushed, 400, 414)


def sha512(probe: Probe) -> Answer:
    name, blob = next(probe.names), probe.content.blob(algorithm="sha512")
    opened = probe.client.start_upload(name, digest_algorithm="sha512")
    session = location_of(opened)
    return judge(probe.client.put_upload(session, blob.digest, blob.data) if session else opened, 400)


def manifest_sha512(probe: Probe) -> Answer:
    name, image = next(probe.names), probe.content.image()
    probe.steps.parts(name, image)
    digest = digest_of(image.data, "sha512")
    return judge(probe.put(name, digest, image), 400, 404, 405)


def digest_algorithm_parameter(probe: Probe) -> Answer:
    return judge(probe.client.start_upload(next(probe.names), digest_algorithm="sha512"), 400)


def catalog(probe: Probe) -> Answer:
    return judge(probe.client.catalog(), 400, 401, 403, 404, 405)


PULLED = frozenset({"push", "catalog"})
"""The capabilities whose probes need no push."""

PROBES: Mapping[str, Callable[[Probe], Answer]] = {
    probe.__name__: probe
    for probe in (
        push, single_post, chunks, empty_blobs, mount, anonymous_mount, blob_range, upload_cancel, digest_pushes,
        tag_moves, indexes, artifacts, tag_deletion, manifest_deletion, tagged_manifest_deletion, blob_deletion,
        referrers, referrers_filter, tag_parameters, sha512, manifest_sha512, digest_algorithm_parameter, catalog,
    )
}  # fmt: skip
