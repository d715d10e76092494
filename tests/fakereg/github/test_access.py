"""The access table: every identity, place and operation, in every way of authenticating, against the rule of access.py.

All differing cells are reported at once, and whatever is refused must have left nothing behind.
"""

from __future__ import annotations

import base64
import functools
import io
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from fakereg import Registry
from fakereg.auth.accounts import Accounts
from fakereg.clock import ManualClock
from fakereg.spec.manifest import DOCKER_IMAGE, parse
from fakereg.spec.names import Digest, Name, Tag
from tests.fakereg.client import DOCKER_LAYER, descriptor, docker_image
from tests.fakereg.github.access import (
    LOGIN,
    NEEDS,
    NOBODY,
    OPERATIONS,
    PEOPLE,
    PLACES,
    RELATIONS,
    VISIBILITIES,
    WAYS,
    Place,
    Who,
    expected,
)

ME, HOST = "mona", "registry.test"
LAYER, CONFIG = b"layer", b"{}"
IMAGE = json.dumps(docker_image(Digest.of(CONFIG), descriptor(DOCKER_LAYER, Digest.of(LAYER)))).encode()

Answer = tuple[int, dict[str, str], bytes]


class World:
    """A registry with a place for each relation and visibility, and the secrets of everybody in the table."""

    def __init__(self, way: str, settings: str) -> None:
        self.way, self.docker = way, way == "basic"
        # HEAD of manifests is off in the Docker registry (GHD-24), and who may use it can be seen only while it is on
        dialect = f"{WAYS[way]},manifest_head=true,{settings}"
        self.clock, self.numbers, self.sessions = ManualClock(), itertools.count(), itertools.count()
        self.accounts = Accounts(clock=self.clock)
        self.registry = Registry(
            dialect=dialect, accounts=self.accounts, clock=self.clock, new_id=lambda: f"id{next(self.sessions)}"
        )
        self.storage = self.registry.storage
        self.images: dict[Name, dict[str, Any]] = {}
        self.accounts.add_user(ME, password="password")
        self.accounts.add_user("stranger")
        self.accounts.add_repository("stranger/elsewhere")
        self.names = {place: self._make(place) for place in PLACES}
        self.sources = {kind: self._name(f"stranger/source-{kind}") for kind in ("public", "private")}
        for kind, name in self.sources.items():
            self.accounts.add_repository(name.removesuffix("/image"), visibility=kind)
            self._package(name, visibility=kind)
        self.secret = functools.cache(self._secret)
        self.token = functools.cache(self._token)

    def _make(self, place: Place) -> Name:
        relation, label = RELATIONS[place.relation], f"r{[*RELATIONS].index(place.relation)}-{place.visibility}"
        owner = ME if place.relation == "the owner" else "stranger"
        if "member" in place.relation or "organization" in place.relation:
            owner = f"org-{label}"
            owners = [ME] if place.relation == "organization owner" else []
            self.accounts.add_organization(owner, owners=owners, members=[ME], base_role=relation.base_role)
        given = {ME: relation.repository} if relation.given else {}
        if self.docker:
            self.accounts.add_repository(f"{owner}/{label}", visibility=place.visibility, roles=given)
        else:
            self.accounts.add_repository(f"{owner}/{label}", visibility="public")
        name = self._name(f"{owner}/{label}")
        repository = f"{owner}/{label}" if relation.connected else ""
        self._package(name, visibility=place.visibility, roles=given, repository=repository)
        return name

    def _name(self, repository: str) -> Name:
        return Name.parse(f"{repository}/image" if self.docker else repository)

    def _package(self, name: Name, *, visibility: str, **fields: Any) -> None:
        """An image with the tag v1."""
        self.images[name] = {"visibility": visibility, **fields}
        self.put_blob(name, LAYER)
        self.put_blob(name, CONFIG)
        manifest = parse(IMAGE, DOCKER_IMAGE, Digest.of(IMAGE))
        self.storage.put_manifest(name, manifest, tags=[Tag("v1")], complete=True)
        if not self.docker:
            self.registry.github.change_package(name, visibility=visibility, **fields)

    def remake(self, name: Name) -> None:
        """Make a place what it was, whatever happened to it."""
        self._package(name, **self.images[name])

    def _secret(self, who: Who, repository: str) -> str:
        tokens = self.accounts
        match who.kind:
            case "classic":
                return tokens.add_classic_token(ME, who.scopes)
            case "actions":
                home = repository if who.bound == "this" else "stranger/elsewhere"
                return tokens.add_actions_token(home, packages=who.permission)
            case "fine-grained":
                return tokens.add_fine_grained_token(ME)
            case "revoked":
                tokens.revoke(secret := tokens.add_classic_token(ME, ["read:packages", "write:packages"]))
                return secret
            case "expired":
                return tokens.add_classic_token(ME, ["read:packages", "write:packages"], expires=self.clock())
        return "password" if who.kind == "password" else "ghp_" + "wrong" * 8

    def credentials(self, who: Who, name: Name) -> str:
        """USER:SECRET in base64."""
        repository = "/".join(name.split("/")[:2]) if who.bound == "this" else ""
        return base64.b64encode(f"{ME}:{self.secret(who, repository)}".encode()).decode()

    def _token(self, who: Who, name: Name, scope: str) -> Answer:
        basic = "" if who == NOBODY else f"Basic {self.credentials(who, name)}"
        return self.send("GET", "/token", f"service={HOST}&scope={scope}", authorization=basic)

    def send(
        self, method: str, path: str, query: str = "", body: bytes = b"", *, authorization: str = "", type: str = ""
    ) -> Answer:
        """One request, as cheaply as WSGI has it: there are tens of thousands."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "HTTP_HOST": HOST,
            "CONTENT_TYPE": type,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
        }
        if authorization:
            environ["HTTP_AUTHORIZATION"] = authorization
        started: list[Any] = []
        content = b"".join(self.registry(environ, lambda *answer: started.extend(answer)))  # type: ignore[arg-type]
        return int(started[0][:3]), dict(started[1]), content

    def put_blob(self, name: Name, content: bytes) -> Digest:
        """Store a blob, past the registry."""
        upload, digest = self.start(name), Digest.of(content)
        upload.claim()
        upload.append(content)
        assert self.storage.finish_upload(upload, digest)
        return digest

    def start(self, name: Name) -> Any:
        """An upload session, opened past the registry."""
        return self.storage.start_upload(name, algorithm="sha256", expiry=1e9, limit=10**9)

    def content(self) -> bytes:
        """Bytes that nobody has seen before."""
        return b"content %d" % next(self.numbers)


class Cell(NamedTuple):
    """One identity at one place, about to do something."""

    world: World
    who: Who
    place: Place
    operation: str

    @property
    def name(self) -> Name:
        return self.world.names[self.place]

    def send(
        self, method: str, path: str, query: str = "", body: bytes = b"", *, more: str = "", type: str = ""
    ) -> int:
        """The status of the request with the credentials; of the token request, if that is refused already.

        `more` is a scope beside the one that the operation needs.
        """
        authorization = ""
        if self.world.way == "token" and not (self.operation == LOGIN and self.who == NOBODY):
            actions = "" if self.operation == LOGIN else "pull" if NEEDS[self.operation].role == "read" else "pull,push"
            scope = f"repository:{self.name}:{actions}" if actions else ""
            status, _, content = self.world.token(self.who, self.name, f"{scope} {more}".strip().replace(" ", "+"))
            if status != 200:
                return status
            authorization = f"Bearer {json.loads(content)['token']}"
        elif self.who != NOBODY:
            scheme = "Basic" if self.world.docker else "Bearer"
            authorization = f"{scheme} {self.world.credentials(self.who, self.name)}"
        status, headers, content = self.world.send(method, path, query, body, authorization=authorization, type=type)
        if status >= 400:
            self._check_refusal(method, status, headers, content)
        return status

    def _check_refusal(self, method: str, status: int, headers: dict[str, str], content: bytes) -> None:
        code = {401: "UNAUTHORIZED", 403: "DENIED"}[status]
        assert method == "HEAD" or json.loads(content)["errors"][0]["code"] == code, self
        challenge = headers.get("WWW-Authenticate", "none ").partition(" ")[0]
        assert challenge == ("none" if status == 403 else "Basic" if self.world.docker else "Bearer"), self


def _get(cell: Cell, path: str, method: str = "GET") -> tuple[int, bool]:
    return cell.send(method, f"/v2/{cell.name}/{path}"), False


def _begin(cell: Cell) -> tuple[int, bool]:
    before = next(cell.world.sessions)
    status = cell.send("POST", f"/v2/{cell.name}/blobs/uploads/")
    return status, next(cell.world.sessions) != before + 1


def _patch(cell: Cell) -> tuple[int, bool]:
    upload = cell.world.start(cell.name)
    status = cell.send("PATCH", f"/v2/{cell.name}/blobs/uploads/{upload.id}", body=cell.world.content())
    return status, upload.size > 0


def _put(cell: Cell) -> tuple[int, bool]:
    upload, content = cell.world.start(cell.name), cell.world.content()
    digest = Digest.of(content)
    status = cell.send("PUT", f"/v2/{cell.name}/blobs/uploads/{upload.id}", f"digest={digest}", content)
    there = cell.world.storage.upload(cell.name, upload.id)
    return status, there is None or there.size > 0 or cell.world.storage.delete_blob(cell.name, digest)


def _post(cell: Cell) -> tuple[int, bool]:
    content = cell.world.content()
    status = cell.send("POST", f"/v2/{cell.name}/blobs/uploads/", f"digest={Digest.of(content)}", content)
    return status, cell.world.storage.delete_blob(cell.name, Digest.of(content))


def _put_manifest(cell: Cell) -> tuple[int, bool]:
    tag = Tag(f"t{next(cell.world.numbers)}")
    status = cell.send("PUT", f"/v2/{cell.name}/manifests/{tag}", body=IMAGE, type=DOCKER_IMAGE)
    return status, cell.world.storage.delete_tag(cell.name, tag)


def _status(cell: Cell) -> tuple[int, bool]:
    return cell.send("GET", f"/v2/{cell.name}/blobs/uploads/{cell.world.start(cell.name).id}"), False


def _mount(cell: Cell, kind: str) -> tuple[int, bool]:
    source = cell.world.sources[kind]
    digest = cell.world.put_blob(source, cell.world.content())
    before = next(cell.world.sessions)
    scope = "" if cell.who == NOBODY and kind == "private" else f"repository:{source}:pull"
    status = cell.send("POST", f"/v2/{cell.name}/blobs/uploads/", f"mount={digest}&from={source}", more=scope)
    begun, mounted = next(cell.world.sessions) != before + 1, cell.world.storage.delete_blob(cell.name, digest)
    assert mounted == (status == 201), cell
    return status, begun or mounted


STEPS: dict[str, Callable[[Cell], tuple[int, bool]]] = {
    LOGIN: lambda cell: (cell.send("GET", "/v2/"), False),
    "pull tag": lambda cell: _get(cell, "manifests/v1"),
    "HEAD manifest": lambda cell: _get(cell, "manifests/v1", "HEAD"),
    "pull blob": lambda cell: _get(cell, f"blobs/{Digest.of(LAYER)}"),
    "HEAD blob": lambda cell: _get(cell, f"blobs/{Digest.of(LAYER)}", "HEAD"),
    "list tags": lambda cell: _get(cell, "tags/list"),
    "push blob: POST": _begin,
    "push blob: PATCH": _patch,
    "push blob: PUT": _put,
    "push blob: one POST": _post,
    "push manifest": _put_manifest,
    "upload status": _status,
    "mount from public": lambda cell: _mount(cell, "public"),
    "mount from private": lambda cell: _mount(cell, "private"),
}
"""Each does the operation; the status, and whether anything was stored."""


def _differences(world: World, *, write_reads: bool) -> Iterator[str]:
    for who, place, operation in itertools.product(PEOPLE, PLACES, OPERATIONS):
        want = expected(world.way, who, place, operation, write_reads=write_reads)
        status, stored = STEPS[operation](Cell(world, who, place, operation))
        got = 200 if status in {201, 204} or (status == 202 and "mount" not in operation) else status
        if got != want or (status >= 400 and stored):
            yield f"{who} {place} {operation}: {status}{' and stored' if stored else ''}, not {want}"


@pytest.mark.row("GHC-04")
@pytest.mark.row("GHC-05")
@pytest.mark.row("GHC-14")
@pytest.mark.row("GHD-06")
@pytest.mark.row("GHD-07")
@pytest.mark.row("GHD-08")
@pytest.mark.row("GHD-09")
@pytest.mark.row("GHD-11")
@pytest.mark.row("GHD-12")
@pytest.mark.row("GHD-13")
@pytest.mark.row("GHD-20")
@pytest.mark.row("GHD-29")
@pytest.mark.parametrize("write_reads", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_every_cell_is_as_the_documentation_has_it(way: str, write_reads: bool) -> None:
    world = World(way, f"write_includes_read={str(write_reads).lower()}")
    differences = list(_differences(world, write_reads=write_reads))
    assert not differences, "\n".join([f"{len(differences)} cells differ:", *differences])


def test_the_table_has_a_step_for_each_operation_and_a_place_for_each_visibility() -> None:
    assert set(STEPS) == set(OPERATIONS)
    assert len(PEOPLE) == len(set(PEOPLE)) == 28
    assert len(PLACES) == len(RELATIONS) * len(VISIBILITIES)
