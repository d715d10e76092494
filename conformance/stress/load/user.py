"""The users of a load test: each fills, reads, lists and empties its own repositories.

A user does one action at a time and is alone in its repositories, so it knows their content.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from random import Random

from conformance.client.client import IMAGE, Client, location_of
from conformance.client.content import DOCKER_LAYER, LAYER, Content, Manifest
from conformance.client.exchange import Body, Exchange
from conformance.client.large_blob import LargeBlob
from conformance.client.reading import MAX_PAGES, next_link
from conformance.client.steps import descriptors_in, tags_in
from conformance.client.transport import Transport, TransportError
from conformance.stress.common.base import Budget, Stress
from conformance.stress.load.plan import Abilities, Asker, Image, Plan, Sample, Wrong, status
from conformance.urls import joined

ARTIFACTS = 2
"""Maximum number of artifacts that refer to one image."""

CLEANERS = 8
"""Users whose content is removed at the same time, in one process."""


class Load:
    """The state that the users of one process share; `worker` is the number of the process."""

    def __init__(self, stress: Stress, plan: Plan, report: Callable[[Sample], None], *, worker: int = 0) -> None:
        self.stress = stress
        self.plan = plan
        self.abilities = Abilities(stress.target.description.absent)
        self._report = report
        self._worker = worker
        self._visitors: list[Visitor] = []
        self._idle: list[Visitor] = []

    def join(self) -> Visitor:
        """Return the user for a beginning session: one that left before, with its repositories, or a new one."""
        if not self._idle:
            self._visitors.append(Visitor(self, f"load-{self._worker}-{len(self._visitors)}"))
            self._idle.append(self._visitors[-1])
        visitor = self._idle.pop()
        visitor.open(self._report)
        return visitor

    def leave(self, visitor: Visitor) -> None:
        """End a user for now; its content stays."""
        visitor.close()
        self._idle.append(visitor)

    def image(self, random: Random) -> Image | None:
        """Return an image of any user in this process; None if the random user has none."""
        return random.choice(self._visitors).image(random)

    def clean_up(self, seconds: float) -> tuple[int, int]:
        """Remove the content of all users, until the time is over; return the numbers of images removed and left."""
        budget = Budget(seconds)
        before = sum(visitor.held for visitor in self._visitors)
        with ThreadPoolExecutor(CLEANERS) as pool:
            list(pool.map(lambda visitor: visitor.clean_up(budget), self._visitors))
        left = sum(visitor.held for visitor in self._visitors)
        return before - left, left


class Visitor:
    """A user, with its own connection between `open` and `close`. Its repositories carry the label."""

    def __init__(self, load: Load, label: str) -> None:
        stress = load.stress
        self._load = load
        self._random = stress.random(f"{stress.id} {label}")
        self._content = Content(seed=stress.seed, label=f"{stress.id} {label}")
        self._images: dict[str, list[Image]] = {
            stress.repository(f"{label}-{number}"): [] for number in range(load.plan.repositories)
        }
        self._transport: Transport | None = None
        self._session = ""

    @property
    def held(self) -> int:
        """The number of its own images that it remembers."""
        return sum(map(len, self._images.values()))

    def open(self, report: Callable[[Sample], None]) -> None:
        """Open a new connection; the results of its requests are reported."""
        self.close()
        transport = self._transport = self._load.stress.target.connect()
        asker = Asker(lambda seen: self._load.stress.client(transport=transport, on_exchange=seen), report)
        self._ask, self._client = asker.ask, asker.client

    def close(self) -> None:
        """Close the connection, even in the middle of a request."""
        if self._transport:
            self._transport.close()
            self._transport = None

    def image(self, random: Random) -> Image | None:
        """Return one of its images; None if the random repository has none."""
        there = [image for image in random.choice(list(self._images.values())) if image.there]
        return random.choice(there) if there else None

    def wait(self) -> float:
        """Return the time to wait before the next action, in seconds."""
        mean = self._load.plan.wait
        return self._random.expovariate(1 / mean) if mean else 0.0

    def act(self) -> None:
        """Do one of the weighted actions; without an image, push one."""
        action = self._load.plan.action(self._random)
        image = self._load.image(self._random) if action == "pull" else self.image(self._random)
        about = {"pull": self._pull, "list": self._list, "delete": self._remove, "referrers": self._refer}
        try:
            if image is None or action == "push":
                self._push_image()
            else:
                about[action](image)
        except Wrong:
            self._cancel()

    def clean_up(self, budget: Budget) -> None:
        """Remove its content and cancel its open upload, as far as the target and the budget allow."""
        self.open(lambda sample: None)
        self._cancel()
        for image in [image for images in self._images.values() for image in images]:
            if not budget.spent:
                with suppress(Wrong):
                    self._remove(image)
        self.close()

    def _push_image(self) -> None:
        """Push an image to a new tag; in a full repository remove the oldest, or move its tag."""
        repository = self._random.choice(list(self._images))
        images, tag = self._images[repository], self._content.word()
        if len(images) >= self._load.plan.images and not self._remove(images[0]):
            images[0].there = False
            tag = images.pop(0).tag
        layers = [self._layer() for _ in range(self._random.randint(1, self._load.plan.layers))]
        self._push(images, repository, tag, self._manifest(layers), layers)

    def _layer(self) -> LargeBlob:
        return self._content.large_blob(self._load.plan.size(self._random))

    def _manifest(self, layers: list[LargeBlob]) -> Manifest:
        """Return an image of these layers in a format that the target accepts."""
        oci = "oci" in self._load.abilities
        described = [
            {"mediaType": LAYER if oci else DOCKER_LAYER, "digest": layer.digest, "size": layer.size}
            for layer in layers
        ]
        make = self._content.image if oci else self._content.docker_image
        return make(layers=0, foreign=described)

    def _push(
        self, images: list[Image], repository: str, tag: str, manifest: Manifest, layers: list[LargeBlob]
    ) -> None:
        """Push a manifest with its layers and its own small blobs; the record of it joins `images` first."""
        blobs = layers + [LargeBlob(blob.data, len(blob.data)) for blob in manifest.blobs]
        digests = tuple(blob.digest for blob in blobs)
        image = Image(repository, tag, manifest.descriptor, digests)
        images.append(image)
        for blob in blobs:
            self._push_blob(repository, blob)
        put = partial(self._client.put_manifest, repository, tag or image.digest, manifest.data)
        right = status(201)
        if manifest.media_type == IMAGE:
            right = self._load.abilities.judged("oci", right)
        answer = self._ask("PUT manifest", partial(put, media_type=manifest.media_type), right)
        image.there = answer.status == 201

    def _push_blob(self, repository: str, blob: LargeBlob) -> None:
        """Check that a blob does not exist, and upload it: with one PUT, or with PATCH and PUT."""
        client = self._client
        self._ask("HEAD blob", lambda: client.follow(client.head_blob(repository, blob.digest)), status(404))
        self._session = _session(self._ask("POST upload", lambda: client.start_upload(repository), _continues))
        body: Body = blob.part(0)
        length: int | None = blob.size
        if self._random.random() < 0.5:
            patched = self._ask(
                "PATCH upload", lambda: client.patch(self._session, blob.part(0), length=blob.size), _continues
            )
            self._session, body, length = _session(patched), b"", None
        put = partial(client.put_upload, self._session, blob.digest, body, length=length)
        self._ask("PUT upload", put, status(201))
        self._session = ""

    def _cancel(self) -> None:
        """Cancel the unfinished upload, if there is one."""
        if self._session:
            with suppress(TransportError):
                self._client.cancel_upload(self._session)
        self._session = ""

    def _pull(self, image: Image) -> None:
        """List the tags, get the manifest by its tag, then every blob.

        An image of another user may be removed meanwhile.
        """
        client, name = self._client, image.repository
        self._ask("GET tags", lambda: client.list_tags(name), partial(_lists, image))
        get = partial(client.get_manifest, name, image.tag)
        self._ask("GET manifest", lambda: client.follow(get()), image.content(image.digest))
        for digest in image.blobs:
            if image.there:
                self._ask("GET blob", partial(_fetch, client, name, digest), image.content(digest))

    def _list(self, image: Image) -> None:
        """List the tags of one of its repositories, in pages as far as Links lead."""
        client, name, found = self._client, image.repository, list[str]()
        n = self._random.randint(1, self._load.plan.images)

        def judge(answer: Exchange) -> str:
            page = tags_in(answer)
            found.extend(page)
            # A full page without a Link may be complete or not: a Link is optional.
            complete = next_link(answer) is None and len(page) != n
            return status(200)(answer) or self._wrong_tags(name, found, complete=complete)

        answer = self._ask("GET tags", lambda: client.list_tags(name, n=n), judge)
        for _ in range(MAX_PAGES):
            if (target := next_link(answer)) is None:
                break
            following = joined(answer.request.url, target)
            answer = self._ask("GET tags", partial(client.request, "GET", following), judge)

    def _wrong_tags(self, name: str, found: list[str], *, complete: bool) -> str:
        """Return the fault of a list, or of its beginning; images under way may be missing."""
        images = self._images[name]
        if len(set(found)) < len(found):
            return "a tag is listed twice"
        if not set(found) <= {image.tag for image in images}:
            return "a tag is listed that was removed or never pushed"
        missing = {image.tag for image in images if image.there} - set(found)
        return "a tag is missing from the list" if complete and missing else ""

    def _refer(self, image: Image) -> None:
        """Push an artifact about an image, unless it has enough, and check that all of them are listed."""
        abilities, client, name = self._load.abilities, self._client, image.repository
        if "referrers" not in abilities or "oci" not in abilities:
            return
        if len(image.artifacts) < ARTIFACTS:
            artifact = self._content.image(subject=image.descriptor, artifact_type="application/vnd.example.thing")
            self._push(image.artifacts, name, "", artifact, [])
        judge = abilities.judged("referrers", partial(_refers, image))
        self._ask("GET referrers", lambda: client.list_referrers(name, image.digest), judge)

    def _remove(self, image: Image) -> bool:
        """Remove an image and its artifacts, as far as the target allows; return whether its tag is gone."""
        was_there, image.there = image.there, False
        removed = self._delete("tag_deletion", "DELETE tag", image, image.tag, sure=was_there)
        for artifact in list(image.artifacts):
            if self._remove_content(artifact, sure=artifact.there):
                image.artifacts.remove(artifact)
        removed |= self._remove_content(image, sure=was_there and not removed)
        if removed:
            self._images[image.repository].remove(image)
        image.there = was_there and not removed
        return removed

    def _remove_content(self, image: Image, *, sure: bool) -> bool:
        """Remove a manifest, check that it is gone, and remove its blobs.

        Return whether the target removes manifests.
        """
        client, name = self._client, image.repository
        image.there = False
        if not self._delete("manifest_deletion", "DELETE manifest", image, image.digest, sure=sure):
            return False
        self._ask("HEAD manifest", lambda: client.head_manifest(name, image.digest), status(404))
        for digest in image.blobs:
            if "blob_deletion" in self._load.abilities:  # the registry may have removed it with the manifest
                judge = self._load.abilities.judged("blob_deletion", status(202, 404))
                self._ask("DELETE blob", partial(client.delete_blob, name, digest), judge)
        return True

    def _delete(self, ability: str, request: str, image: Image, reference: str, *, sure: bool) -> bool:
        """Delete a tag or manifest, which must exist if `sure`; return whether the target can."""
        abilities = self._load.abilities
        if ability in abilities:
            judge = abilities.judged(ability, status(202) if sure else status(202, 404))
            self._ask(request, lambda: self._client.delete_manifest(image.repository, reference), judge)
        return ability in abilities


def _continues(answer: Exchange) -> str:
    return status(202)(answer) or ("" if location_of(answer) else "no Location")


def _session(answer: Exchange) -> str:
    return location_of(answer) or ""


def _fetch(client: Client, name: str, digest: str) -> Exchange:
    return client.follow(client.get_blob(name, digest))


def _lists(image: Image, answer: Exchange) -> str:
    """Return the fault of a tag list that must contain an image while it is there."""
    if not image.there:
        return status(200, 404)(answer)
    listed = image.tag in tags_in(answer) or next_link(answer)
    return status(200)(answer) or ("" if listed else "a tag is missing from the list")


def _refers(image: Image, answer: Exchange) -> str:
    """Return the fault of a list of referrers to an image."""
    listed = {entry.get("digest") for entry in descriptors_in([answer])}
    missing = {artifact.digest for artifact in image.artifacts if artifact.there} - listed
    return status(200)(answer) or ("a referrer is missing from the list" if missing and not next_link(answer) else "")
