"""The rules of a program: one for each endpoint, as generators of client calls.

A rule gets its arguments and the `World` of the program, yields its calls, and is sent the answers. The player (the
machine, or the differential mode) decides how to make and check a call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Any

from conformance.client.client import Client, location_of
from conformance.client.content import digest_of
from conformance.client.exchange import Exchange
from conformance.client.reading import next_link
from conformance.stress.common.base import Stress
from conformance.stress.common.odd_members import ODD_MANIFEST_VALIDITY
from conformance.stress.machine.program import MISSING, REPOSITORIES, STANDARD, Made, Recipe, Value, blob, manifest
from conformance.urls import joined

MAX_PAGES = 20

TOKEN = "{token}"
"""Stands in an Authorization header for a token."""


@dataclass(frozen=True, slots=True)
class Call:
    """A method of the client with its arguments; with `upload` it goes to the location of that upload session.

    `valid` says whether the program considers a manifest valid: yes, no, either, unclear (`odd_members`).
    `credentials` are an Authorization header, with TOKEN for a token of the client's identity, and its scopes.
    """

    method: str
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    upload: int | None = None
    valid: str = "yes"
    credentials: tuple[str, tuple[str, ...]] | None = None

    def make(self, client: Client, world: World) -> Exchange:
        """Make the call."""
        where = () if self.upload is None else (world.uploads[self.upload].location,)
        options = dict(self.options)
        if self.credentials:
            form, scopes = self.credentials
            token = client.token(*scopes) if TOKEN in form else ""
            options["headers"] = (*options.get("headers", ()), ("Authorization", form.replace(TOKEN, token)))
        exchange: Exchange = getattr(client, self.method)(*where, *self.arguments, **options)
        return exchange

    def __str__(self) -> str:
        first = [] if self.upload is None else [f"upload_{self.upload}"]
        shown = first + [repr(value) for value in self.arguments]
        shown += [f"{name}={value!r}" for name, value in self.options.items()]
        shown += [f"credentials={self.credentials!r}"] if self.credentials else []
        return f"client.{self.method}({', '.join(shown)})"


Calls = Generator[Call, Exchange, None]


@dataclass(slots=True)
class Upload:
    """An upload session as its client knows it: its location, the acknowledged bytes, and whether it has ended."""

    location: str
    data: bytes = b""
    ended: bool = False


@dataclass(slots=True)
class World:
    """The world of a program: its repositories, its content (made with `salt`), and its upload sessions.

    `pattern` is the name of repositories without a number, with `{}` for the given name.
    """

    repositories: tuple[str, ...]
    pattern: str
    salt: str
    single_post: bool = False
    """Whether the needed blobs of a manifest are pushed with one POST each, instead of POST and PUT."""
    recipes: tuple[Recipe, ...] = ()
    uploads: list[Upload] = field(default_factory=list)
    pushed: set[tuple[str, str]] = field(default_factory=set)
    """Repository and digest of the content that was pushed as a part of other content, and not deleted, as the client
    knows it.
    """

    @classmethod
    def of(cls, stress: Stress, part: str, recipes: tuple[Recipe, ...], *, single_post: bool = False) -> World:
        """Make a world whose repositories have `part` in their names, in the default place of the run's target."""
        names = tuple(stress.repository(f"{part}{letter}") for letter in ascii_lowercase[:REPOSITORIES])
        return cls(names, stress.repository(f"{part}/{{}}"), f"{stress.id} {part}", single_post, recipes)

    def name(self, repository: Value) -> str:
        """Return the name of a repository."""
        if isinstance(repository, int):
            return self.repositories[repository % len(self.repositories)]
        text = str(repository)
        return text.replace("{}", self.pattern.replace("{}", "x")) if "{}" in text else self.pattern.replace("{}", text)

    @property
    def count(self) -> int:
        """The number of recipes."""
        return len(STANDARD) + len(self.recipes)

    def manifest(self, number: int) -> Made:
        """Return a manifest by its number; MISSING is one that is never pushed."""
        return manifest(number if number == MISSING else number % self.count, self.recipes, self.salt)

    def blob(self, number: int) -> bytes:
        """Return a blob by its number."""
        return blob(number, self.salt)

    def reference(self, text: str) -> str:
        """Return a tag or digest.

        `@3` is the digest of manifest 3, `@blob1/sha512` that of a blob with another algorithm.
        """
        if not text.startswith("@"):
            return text
        which, _, algorithm = text[1:].partition("/")
        if which.startswith("blob"):
            return digest_of(self.blob(int(which.removeprefix("blob"))), algorithm or "sha256")
        made = self.manifest(int(which))
        return digest_of(made.data, algorithm) if algorithm else made.digest

    def opened(self, exchange: Exchange) -> None:
        """Add a new upload session, if the answer has one."""
        if exchange.status == 202 and (location := location_of(exchange)):
            self.uploads.append(Upload(location))

    def moved(self, number: int, exchange: Exchange, data: bytes = b"") -> None:
        """Update the location and the content of an upload session from its answer."""
        upload = self.uploads[number]
        if exchange.status in {202, 204}:
            upload.location = location_of(exchange) or upload.location
        if exchange.status == 202:
            upload.data += data


def ping(world: World) -> Calls:
    yield Call("ping")


def push_blob(world: World, repository: Value, blob: int, digest: str = "") -> Calls:
    """Open a session and close it with a PUT of all bytes; `digest` replaces the correct digest."""
    yield from _opened(world, Call("start_upload", (world.name(repository),)))
    if world.uploads:
        yield from _finish(world, len(world.uploads) - 1, blob, digest)


def post_blob(world: World, repository: Value, blob: int, digest: str = "") -> Calls:
    given = world.reference(digest or f"@blob{blob}")
    yield from _opened(world, Call("post_blob", (world.name(repository), given, world.blob(blob))))


def mount(world: World, repository: Value, digest: str, source: Value = None) -> Calls:
    options = {} if source is None else {"source": world.name(source)}
    yield from _opened(world, Call("mount", (world.name(repository), world.reference(digest)), options))


def start_upload(world: World, repository: Value, algorithm: str = "") -> Calls:
    options = {"digest_algorithm": algorithm} if algorithm else {}
    yield from _opened(world, Call("start_upload", (world.name(repository),), options))


def patch(world: World, upload: int, blob: int, size: int, content_range: str = "") -> Calls:
    """Send the next `size` bytes of a blob.

    `content_range` is `right`, `late`, `early`, `first`, or the header itself.
    """
    for number in _session(world, upload):
        held = len(world.uploads[number].data)
        data = world.blob(blob)[held : held + size]
        answer = yield Call("patch", (data,), _ranged(content_range, held, data), upload=number)
        world.moved(number, answer, data)


def finish_upload(world: World, upload: int, blob: int, digest: str = "", content_range: str = "") -> Calls:
    """Send the rest of a blob; `digest` replaces the digest of the session's content."""
    for number in _session(world, upload):
        yield from _finish(world, number, blob, digest, content_range)


def upload_status(world: World, upload: int) -> Calls:
    for number in _session(world, upload):
        answer = yield Call("upload_status", upload=number)
        world.moved(number, answer)


def cancel_upload(world: World, upload: int) -> Calls:
    for number in _session(world, upload):
        answer = yield Call("cancel_upload", upload=number)
        world.uploads[number].ended = answer.status == 204


def get_blob(world: World, repository: Value, digest: str, range: str = "") -> Calls:
    options = {"headers": (("Range", range),)} if range else {}
    yield Call("get_blob", (world.name(repository), world.reference(digest)), options)


def head_blob(world: World, repository: Value, digest: str) -> Calls:
    yield Call("head_blob", (world.name(repository), world.reference(digest)))


def delete_blob(world: World, repository: Value, digest: str) -> Calls:
    where = world.name(repository), world.reference(digest)
    world.pushed.discard(where)
    yield Call("delete_blob", where)


def push_manifest(world: World, repository: Value, manifest: int, reference: str) -> Calls:
    """Push a manifest with all that it refers to."""
    yield from _parts(world, repository, world.manifest(manifest).recipe)
    yield from put_manifest(world, repository, manifest, reference)


def put_manifest(
    world: World, repository: Value, manifest: int, reference: str, media_type: str = "", tags: str = ""
) -> Calls:
    """Push a manifest alone; `tags` are further tags, separated by spaces."""
    made = world.manifest(manifest)
    options: dict[str, Any] = {"media_type": media_type or made.media_type}
    if tags:
        options["tags"] = tuple(tags.split())
    yield Call(
        "put_manifest",
        (world.name(repository), world.reference(reference), made.data),
        options,
        valid=_validity(made, media_type),
    )


def get_manifest(world: World, repository: Value, reference: str) -> Calls:
    yield Call("get_manifest", (world.name(repository), world.reference(reference)))


def head_manifest(world: World, repository: Value, reference: str) -> Calls:
    yield Call("head_manifest", (world.name(repository), world.reference(reference)))


def delete_manifest(world: World, repository: Value, reference: str) -> Calls:
    where = world.name(repository), world.reference(reference)
    world.pushed.discard(where)
    yield Call("delete_manifest", where)


def list_tags(world: World, repository: Value, n: Value = None, last: str | None = None) -> Calls:
    """List the tags page by page, following the Links."""
    options = {name: value for name, value in (("n", n), ("last", last)) if value is not None}
    answer = yield Call("list_tags", (world.name(repository),), options)
    for _ in range(MAX_PAGES):
        link = next_link(answer)
        if link is None:
            break
        answer = yield Call("request", ("GET", joined(answer.request.url, link)))


def list_referrers(world: World, repository: Value, digest: str, artifact_type: str = "") -> Calls:
    options = {"artifact_type": artifact_type} if artifact_type else {}
    yield Call("list_referrers", (world.name(repository), world.reference(digest)), options)


def catalog(world: World, n: int | None = None) -> Calls:
    yield Call("catalog", (), {} if n is None else {"n": n})


RULES: Mapping[str, Callable[..., Calls]] = {
    rule.__name__: rule
    for rule in (
        ping, push_blob, post_blob, mount, start_upload, patch, finish_upload, upload_status, cancel_upload, get_blob,
        head_blob, delete_blob, push_manifest, put_manifest, get_manifest, head_manifest, delete_manifest, list_tags,
        list_referrers, catalog,
    )
}  # fmt: skip


def _opened(world: World, call: Call) -> Calls:
    answer = yield call
    world.opened(answer)


def _session(world: World, upload: int) -> Iterator[int]:
    """Yield the number of an existing session: 0 and 1 are the latest open ones; nothing if none was opened."""
    running = [number for number, session in enumerate(world.uploads) if not session.ended]
    if running and upload < 2:
        yield running[-1 - upload % len(running)]
    elif world.uploads:
        yield upload % len(world.uploads)


def _finish(world: World, number: int, blob: int, digest: str, content_range: str = "") -> Calls:
    held = world.uploads[number].data
    data = world.blob(blob)[len(held) :]
    given = world.reference(digest) if digest else digest_of(held + data)
    answer = yield Call("put_upload", (given, data), _ranged(content_range, len(held), data), upload=number)
    world.uploads[number].ended = answer.status == 201


def _ranged(text: str, held: int, data: bytes) -> dict[str, str]:
    if text in (places := {"right": held, "late": held + 1, "early": max(held - 1, 0), "first": 0}):
        text = f"{places[text]}-{places[text] + len(data) - 1}" if data else ""
    return {"content_range": text} if text else {}


def _parts(world: World, repository: Value, recipe: Recipe) -> Calls:
    """Push the missing parts of a manifest, as far as the world knows."""
    name = world.name(repository)
    push = post_blob if world.single_post else push_blob
    for number in dict.fromkeys(recipe.blobs):
        if (name, digest := world.reference(f"@blob{number}")) not in world.pushed:
            yield from push(world, repository, number)
            world.pushed.add((name, digest))
    for child in recipe.children:
        if child != MISSING and (name, digest := world.reference(f"@{child}")) not in world.pushed:
            yield from push_manifest(world, repository, child, f"@{child}")
            world.pushed.add((name, digest))


def _validity(made: Made, media_type: str) -> str:
    odd = ODD_MANIFEST_VALIDITY[made.recipe.odd] if made.recipe.odd else "yes"
    return odd if odd in {"no", "unclear"} or media_type in {"", made.media_type} else "either"
