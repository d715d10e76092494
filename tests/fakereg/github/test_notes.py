"""What the registry knows of packages outlasts the process, and several processes with one storage agree on it."""

from __future__ import annotations

import functools
import itertools
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakereg.auth.accounts import Role, Visibility
from fakereg.github import packages
from fakereg.spec.names import Digest
from fakereg.storage.base import Delta
from fakereg.storage.index import Change
from tests.fakereg.client import index
from tests.fakereg.ghes import CONTAINER, DOCKER, DOCKER_NAME, LIST, NAME, Ghes

SITE = "octo-org/site/page"
DAY = 86400
USERS = ("octocat", "hubot", "mona")


@pytest.fixture(params=["directory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A storage that outlasts the process; all of it is in this folder."""
    folder = tmp_path / "first"
    folder.mkdir()
    return f"{request.param}:{folder / 'store'}"


def paths() -> Iterator[tuple[str, str]]:
    """The requests whose answers are everything that a client can see: host and path."""
    for host, name in itertools.product(("docker.", "containers."), (NAME, DOCKER_NAME, SITE)):
        blobs = [f"blobs/{Digest.of(layer)}" for layer in (b"layer", b"old")]
        yield from ((host, f"/v2/{name}/{path}") for path in ["tags/list", "manifests/1.0", "manifests/index", *blobs])
    for type in ("docker", "container"):
        yield "", f"{LIST}?package_type={type}"
    for package in (DOCKER, CONTAINER, f"{LIST}/container/service%2Fmonalisa", f"{LIST}/docker/page"):
        yield from (("", f"{package}{path}") for path in ("", "/versions", "/versions?state=deleted"))
    yield "", "/api/v3/orgs/octo-org/docker/conflicts"
    for page in ("", "/container/package/team%2Fmonalisa", "/container/package/service%2Fmonalisa"):
        yield "", f"/orgs/octo-org/packages{page}"


def seen(ghes: Ghes, secrets: dict[str, str]) -> dict[Any, Any]:
    """Every answer, by user and path."""
    answers = {}
    for user, (host, path) in itertools.product(USERS, paths()):
        client = ghes.client(host, user, secrets[user])
        headers = {"Accept": "*/*, application/vnd.oci.image.index.v1+json"}
        answer = client.get(path, headers=headers, buffered=True)
        answers[user, host + path] = answer.status_code, answer.headers.get("ETag"), answer.data
    return answers


def check(ghes: Ghes, step: str, folder: Path, secrets: dict[str, str]) -> None:
    """Compare the running registry with a fresh one on a copy of its folder."""
    ghes.registry.github.packages.write()
    until = time.monotonic() + 60
    while [*folder.rglob("changes.jsonl")]:  # a log is folded a moment later, and must not vanish from under the copy
        assert time.monotonic() < until
        time.sleep(0.01)
    copied = folder.parent / "copy"
    shutil.copytree(folder, copied)
    kind = ghes.options["storage"].partition(":")[0]
    fresh = ghes.another(storage=f"{kind}:{copied / 'store'}")
    wanted, got = seen(ghes, secrets), seen(fresh, secrets)
    fresh.registry.close()
    shutil.rmtree(copied)
    assert {key: (wanted[key], got[key]) for key in wanted if wanted[key] != got[key]} == {}, step


def steps(ghes: Ghes) -> Iterator[tuple[str, Callable[[], object]]]:
    """What owners and clients do, one after the other; all of it has to succeed."""
    docker, containers, hubot, api = ghes.docker(), ghes.containers(), ghes.containers("hubot"), ghes.api()

    def id_of(path: str, wanted: str, state: str = "active") -> int:
        versions = api.get(f"{path}/versions?state={state}").get_json()
        return int(next(each["id"] for each in versions if wanted in json.dumps(each)))

    def ok(response: Any) -> None:
        assert response.status_code in (200, 201, 204), response.text

    def delete_version(path: str, tag: str) -> None:
        ok(api.delete(f"{path}/versions/{id_of(path, tag)}"))

    def restore_version(tag: str) -> None:
        ok(api.post(f"{CONTAINER}/versions/{id_of(CONTAINER, tag, 'deleted')}/restore"))

    def pull_all() -> None:
        for _ in range(3):
            ok(docker.get(f"/v2/{DOCKER_NAME}/manifests/1.0"))
            ok(containers.get(f"/v2/{NAME}/manifests/1.0"))

    def push_index() -> None:
        child = hubot.publish(NAME, "child")
        ok(hubot.put_manifest(NAME, "index", index(child)))

    yield "push to the Docker registry", lambda: docker.publish(DOCKER_NAME, "1.0")
    yield "push a tag of the same image", lambda: docker.publish(DOCKER_NAME, "alias")
    yield "push another image", lambda: docker.publish(DOCKER_NAME, "2.0", layer=b"another")
    yield "push to the Container registry", lambda: hubot.publish(NAME, "1.0", layer=b"old")
    yield "time passes", lambda: ghes.clock.advance(60)
    yield "push an index", push_index
    yield "make public", lambda: ghes.registry.github.change_package(NAME, visibility="public")
    yield "give roles", lambda: ghes.registry.github.change_package(NAME, roles={"mona": "write", "hubot": "admin"})
    yield "link", lambda: ghes.registry.github.change_package(NAME, repository="octo-org/service")
    yield "pull", pull_all
    yield "move a tag", lambda: hubot.publish(NAME, "1.0", layer=b"new")
    for path, tag in ((DOCKER, "2.0"), (DOCKER, "alias"), (CONTAINER, "child")):
        yield f"delete version {tag}", functools.partial(delete_version, path, tag)
    yield "restore version", lambda: restore_version("child")
    yield "delete package", lambda: ok(api.delete(CONTAINER))
    yield "publish the name anew", lambda: hubot.publish(NAME, "1.0")
    yield "delete it again", lambda: ok(api.delete(CONTAINER))
    yield "restore the last", lambda: ok(api.post(f"{CONTAINER}/restore"))
    yield "delete it a third time", lambda: ok(api.delete(CONTAINER))
    yield "delete a docker package", lambda: ok(api.delete(DOCKER))
    yield "restore a docker package", lambda: ok(api.post(f"{DOCKER}/restore"))
    yield "push what remains", lambda: docker.publish(SITE, "1.0")
    yield "migrate", lambda: ghes.registry.github.migrate("octo-org")
    yield "pull from the old host", lambda: ok(docker.get(f"/v2/{SITE}/manifests/1.0"))
    yield "push to the old host", lambda: docker.publish(SITE, "index", layer=b"another")
    yield "delete a migrated package", lambda: ok(api.delete(DOCKER))
    yield "restore a migrated package", lambda: ok(api.post(f"{DOCKER}/restore"))
    yield "restore what was deleted twice", lambda: ok(api.post(f"{CONTAINER}/restore"))
    yield "delete another", lambda: ok(api.delete(f"{LIST}/docker/page"))
    yield "a month passes", lambda: ghes.clock.advance(31 * DAY)
    yield "reset", ghes.registry.reset
    yield "begin again", lambda: docker.publish(DOCKER_NAME, "1.0")


def test_a_fresh_server_on_the_same_storage_answers_as_the_one_that_is_running(storage: str) -> None:
    """A journey of everything that owners and clients do, and after each step a look at everything that can be seen."""
    ghes = Ghes(storage=storage)
    secrets = {user: ghes.secret(user) for user in USERS}
    for step, do in steps(ghes):
        do()
        check(ghes, step, Path(storage.partition(":")[2]).parent, secrets)
    ghes.registry.close()


def test_who_pushed_keeps_the_role_and_what_owners_set_stays(storage: str) -> None:
    ghes = Ghes(storage=storage)
    ghes.containers("hubot").publish(NAME, "1.0")
    ghes.containers("hubot").publish("octo-org/open", "1.0")
    ghes.registry.github.change_package(
        "octo-org/open", visibility="public", roles={"mona": "write"}, repository="octo-org/site"
    )
    ghes = ghes.restarted()
    assert ghes.containers("hubot").get(f"/v2/{NAME}/manifests/1.0").status_code == 200
    assert ghes.containers("hubot").publish(NAME, "2.0", layer=b"another")
    assert ghes.package("container", NAME).roles == {"hubot": Role.ADMIN}
    package = ghes.package("container", "octo-org/open")
    assert (package.visibility, package.roles) == (Visibility.PUBLIC, {"mona": Role.WRITE})
    assert package.repository == "octo-org/site"
    junk = {"Authorization": "Bearer QQ=="}
    assert ghes.stranger("containers.").get("/v2/octo-org/open/manifests/1.0", headers=junk).status_code == 200
    ghes.registry.close()


def ids(ghes: Ghes) -> set[int]:
    """The ids of everything that there is."""
    found = set()
    for type, name in (("docker", DOCKER_NAME), ("container", NAME), ("container", "octo-org/other")):
        if package := ghes.package(type, name):
            found |= {package.id, *(version.id for version in ghes.versions(type, name).values())}
    return found


def test_no_id_comes_twice(storage: str) -> None:
    """Not after a restart, a deletion that is over, or a reset."""
    ghes, known, count = Ghes(storage=storage), set[int](), 0
    for _ in range(3):
        ghes.docker().publish(DOCKER_NAME, "1.0")
        for name in (NAME, "octo-org/other"):
            ghes.containers().publish(name, "1.0")
        known, count = known | ids(ghes), count + 6
        assert len(known) == count
        for path in (DOCKER, CONTAINER, f"{LIST}/container/other"):
            assert ghes.api().delete(path).status_code == 204
        ghes.clock.advance(31 * DAY)
        ghes = ghes.restarted()
    ghes.registry.reset()
    ghes = ghes.restarted()
    ghes.containers().publish(NAME, "1.0")
    assert not known & ids(ghes)
    ghes.registry.close()


def test_two_servers_with_one_database_agree(tmp_path: Path) -> None:
    one = Ghes(storage=f"sqlite:{tmp_path / 'store'}")
    two = one.another()
    one.containers("hubot").publish(NAME, "1.0")
    two.containers().publish("octo-org/other", "1.0")
    assert len(ids(one)) == len(ids(two)) == 4
    assert ids(one) == ids(two)
    assert two.containers("hubot").publish(NAME, "2.0", layer=b"another")
    for ghes in (one, two):
        assert ghes.containers("hubot").get(f"/v2/{NAME}/manifests/2.0").status_code == 200
        ghes.registry.github.packages.write()
    assert [version.downloads for version in ghes.versions("container", NAME).values()].count(2) == 1
    two.registry.github.change_package(NAME, visibility="public")
    assert one.package("container", NAME).visibility == Visibility.PUBLIC
    assert two.api().delete(CONTAINER).status_code == 204
    assert one.containers("hubot").get(f"/v2/{NAME}/blobs/{Digest.of(b'layer')}").status_code == 404
    assert one.api().post(f"{CONTAINER}/restore").status_code == 204
    assert two.containers("hubot").head(f"/v2/{NAME}/blobs/{Digest.of(b'layer')}").status_code == 200
    for ghes in (one, two):
        ghes.registry.close()


def test_pushes_of_many_threads_and_two_servers_give_each_version_an_id(tmp_path: Path) -> None:
    servers = [first := Ghes(storage=f"sqlite:{tmp_path / 'store'}"), first.another()]
    clients = [ghes.containers() for ghes in servers for _ in range(3)]

    def push(number: int) -> None:
        for turn in range(5):
            clients[number].publish(NAME, f"{number}-{turn}", layer=b"%d-%d" % (number, turn))

    threads = [threading.Thread(target=push, args=[number]) for number in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [ghes.versions("container", NAME) for ghes in servers]
    assert found[0] == found[1]
    assert len({version.id for version in found[0].values()}) == 30
    for ghes in servers:
        ghes.registry.close()


def test_downloads_are_in_the_storage_a_moment_later(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "COUNT_SECONDS", 0.01)
    ghes = Ghes(storage=storage)
    digest = ghes.containers().publish(NAME, "1.0")
    client = ghes.containers()
    client.get(f"/v2/{NAME}/manifests/1.0")
    site = ghes.registry.github.site("container")
    assert site is not None
    key, until = f"version/{digest}", time.monotonic() + 60
    while json.loads(site.storage.notes(ghes.package("container", NAME).name)[key])[-1] == 0:
        assert time.monotonic() < until
        time.sleep(0.01)
    client.get(f"/v2/{NAME}/manifests/1.0")
    ghes = ghes.restarted()
    assert ghes.versions("container", NAME)[digest].downloads == 2
    ghes.registry.close()


def test_a_pull_writes_nothing(ghes: Ghes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "COUNT_SECONDS", 3600)
    digest, client = ghes.containers().publish(NAME, "1.0"), ghes.containers()
    site = ghes.registry.github.site("container")
    assert site is not None
    before = site.storage.storage.read(ghes.package("container", NAME).name)
    for _ in range(3):
        client.get(f"/v2/{NAME}/manifests/1.0")
    assert site.storage.storage.read(ghes.package("container", NAME).name) == before
    assert ghes.versions("container", NAME)[digest].downloads == 3


def test_downloads_that_cannot_be_written_are_not_lost(ghes: Ghes, monkeypatch: pytest.MonkeyPatch) -> None:
    digest, client = ghes.containers().publish(NAME, "1.0"), ghes.containers()
    site = ghes.registry.github.site("container")
    assert site is not None

    def fail(*arguments: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(site.storage.storage, "apply", fail)
        client.get(f"/v2/{NAME}/manifests/1.0")
        with pytest.raises(OSError, match="full"):
            ghes.registry.github.packages.write()
    client.get(f"/v2/{NAME}/manifests/1.0")
    assert ghes.versions("container", NAME)[digest].downloads == 2


def test_the_notes_of_a_server_are_no_repository(ghes: Ghes) -> None:
    """The ids are kept as notes of a repository of their own, which nobody sees."""
    ghes.registry.configure(registry="github-container", catalog=True, name_form="any")
    ghes.accounts.add_user("fakereg")
    client = ghes.containers("fakereg")
    ghes.containers().publish(NAME, "1.0")
    assert client.get("/v2/fakereg/tags/list").status_code == 404
    assert "fakereg" not in client.get("/v2/_catalog").text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 1}', "17"])
def test_a_note_that_somebody_has_changed_is_told_and_kept(ghes: Ghes, text: str) -> None:
    client, site = ghes.containers(), ghes.registry.github.site("container")
    client.publish(NAME, "1.0")
    assert site is not None
    name = ghes.package("container", NAME).name
    site.storage.change(name, lambda index: Change(Delta(notes={"package": text})))
    for path in (f"/v2/{NAME}/manifests/1.0", f"/v2/{NAME}/tags/list"):
        assert client.get(path).status_code == 503
    assert ghes.api().get(CONTAINER).status_code == 503
    assert site.storage.notes(name)["package"] == text
