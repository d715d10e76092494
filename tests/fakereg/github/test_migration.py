"""Migration from the Docker registry to the Container registry: both hosts afterwards, clashes, failures, pushes."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fakereg.auth.accounts import Visibility
from fakereg.github.migration import MigrationConflict
from fakereg.spec.manifest import OCI_INDEX
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import StorageError
from fakereg.storage.index import Change, Index
from fakereg.storage.memory import MemoryStorage
from fakereg.storage.repositories import Repositories
from tests.fakereg.client import descriptor, docker_image, image, index
from tests.fakereg.ghes import Ghes

NAME = "octo-org/service/monalisa"
SITE = "octo-org/site/page"
OWN = "octocat/octo-app/monalisa"
API = "/api/v3/orgs/octo-org/packages"

pytestmark = pytest.mark.row("GHD-31")


def content(ghes: Ghes, type: str, name: str = NAME) -> dict[str, Any]:
    """What the storage of a registry has of an image: its tags with digests, and its blobs."""
    site = ghes.registry.github.site(type)
    assert site is not None
    storage, image = site.storage, Name(name)
    tags = {tag: storage.manifest(image, tag) for tag in storage.tags(image) or []}
    layers = [Digest.of(layer) for layer in (b"layer", b"another")]
    return {"tags": tags, "blobs": [layer for layer in layers if storage.blob_size(image, layer)]}


@pytest.mark.parametrize("where", ["memory", "directory"])
def test_afterwards_both_hosts_serve_the_image(tmp_path: Path, where: str) -> None:
    ghes = Ghes(storage=where if where == "memory" else f"directory:{tmp_path}")
    docker, containers = ghes.docker(), ghes.containers()
    digest = docker.publish(NAME, "1.0")
    docker.publish(NAME, "latest")
    docker.publish(NAME, "2.0", layer=b"another")
    before = content(ghes, "docker")
    assert containers.get(f"/v2/{NAME}/manifests/1.0").status_code == 404
    assert ghes.registry.github.migrate("Octo-Org") == [NAME]
    assert content(ghes, "container") == content(ghes, "docker") == before
    for client in (docker, containers):
        assert Digest.of(client.get(f"/v2/{NAME}/manifests/1.0").data) == digest
        assert client.get(f"/v2/{NAME}/blobs/{Digest.of(b'layer')}", buffered=True).data == b"layer"
        assert client.get(f"/v2/{NAME}/tags/list").get_json()["tags"] == ["1.0", "2.0", "latest"]
    ghes.registry.close()


def test_the_package_is_linked_to_its_repository_and_inherits_from_it(ghes: Ghes) -> None:
    for name in (NAME, SITE):
        ghes.docker().publish(name, "1.0")
    ghes.registry.github.migrate()
    private, public = (ghes.package("container", name) for name in (NAME, SITE))
    assert (private.repository, private.visibility) == ("octo-org/service", Visibility.PRIVATE)
    assert (public.repository, public.visibility) == ("octo-org/site", Visibility.PUBLIC)
    assert ghes.containers("mona").get(f"/v2/{NAME}/manifests/1.0").status_code == 200  # admin of the repository
    anonymous = ghes.stranger("containers.")
    token = anonymous.get(f"/token?scope=repository:{SITE}:pull").get_json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert anonymous.get(f"/v2/{SITE}/manifests/1.0", headers=headers).status_code == 200


def test_the_api_finds_it_by_both_types(ghes: Ghes) -> None:
    ghes.docker().publish(NAME, "1.0")
    digest = ghes.docker().publish(NAME, "latest")
    ghes.docker().get(f"/v2/{NAME}/manifests/1.0")
    ghes.docker().get(f"/v2/{NAME}/manifests/latest")
    api = ghes.api()
    id = api.get(f"{API}/docker/monalisa").get_json()["id"]
    ghes.registry.github.migrate("octo-org")
    ghes.containers().publish("octo-org/only-container", "1.0")
    found = {type: api.get(f"{API}?package_type={type}").get_json() for type in ("docker", "container")}
    assert [package["name"] for package in found["docker"]] == ["service/monalisa"]
    assert [package["name"] for package in found["container"]] == ["only-container", "service/monalisa"]
    assert found["docker"][0] == found["container"][1]
    for path in ("docker/monalisa", "docker/service%2Fmonalisa", "container/service%2Fmonalisa"):
        document = api.get(f"{API}/{path}").get_json()
        assert (document["id"], document["package_type"], document["version_count"]) == (id, "container", 1)
        (version,) = api.get(f"{API}/{path}/versions").get_json()
        assert (version["name"], version["metadata"]["container"]["tags"]) == (digest, ["1.0", "latest"])
    assert ghes.versions("container", NAME)[digest].downloads == 2


def test_afterwards_pushes_land_in_the_container_registry(ghes: Ghes) -> None:
    docker, containers = ghes.docker(), ghes.containers()
    docker.publish(NAME, "1.0")
    ghes.registry.github.migrate()
    docker.publish(NAME, "2.0", layer=b"another")
    docker.publish("octo-org/site/new", "1.0")
    for name, tag in [(NAME, "2.0"), ("octo-org/site/new", "1.0")]:
        assert containers.get(f"/v2/{name}/manifests/{tag}").status_code == 200
        assert docker.get(f"/v2/{name}/manifests/{tag}").status_code == 200
    assert "2.0" not in content(ghes, "docker")["tags"]
    package = ghes.package("container", "octo-org/site/new")
    assert (package.repository, package.visibility) == ("octo-org/site", Visibility.PUBLIC)
    assert ghes.api().delete(f"{API}/docker/monalisa").status_code == 204
    assert docker.get(f"/v2/{NAME}/manifests/1.0").status_code == 404


def test_afterwards_a_package_has_its_own_rights_at_both_hosts(ghes: Ghes) -> None:
    """mona, who may do everything in one repository and reads the public one, is nobody to these packages."""
    ghes.docker().publish(SITE, "1.0")
    ghes.registry.github.migrate()
    mona = ghes.docker("mona")
    assert mona.get(f"/v2/{SITE}/manifests/1.0").status_code == 200
    ghes.registry.github.change_package(SITE, visibility="private", repository="")
    for name in (NAME, "octo-org/site/secret"):
        ghes.containers("hubot").publish(name, "1.0")
    for name in (SITE, NAME, "octo-org/site/secret"):
        assert mona.get(f"/v2/{name}/manifests/1.0").status_code == 401
        assert mona.post(f"/v2/{name}/blobs/uploads/").status_code == 401
        assert ghes.docker().get(f"/v2/{name}/manifests/1.0").status_code == 200
    assert mona.publish("octo-org/service/new", "1.0")  # where there is nothing, the role on the repository decides


@pytest.mark.parametrize("format", ["opaque", "ES256"])
def test_tokens_of_the_docker_registry_have_the_same_rights(format: str) -> None:
    ghes = Ghes(dialect=[f"github-docker,auth=bearer,token_format={format}", "github-container"])
    ghes.registry.github.migrate()
    ghes.containers("hubot").publish("octo-org/site/secret", "1.0")
    form = {"service": "test", "client_id": "test", "grant_type": "password"}
    form["scope"] = "repository:octo-org/site/secret:pull"
    for user, granted in (("mona", ""), ("octocat", "pull")):
        credentials = {"username": user, "password": ghes.secret(user)}
        issued = ghes.stranger("docker.").post("/token", data={**form, **credentials}).get_json()
        assert issued["scope"] == f"repository:octo-org/site/secret:{granted}"


@pytest.mark.parametrize(("name", "source"), [(NAME, OWN), (OWN, SITE)])
def test_no_blob_is_mounted_from_one_registry_into_the_other(ghes: Ghes, name: str, source: str) -> None:
    """Each registry may have content under the other one's name: from before the migration, or by chance."""
    ghes.docker().publish(SITE, "1.0")
    ghes.registry.github.migrate()
    ghes.containers().publish(OWN, "1.0")
    query = {"mount": Digest.of(b"layer"), "from": source}
    assert ghes.docker().post(f"/v2/{name}/blobs/uploads/", query_string=query).status_code == 202


def test_what_was_deleted_before_does_not_come_back_without_its_blobs(ghes: Ghes) -> None:
    for tag in ("1.0", "2.0"):
        ghes.docker().publish(NAME, tag, layer=tag.encode())
    api, path = ghes.api(), f"{API}/docker/monalisa/versions"
    _, old = api.get(path).get_json()
    assert api.delete(f"{path}/{old['id']}").status_code == 204
    ghes.registry.github.migrate()
    assert api.get(f"{path}?state=deleted").get_json() == []
    assert api.post(f"{path}/{old['id']}/restore").status_code == 404
    assert ghes.containers().get(f"/v2/{NAME}/tags/list").get_json()["tags"] == ["2.0"]


def test_images_of_users_and_of_other_organizations_stay(ghes: Ghes) -> None:
    ghes.accounts.add_organization("other-org", owners=["octocat"])
    ghes.accounts.add_repository("other-org/app")
    for name in (OWN, "other-org/app/image", NAME):
        ghes.docker().publish(name, "1.0")
    assert ghes.registry.github.migrate("octo-org") == [NAME]
    assert ghes.package("container", OWN) is None
    assert ghes.registry.github.migrate() == ["other-org/app/image"]
    assert ghes.registry.github.migrate() == []
    assert ghes.package("container", OWN) is None
    assert ghes.docker().get(f"/v2/{OWN}/manifests/1.0").status_code == 200


def test_clashes_make_the_whole_migration_fail_and_are_all_named(ghes: Ghes) -> None:
    for name in (NAME, SITE, "octo-org/service/free"):
        ghes.docker().publish(name, "1.0")
    for name in (NAME, SITE):
        ghes.containers().publish(name, "1.0", layer=b"another")
    with pytest.raises(MigrationConflict) as caught:
        ghes.registry.github.migrate()
    assert caught.value.names == (NAME, SITE)
    assert ghes.package("container", "octo-org/service/free") is None
    assert ghes.docker().publish(NAME, "2.0")
    for path in ("service%2Fmonalisa", "site%2Fpage"):
        assert ghes.api().delete(f"{API}/container/{path}").status_code == 204
    assert len(ghes.registry.github.migrate()) == 3
    conflicts = ghes.api().get("/api/v3/orgs/octo-org/docker/conflicts")
    assert conflicts.get_json() == []


class Failing(Repositories):
    """Fails when content of the image with the tag `bad` arrives, or does something else there."""

    def __init__(self, **options: Any) -> None:
        super().__init__(MemoryStorage(), **options)
        self.at_bad: Any = None

    def change(self, name: Name, plan: Callable[[Index], Change | None]) -> bool:
        """Make a change, or not."""
        at_bad = self.at_bad
        if at_bad and name == SITE:
            self.at_bad = None
            at_bad()
        return super().change(name, plan)


def _fail() -> None:
    raise StorageError("the disk is full")


@pytest.fixture
def failing(ghes: Ghes) -> Failing:
    """The storage of the Container registry, with an image to migrate before the bad one, and the bad one."""
    site = ghes.registry.github.site("container")
    assert site is not None
    site.storage = storage = Failing(clock=ghes.clock)
    ghes.docker().publish(NAME, "1.0")
    ghes.docker().publish(SITE, "bad")
    return storage


def test_a_failure_in_the_middle_leaves_nothing(ghes: Ghes, failing: Failing) -> None:
    ghes.containers().push_blob(NAME, b"layer")
    before = content(ghes, "container"), content(ghes, "container", SITE)
    failing.at_bad = _fail
    with pytest.raises(StorageError, match="full"):
        ghes.registry.github.migrate()
    assert (content(ghes, "container"), content(ghes, "container", SITE)) == before
    assert before[0]["blobs"] == [Digest.of(b"layer")]
    ghes.docker().publish(NAME, "2.0", layer=b"another")
    assert ghes.registry.github.migrate() == [NAME, SITE]
    assert "2.0" in content(ghes, "container")["tags"]


def test_no_reset_comes_between(ghes: Ghes, failing: Failing) -> None:
    ghes.registry.control_secret = "control-secret-of-this-test"
    api, headers = ghes.stranger(), {"Authorization": f"Bearer {ghes.registry.control_secret}"}

    def reset() -> None:
        with pytest.raises(ValueError, match="a migration is running"):
            ghes.registry.reset()
        for path in ("reset", "migration"):
            response = api.post(f"/_fakereg/{path}", json={}, headers=headers)
            assert response.status_code == 409
            assert "a migration is running" in response.text

    failing.at_bad = reset
    assert ghes.registry.github.migrate() == [NAME, SITE]
    assert content(ghes, "container") == content(ghes, "docker")


def test_a_tag_that_is_deleted_meanwhile_ends_the_migration(ghes: Ghes, failing: Failing) -> None:
    """A deletion through the registry, if it began before, does not wait."""
    failing.at_bad = lambda: ghes.registry.sites.all[0].storage.delete_tag(Name(SITE), Tag("bad"))
    with pytest.raises(StorageError, match="was changed"):
        ghes.registry.github.migrate()
    assert content(ghes, "container") == {"tags": {}, "blobs": []}


def test_no_push_is_lost_while_images_move(ghes: Ghes, failing: Failing) -> None:
    seen: list[tuple[int, str | None]] = []
    docker, containers, api = ghes.docker(), ghes.containers(), ghes.api()
    upload = docker.start(NAME)

    def push() -> None:
        document = docker_image(Digest.of(b"{}"), descriptor("a/b", Digest.of(b"layer")))
        for client in (docker, containers):
            responses = [client.put_manifest(NAME, "3.0", document), client.post(f"/v2/{NAME}/blobs/uploads/")]
            seen.extend((response.status_code, response.headers.get("Retry-After")) for response in responses)
        seen.append((docker.put(f"{upload}?digest={Digest.of(b'x')}", data=b"x").status_code, "10"))
        seen.append((api.delete(f"{API}/docker/monalisa").status_code, "10"))
        assert docker.get(f"/v2/{NAME}/manifests/1.0").status_code == 200
        assert docker.publish(OWN, "1.0")
        with pytest.raises(ValueError, match="a migration is running"):
            ghes.registry.github.migrate()

    failing.at_bad = push
    ghes.registry.github.migrate()
    assert seen == [(503, "10")] * 6
    assert docker.publish(NAME, "3.0", layer=b"another")


@pytest.mark.parametrize("has_moved", [False, True])
def test_a_push_that_began_before_does_not_end_in_the_old_place(ghes: Ghes, has_moved: bool) -> None:
    """The body of a manifest may arrive while the image moves, or when it has moved already."""
    docker = ghes.docker()
    docker.publish(NAME, "1.0")
    stored = docker.get(f"/v2/{NAME}/manifests/1.0").data
    running = ExitStack()

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if has_moved:
                ghes.registry.github.migrate()
            elif not ghes.registry.github.ledger.move:
                running.enter_context(ghes.registry.github.ledger.moving(frozenset({"octo-org"})))
            return super().read(size)

    response = docker.put(
        f"/v2/{NAME}/manifests/2.0",
        input_stream=Slow(stored),
        content_type="application/vnd.docker.distribution.manifest.v2+json",
        environ_overrides={"wsgi.input_terminated": True},
    )
    running.close()
    assert response.status_code == 503
    assert list(content(ghes, "docker")["tags"]) == ["1.0"]
    assert list(content(ghes, "container")["tags"]) == (["1.0"] if has_moved else [])


def test_a_migration_needs_both_registries_and_organizations(ghes: Ghes) -> None:
    with pytest.raises(ValueError, match="nobody"):
        ghes.registry.github.migrate("octo-org", "nobody")
    with pytest.raises(ValueError, match="no organization octocat"):
        ghes.registry.github.migrate("octocat")
    with pytest.raises(ValueError, match="a Container registry"):
        Ghes(dialect="github-docker").registry.github.migrate()


def test_a_reset_forgets_that_images_have_moved(ghes: Ghes) -> None:
    ghes.docker().publish(NAME, "1.0")
    ghes.registry.github.migrate()
    ghes.registry.reset()
    ghes.docker().publish(NAME, "1.0")
    assert ghes.package("container", NAME) is None
    assert ghes.package("docker", NAME) is not None


@pytest.mark.parametrize("by_digest", [True, False])
def test_children_and_referrers_move_with_their_index(by_digest: bool) -> None:
    settings = f"github-docker,indexes=true,manifest_formats=docker|oci,digest_references={by_digest}"
    ghes = Ghes(dialect=[settings, "github-container,referrers=true"])
    docker, containers = ghes.docker(), ghes.containers()
    children = [docker.publish(NAME, "index", layer=layer) for layer in (b"layer", b"another")]
    document = index(*children)
    assert docker.put_manifest(NAME, "index", document).status_code == 201
    top = Digest.of(json.dumps(document).encode())
    blobs = [docker.push_blob(NAME, content) for content in (b"{}", b"signature")]
    signature = image(*blobs, subject=descriptor(OCI_INDEX, top))
    signed = Digest.of(json.dumps(signature).encode())
    for tagged in (signature, document):  # only the index has a tag at the end
        assert docker.put_manifest(NAME, "index", tagged).status_code == 201
    old = docker.publish(NAME, "moved", layer=b"old")
    docker.publish(NAME, "moved", layer=b"new")
    assert ghes.registry.github.migrate() == [NAME]
    headers = {"Accept": "*/*, application/vnd.oci.image.index.v1+json"}
    hosts = [docker, containers] if by_digest else [containers]
    for client, digest in itertools.product(hosts, [*children, top, signed]):
        assert client.get(f"/v2/{NAME}/manifests/{digest}", headers=headers).status_code == 200
    (referrer,) = containers.get(f"/v2/{NAME}/referrers/{top}").get_json()["manifests"]
    assert referrer["digest"] == signed
    for blob in (b"layer", b"another", b"signature"):
        assert containers.get(f"/v2/{NAME}/blobs/{Digest.of(blob)}", buffered=True).data == blob
    assert containers.get(f"/v2/{NAME}/manifests/{old}").status_code == (200 if by_digest else 404)
    assert len({version.id for version in ghes.versions("container", NAME).values()}) == (6 if by_digest else 5)


READ = [("GET", "tags/list"), ("GET", "manifests/1.0"), ("GET", f"blobs/{Digest.of(b'layer')}")]
READ += [("HEAD", f"blobs/{Digest.of(b'layer')}"), ("HEAD", "manifests/1.0"), ("GET", f"referrers/{Digest.of(b'x')}")]
WRITE = [("POST", "blobs/uploads/"), ("PATCH", "blobs/uploads/x"), ("PUT", "blobs/uploads/x"), ("PUT", "manifests/2.0")]
WRITE += [("DELETE", "manifests/1.0"), ("DELETE", f"blobs/{Digest.of(b'layer')}"), ("DELETE", "blobs/uploads/x")]


@pytest.mark.parametrize(("state", "refused", "status"), [("disabled", READ + WRITE, 404), ("read-only", WRITE, 403)])
def test_the_state_of_the_container_registry_holds_at_both_hosts(
    ghes: Ghes, state: str, refused: list[tuple[str, str]], status: int
) -> None:
    ghes.docker().publish(NAME, "1.0")
    ghes.registry.github.migrate()
    ghes.registry.configure(registry="github-container", ecosystem=state)
    for client, (method, path) in itertools.product((ghes.docker(), ghes.containers()), READ + WRITE):
        answer = client.open(f"/v2/{NAME}/{path}", method=method, buffered=True)
        if (method, path) in refused:
            assert answer.status_code == status, (method, path)
        else:
            assert answer.status_code in (200, 404, 405), (method, path)
    assert ghes.docker().get(f"/v2/{NAME}/manifests/1.0").status_code == (200 if state == "read-only" else 404)
    assert ghes.api().delete(f"{API}/docker/monalisa").status_code == (403 if state == "read-only" else 404)
    ghes.docker().publish(OWN, "1.0")  # what has not moved is not affected


@pytest.mark.parametrize("where", ["directory", "sqlite"])
def test_a_migration_is_not_forgotten(tmp_path: Path, where: str) -> None:
    ghes = Ghes(storage=f"{where}:{tmp_path / 'store'}")
    ghes.docker().publish(NAME, "1.0")
    ghes.registry.github.migrate()
    ghes.docker().publish(NAME, "2.0", layer=b"another")
    ghes = ghes.restarted()
    for client in (ghes.docker(), ghes.containers()):
        assert client.get(f"/v2/{NAME}/tags/list").get_json()["tags"] == ["1.0", "2.0"]
    assert ghes.registry.github.migrate() == []
    ghes.registry.reset()
    ghes = ghes.restarted()
    ghes.docker().publish(NAME, "3.0")
    assert ghes.containers().get(f"/v2/{NAME}/manifests/3.0").status_code == 404
    ghes.registry.close()


def test_what_the_options_say_outlasts_a_reset() -> None:
    ghes = Ghes(migrated=["Octo-Org"])
    for _ in range(2):
        ghes.docker().publish(NAME, "1.0")
        assert ghes.containers().get(f"/v2/{NAME}/manifests/1.0").status_code == 200
        ghes.registry.reset()


def visible(ghes: Ghes) -> dict[Any, Any]:
    """What the Container registry shows of the images that are to come, to whom might see it."""
    answers: dict[Any, Any] = {}
    for user, name in itertools.product(("octocat", "hubot"), (NAME, SITE)):
        digest = ghes.registry.sites.all[0].storage.targets(Name(name)).get(Tag("1.0"), "none")
        client, api = ghes.containers(user), ghes.api(user)
        paths = ("tags/list", "manifests/1.0", f"manifests/{digest}", f"blobs/{Digest.of(b'layer')}")
        for method, path in itertools.product(("GET", "HEAD"), paths):
            answers[user, name, method, path] = client.open(f"/v2/{name}/{path}", method=method).status_code
        query = {"mount": Digest.of(b"layer"), "from": name}
        answers[user, name, "mount"] = client.post(f"/v2/{user}/x/blobs/uploads/", query_string=query).status_code
        for path in (f"{API}?package_type=container", "/orgs/octo-org/packages"):
            answers[user, path] = api.get(path).data
    return answers


def test_nothing_is_seen_of_copies_before_all_are_there(ghes: Ghes, failing: Failing) -> None:
    ghes.docker().publish(NAME, "1.0")
    before, during = visible(ghes), dict[Any, Any]()
    failing.at_bad = lambda: during.update(visible(ghes))
    assert ghes.registry.github.migrate() == [NAME, SITE]
    assert during == before
    assert visible(ghes) != before


_KILLED = """
import itertools, os, shutil, signal, sys
from pathlib import Path
from fakereg.storage.directory import DirectoryStorage
from fakereg.storage.sqlite import SqliteStorage
from fakereg.storage.uploads import Upload
from tests.fakereg.ghes import Ghes

where, folder = sys.argv[1], Path(sys.argv[2])

def die_at(number):
    "Let the process die when content or notes have changed for the n-th time."
    count = itertools.count(1)
    def mortal(method):
        def call(*arguments):
            result = method(*arguments)
            if next(count) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return call
    for owner, name in ((DirectoryStorage, "apply"), (SqliteStorage, "apply"), (Upload, "append"), (Upload, "claim")):
        setattr(owner, name, mortal(getattr(owner, name)))

for number in itertools.count(1):
    shutil.copytree(folder / "0", folder / str(number))
    child = os.fork()
    if not child:
        ghes = Ghes(storage=f"{where}:{folder / str(number) / 'store'}")
        die_at(number)
        ghes.registry.github.migrate()
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(number)
"""


@pytest.mark.parametrize("where", ["directory", "sqlite"])
def test_a_migration_that_was_killed_is_undone_or_completed(tmp_path: Path, where: str) -> None:
    """The process is killed at each step; the next start finds all of it or nothing, and migrates again."""
    (tmp_path / "0").mkdir()
    ghes = Ghes(storage=f"{where}:{tmp_path / '0' / 'store'}")
    for name, tag in ((NAME, "1.0"), (SITE, "1.0"), (SITE, "2.0")):
        ghes.docker().publish(name, tag)
    documents = ghes.api().get(f"{API}?package_type=docker").get_json()
    before = visible(ghes)
    ghes.registry.close()
    command = [sys.executable, "-c", _KILLED, where, str(tmp_path)]
    killed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    completed = []
    for number in range(1, int(killed.stdout)):
        next_one = ghes.another(storage=f"{where}:{tmp_path / str(number) / 'store'}")
        moved = next_one.containers().get(f"/v2/{NAME}/manifests/1.0").status_code == 200
        completed.append(moved)
        if not moved:
            assert visible(next_one) == before, number
            next_one.docker().publish(NAME, "2.0")
            assert next_one.registry.github.migrate() == [NAME, SITE], number
        for client, name in itertools.product((next_one.docker(), next_one.containers()), (NAME, SITE)):
            assert client.get(f"/v2/{name}/manifests/1.0").status_code == 200, number
        assert next_one.docker().publish(NAME, "3.0")
        found = next_one.api().get(f"{API}?package_type=docker").get_json()
        assert [each["id"] for each in found] == [each["id"] for each in documents], number
        assert next_one.registry.github.ledger.move is None
        next_one.registry.close()
    assert completed == sorted(completed)
    assert {*completed} == {True, False}


def test_a_server_that_lives_takes_up_what_another_one_has_left(tmp_path: Path) -> None:
    ghes = Ghes(storage=f"sqlite:{tmp_path / 'store'}")
    ghes.docker().publish(NAME, "1.0")
    code = f"""
import os, signal
from fakereg.storage.uploads import Upload
from tests.fakereg.ghes import Ghes
ghes = Ghes(storage="sqlite:{tmp_path / "store"}")
Upload.append = lambda upload, data: print("half", flush=True) or input() and os.kill(os.getpid(), signal.SIGKILL)
ghes.registry.github.migrate()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdin
        assert other.stdout.readline() == "half\n"
        assert ghes.docker().post(f"/v2/{NAME}/blobs/uploads/").status_code == 503
        assert ghes.containers().post("/v2/octo-org/other/blobs/uploads/").status_code == 503
        with pytest.raises(ValueError, match="a migration is running"):
            ghes.registry.reset()
        with pytest.raises(ValueError, match="a migration is running"):
            ghes.registry.github.migrate()
        ghes.another().registry.close()  # a further one leaves it alone
        other.stdin.write("die\n")
        other.stdin.flush()
        other.wait()
    assert ghes.docker().publish(NAME, "2.0")
    assert ghes.registry.github.migrate() == [NAME]
    ghes.registry.close()


@pytest.mark.parametrize("change", ["push", "delete"])
def test_a_change_that_a_migration_may_have_missed_is_not_acknowledged(
    ghes: Ghes, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Between the look at the ledger and the change the images move."""
    docker, api = ghes.docker(), ghes.api()
    docker.publish(NAME, "1.0")
    docker.publish(NAME, "2.0", layer=b"another")
    (newest, *_) = api.get(f"{API}/docker/monalisa/versions").get_json()
    document = docker_image(Digest.of(b"{}"), descriptor("a/b", Digest.of(b"layer")))
    docker.push_blob(NAME, b"{}")
    storage = ghes.registry.sites.all[0].storage.storage
    apply, late = storage.apply, iter([ghes.registry.github.migrate])

    def apply_late(*arguments: Any) -> int | None:
        if migrate := next(late, None):
            migrate()
        return apply(*arguments)

    monkeypatch.setattr(storage, "apply", apply_late)
    if change == "push":
        response = docker.put_manifest(NAME, "3.0", document)
    else:
        response = api.delete(f"{API}/docker/monalisa/versions/{newest['id']}")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert docker.get(f"/v2/{NAME}/tags/list").get_json()["tags"] == ["1.0", "2.0"]
    if change == "push":
        docker.push_blob(NAME, b"{}")
        assert docker.put_manifest(NAME, "3.0", document).status_code == 201
