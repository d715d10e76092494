"""The packages API: deletion and restoration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fakereg.github import restore
from fakereg.spec.errors import RegistryError
from fakereg.spec.names import Digest, Name
from fakereg.storage.base import StorageError
from fakereg.storage.index import Change, Index
from fakereg.storage.memory import MemoryStorage
from fakereg.storage.repositories import Repositories
from tests.fakereg.client import index
from tests.fakereg.ghes import CONTAINER, DOCKER, DOCKER_NAME, LIST, NAME, Ghes, HostClient, titles

DAY = 86400


@pytest.mark.row("GHD-30")
@pytest.mark.row("GHC-11")
def test_a_deleted_package_is_gone_and_can_be_restored_as_it_was(ghes: Ghes) -> None:
    client, api = ghes.containers(), ghes.api()
    child = client.publish(NAME, "child")
    client.put_manifest(NAME, "1.0", index(child))
    before, versions = api.get(CONTAINER).get_json(), api.get(f"{CONTAINER}/versions").get_json()
    assert api.delete(CONTAINER).status_code == 204
    paths = ["manifests/1.0", f"manifests/{child}", f"blobs/{Digest.of(b'layer')}"]
    for path in paths:
        assert client.get(f"/v2/{NAME}/{path}", headers={"Accept": "*/*"}).status_code == 404
    assert [api.get(CONTAINER).status_code, api.delete(CONTAINER).status_code] == [404, 404]
    assert titles(api, LIST, package_type="container") == []
    ghes.clock.advance(30 * DAY)
    assert api.post(f"{CONTAINER}/restore?token=anything").status_code == 204
    assert api.get(CONTAINER).get_json() == before
    assert api.get(f"{CONTAINER}/versions").get_json() == versions
    accept = {"Accept": "application/vnd.oci.image.index.v1+json"}
    for path in paths:
        assert client.get(f"/v2/{NAME}/{path}", headers=accept).status_code == 200
    assert api.post(f"{CONTAINER}/restore").status_code == 404


@pytest.mark.row("GHD-30")
@pytest.mark.parametrize("path", [DOCKER, CONTAINER])
def test_after_thirty_days_a_deletion_is_for_good(ghes: Ghes, api: HostClient, path: str) -> None:
    assert api.delete(path).status_code == 204
    ghes.clock.advance(30 * DAY + 1)
    assert api.post(f"{path}/restore").status_code == 404
    ghes.clock.advance(-2)
    assert api.post(f"{path}/restore").status_code == 404


@pytest.mark.row("GHD-30")
def test_a_name_that_is_in_use_again_cannot_be_restored(ghes: Ghes, api: HostClient) -> None:
    api.delete(DOCKER)
    ghes.docker().publish(DOCKER_NAME, "2.0")
    new = api.get(DOCKER).get_json()["id"]
    assert api.post(f"{DOCKER}/restore").status_code == 403
    assert api.delete(DOCKER).status_code == 204
    assert api.post(f"{DOCKER}/restore").status_code == 204
    assert api.get(DOCKER).get_json()["id"] == new


@pytest.mark.row("GHD-30")
def test_a_deleted_version_can_be_restored_with_the_tags_that_are_free(ghes: Ghes, api: HostClient) -> None:
    client = ghes.containers()
    old = client.publish(NAME, "2.0", layer=b"old")
    client.put_manifest(NAME, "latest", client.get(f"/v2/{NAME}/manifests/2.0").get_json(force=True))
    (id,) = [one["id"] for one in api.get(f"{CONTAINER}/versions").get_json() if one["name"] == old]
    assert api.delete(f"{CONTAINER}/versions/{id}").status_code == 204
    assert client.get(f"/v2/{NAME}/manifests/{old}").status_code == 404
    assert client.get(f"/v2/{NAME}/manifests/1.0").status_code == 200
    new = client.publish(NAME, "latest", layer=b"new")
    assert api.get(f"{CONTAINER}/versions/{id}").status_code == 404
    (deleted,) = api.get(f"{CONTAINER}/versions?state=deleted").get_json()
    assert (deleted["id"], deleted["metadata"]["container"]["tags"]) == (id, ["2.0", "latest"])
    assert deleted["deleted_at"] == "1970-01-12T13:46:40Z"
    assert api.post(f"{CONTAINER}/versions/{id}/restore").status_code == 204
    assert client.get(f"/v2/{NAME}/manifests/2.0").headers["Docker-Content-Digest"] == old
    assert client.get(f"/v2/{NAME}/manifests/latest").headers["Docker-Content-Digest"] == new
    assert api.post(f"{CONTAINER}/versions/{id}/restore").status_code == 404
    assert api.get(f"{CONTAINER}/versions?state=other").status_code == 422


@pytest.mark.row("GHD-30")
def test_a_tag_of_the_docker_registry_goes_alone(ghes: Ghes, api: HostClient) -> None:
    client = ghes.docker()
    client.publish(DOCKER_NAME, "alias")
    client.publish(DOCKER_NAME, "2.0", layer=b"another")
    ids = {one["name"]: one["id"] for one in api.get(f"{DOCKER}/versions").get_json()}
    for gone, left in [("1.0", {"alias", "2.0"}), ("2.0", {"alias"})]:
        assert api.delete(f"{DOCKER}/versions/{ids[gone]}").status_code == 204
        assert client.get(f"/v2/{DOCKER_NAME}/manifests/{gone}").status_code == 404
        assert set(client.get(f"/v2/{DOCKER_NAME}/tags/list").get_json()["tags"]) == left
    site = ghes.registry.github.site("docker")
    assert site is not None
    assert len(site.storage.manifests(Name(DOCKER_NAME)) or []) == 1
    client.publish(DOCKER_NAME, "2.0", layer=b"a third")
    assert api.post(f"{DOCKER}/versions/{ids['2.0']}/restore").status_code == 403
    assert api.post(f"{DOCKER}/versions/{ids['1.0']}/restore").status_code == 204
    assert client.get(f"/v2/{DOCKER_NAME}/manifests/1.0").status_code == 200


@pytest.mark.row("GHD-30")
@pytest.mark.parametrize("path", [DOCKER, CONTAINER])
def test_with_its_last_version_a_package_disappears(ghes: Ghes, api: HostClient, path: str) -> None:
    (version,) = api.get(f"{path}/versions").get_json()
    assert api.delete(f"{path}/versions/{version['id']}").status_code == 204
    assert api.get(path).status_code == 404
    assert api.post(f"{path}/restore").status_code == 204
    assert api.get(f"{path}/versions/{version['id']}").get_json() == version


@pytest.mark.row("GHD-30")
@pytest.mark.parametrize("refusal", [400, 403])
def test_a_public_version_with_many_downloads_stays(ghes: Ghes, api: HostClient, refusal: int) -> None:
    ghes.registry.configure(registry="github-container", undeletable_refusal=refusal)
    client = ghes.containers()
    client.publish(NAME, "2.0", layer=b"another")
    loved, other = ghes.versions("container", NAME).values()
    for _ in range(4999):
        ghes.registry.github.packages.downloaded(ghes.registry.sites.all[1], Name(NAME), loved.name)
    ghes.registry.github.change_package(NAME, visibility="public")
    for expected in (204, refusal):
        client.get(f"/v2/{NAME}/manifests/{loved.name}")
        response = api.delete(f"{CONTAINER}/versions/{loved.id}")
        assert response.status_code == expected
        api.post(f"{CONTAINER}/versions/{loved.id}/restore")
    assert api.delete(CONTAINER).status_code == refusal
    assert api.delete(f"{CONTAINER}/versions/{other.id}").status_code == 204
    ghes.registry.github.change_package(NAME, visibility="private")
    assert api.delete(CONTAINER).status_code == 204


@pytest.mark.row("GHD-30")
def test_nothing_is_mounted_from_a_deleted_package(ghes: Ghes, api: HostClient) -> None:
    """Where there is no package, every member of the organization might begin one, and so read."""
    query, path = {"mount": Digest.of(b"layer"), "from": NAME}, "/v2/octo-org/other/blobs/uploads/"
    assert ghes.containers().post(path, query_string=query).status_code == 201
    api.delete(CONTAINER)
    assert ghes.containers("hubot").post(path, query_string=query).status_code == 202


def content_of_a_deleted_package_is_out_of_reach(ghes: Ghes, digest: Digest, layer: bytes = b"secret") -> None:
    """A member of the organization, who could not read the package, may publish one of its name."""
    hubot = ghes.containers("hubot")
    for path in (f"manifests/{digest}", "manifests/1.0", f"blobs/{Digest.of(layer)}"):
        for method in ("GET", "HEAD"):
            assert hubot.open(f"/v2/{NAME}/{path}", method=method).status_code == 404, (method, path)
    for query in ({"mount": Digest.of(layer), "from": NAME}, {"mount": Digest.of(layer)}):
        for target in (NAME, "octo-org/other"):
            assert hubot.post(f"/v2/{target}/blobs/uploads/", query_string=query).status_code == 202


@pytest.mark.row("GHD-30")
@pytest.mark.parametrize("storage", ["memory", "directory", "sqlite"])
def test_nobody_has_the_content_of_a_deleted_package_again(tmp_path: Path, storage: str) -> None:
    """Not before and after a restart, not when the name is published anew, not when that is deleted, too."""
    path = "" if storage == "memory" else f":{tmp_path / 'store'}"
    dialects = ["github-docker", "github-container,anonymous_mount=true"]
    ghes = Ghes(storage=storage + path, dialect=dialects)

    def restart() -> Ghes:
        return ghes.restarted() if path else ghes

    digest = ghes.containers().publish(NAME, "1.0", layer=b"secret")
    assert ghes.containers("hubot").get(f"/v2/{NAME}/manifests/1.0").status_code == 403
    before = ghes.api().get(f"{CONTAINER}/versions").get_json()
    assert ghes.api().delete(CONTAINER).status_code == 204
    assert ghes.containers("hubot").get(f"/v2/{NAME}/tags/list").status_code == 404
    content_of_a_deleted_package_is_out_of_reach(ghes, digest)
    ghes = restart()
    content_of_a_deleted_package_is_out_of_reach(ghes, digest)
    ghes.containers("hubot").publish(NAME, "2.0", layer=b"another")
    content_of_a_deleted_package_is_out_of_reach(ghes, digest)
    ghes = restart()
    content_of_a_deleted_package_is_out_of_reach(ghes, digest)
    assert ghes.api().post(f"{CONTAINER}/restore").status_code == 403
    ghes.registry.configure(registry="github-container", restore_days=0)
    assert ghes.api().delete(CONTAINER).status_code == 204
    ghes = restart()
    content_of_a_deleted_package_is_out_of_reach(ghes, digest)
    ghes.clock.advance(1)  # the newer one is away for good
    assert ghes.api().post(f"{CONTAINER}/restore").status_code == 204
    assert ghes.api().get(f"{CONTAINER}/versions").get_json() == before
    assert ghes.containers().get(f"/v2/{NAME}/blobs/{Digest.of(b'secret')}", buffered=True).data == b"secret"
    assert ghes.containers("hubot").get(f"/v2/{NAME}/manifests/1.0").status_code == 403
    ghes.registry.close()


@pytest.mark.row("GHD-30")
@pytest.mark.parametrize("storage", ["directory", "sqlite"])
def test_what_cannot_be_restored_any_more_is_gone_from_the_disk(tmp_path: Path, storage: str) -> None:
    """All but what the package of that name has now."""

    def on_disk() -> set[bytes]:
        found = {path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        return {layer for layer in (b"secret", b"shared") if any(layer == each for each in found)}

    ghes = Ghes(storage=f"{storage}:{tmp_path / 'store'}")
    for tag, layer in (("1.0", b"secret"), ("2.0", b"shared")):
        ghes.containers().publish(NAME, tag, layer=layer)
    assert ghes.api().delete(CONTAINER).status_code == 204
    ghes.containers().publish(NAME, "1.0", layer=b"shared")
    assert on_disk() == {b"secret", b"shared"}
    ghes.clock.advance(30 * DAY + 1)
    ghes = ghes.restarted()
    assert on_disk() == {b"shared"}
    assert ghes.containers().get(f"/v2/{NAME}/blobs/{Digest.of(b'shared')}", buffered=True).data == b"shared"
    ghes.registry.close()


@pytest.mark.row("GHD-30")
def test_a_new_push_to_a_deleted_name_is_a_new_package(ghes: Ghes, api: HostClient) -> None:
    old = api.get(CONTAINER).get_json()["id"]
    api.delete(CONTAINER)
    ghes.containers("hubot").publish(NAME, "1.0")
    assert ghes.containers("hubot").get(f"/v2/{NAME}/blobs/{Digest.of(b'layer')}").status_code == 200
    assert api.get(CONTAINER).get_json()["id"] != old
    assert list(ghes.package("container", NAME).roles) == ["hubot"]


def test_a_version_that_vanished_without_the_api_leaves_no_note(ghes: Ghes, api: HostClient) -> None:
    ghes.registry.configure(registry="github-container", manifest_deletion=True)
    client, site = ghes.containers(), ghes.registry.github.site("container")
    assert site is not None
    before = site.storage.notes(Name(NAME))
    digest = client.publish(NAME, "2.0", layer=b"another")
    assert client.delete(f"/v2/{NAME}/manifests/{digest}").status_code == 202
    assert site.storage.notes(Name(NAME)).keys() == before.keys()


@pytest.mark.row("GHD-30")
def test_a_package_that_vanished_without_the_api_begins_anew(ghes: Ghes, api: HostClient) -> None:
    ghes.registry.configure(registry="github-container", manifest_deletion=True)
    old = api.get(CONTAINER).get_json()["id"]
    client = ghes.containers()
    (version,) = api.get(f"{CONTAINER}/versions").get_json()
    assert client.delete(f"/v2/{NAME}/manifests/{version['name']}").status_code == 202
    assert api.get(CONTAINER).status_code == 404
    content_of_a_deleted_package_is_out_of_reach(ghes, Digest(version["name"]), b"layer")
    ghes.containers("hubot").publish(NAME, "2.0", layer=b"another")
    content_of_a_deleted_package_is_out_of_reach(ghes, Digest(version["name"]), b"layer")
    assert api.get(CONTAINER).get_json()["id"] != old
    assert list(ghes.package("container", NAME).roles) == ["hubot"]


class Failing(Repositories):
    """Makes no change while it is `failing`."""

    failing = False

    def __init__(self) -> None:
        super().__init__(MemoryStorage())

    def change(self, name: Name, plan: Callable[[Index], Change | None]) -> bool:
        """Make a change, or not."""
        if self.failing:
            raise StorageError("the disk is read-only")
        return super().change(name, plan)


@pytest.mark.row("GHD-30")
def test_a_deletion_that_fails_changes_nothing(ghes: Ghes) -> None:
    site = ghes.registry.github.site("container")
    assert site is not None
    site.storage = storage = Failing()
    client, api = ghes.containers(), ghes.api()
    for tag in ("1.0", "2.0"):
        client.publish(NAME, tag, layer=tag.encode())
    before = api.get(f"{CONTAINER}/versions").get_json()
    storage.failing = True
    response = api.delete(CONTAINER)
    assert (response.status_code, response.get_json()["status"]) == (503, "503")
    storage.failing = False
    assert api.get(f"{CONTAINER}/versions").get_json() == before
    assert api.delete(CONTAINER).status_code == 204
    assert api.post(f"{CONTAINER}/restore").status_code == 204
    assert api.get(f"{CONTAINER}/versions").get_json() == before


@pytest.mark.row("GHD-30")
def test_a_deletion_that_comes_too_late_spares_the_next_package_of_that_name(ghes: Ghes, api: HostClient) -> None:
    """A request has found a package; before it changes anything somebody deletes that and publishes another."""
    ghes.containers().publish(NAME, "2.0", layer=b"another")
    packages, site = ghes.registry.github.packages, ghes.registry.github.site("container")
    assert site is not None
    package = ghes.package("container", NAME)
    new, old = packages.versions(site, package)
    restore.delete_version(packages, site, package, old, now=0)
    (deleted,) = restore.deleted_versions(site, package, now=0)
    assert api.delete(CONTAINER).status_code == 204
    ghes.containers("hubot").publish(NAME, "2.0", layer=b"another")
    late: list[Callable[[], None]] = [
        lambda: restore.delete_package(packages, site, package, now=0),
        lambda: restore.delete_version(packages, site, package, new, now=0),
        lambda: restore.restore(site, deleted),
    ]
    for step in late:
        with pytest.raises(RegistryError) as refusal:
            step()
        assert refusal.value.status == 404
    assert ghes.containers("hubot").get(f"/v2/{NAME}/tags/list").get_json()["tags"] == ["2.0"]
