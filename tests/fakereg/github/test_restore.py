"""The packages API: deletion and restoration."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from fakereg.github import deleted as deletions
from fakereg.github import restore
from fakereg.spec.errors import RegistryError
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import StorageError
from fakereg.storage.memory import MemoryStorage
from fakereg.storage.repositories import Repositories, StoredManifest
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
    package = ghes.package("container", NAME)
    loved, other = ghes.registry.github.packages.versions(ghes.registry.sites.all[1], package)
    loved.downloads = 4999
    ghes.registry.github.packages.change(package, visibility="public")
    for expected in (204, refusal):
        client.get(f"/v2/{NAME}/manifests/{loved.name}")
        response = api.delete(f"{CONTAINER}/versions/{loved.id}")
        assert response.status_code == expected
        api.post(f"{CONTAINER}/versions/{loved.id}/restore")
    assert api.delete(CONTAINER).status_code == refusal
    assert api.delete(f"{CONTAINER}/versions/{other.id}").status_code == 204
    ghes.registry.github.packages.change(package, visibility="private")
    assert api.delete(CONTAINER).status_code == 204


@pytest.mark.row("GHD-30")
def test_nothing_is_mounted_from_a_deleted_package(ghes: Ghes, api: HostClient) -> None:
    """Where there is no package, every member of the organization might begin one, and so read."""
    query, path = {"mount": Digest.of(b"layer"), "from": NAME}, "/v2/octo-org/other/blobs/uploads/"
    assert ghes.containers().post(path, query_string=query).status_code == 201
    api.delete(CONTAINER)
    assert ghes.containers("hubot").post(path, query_string=query).status_code == 202


@pytest.mark.row("GHD-30")
def test_a_new_push_to_a_deleted_name_is_a_new_package(ghes: Ghes, api: HostClient) -> None:
    old = api.get(CONTAINER).get_json()["id"]
    api.delete(CONTAINER)
    ghes.containers("hubot").publish(NAME, "1.0")
    assert ghes.containers("hubot").get(f"/v2/{NAME}/blobs/{Digest.of(b'layer')}").status_code == 200
    assert api.get(CONTAINER).get_json()["id"] != old
    assert list(ghes.package("container", NAME).roles) == ["hubot"]


@pytest.mark.row("GHD-30")
def test_a_package_that_vanished_without_the_api_begins_anew(ghes: Ghes, api: HostClient) -> None:
    ghes.registry.configure(registry="github-container", manifest_deletion=True)
    old = api.get(CONTAINER).get_json()["id"]
    client = ghes.containers()
    (version,) = api.get(f"{CONTAINER}/versions").get_json()
    assert client.delete(f"/v2/{NAME}/manifests/{version['name']}").status_code == 202
    assert api.get(CONTAINER).status_code == 404
    ghes.containers("hubot").publish(NAME, "1.0")
    assert api.get(CONTAINER).get_json()["id"] != old
    assert list(ghes.package("container", NAME).roles) == ["hubot"]


class Failing(Repositories):
    """Deletes no manifests at first, and counts how often one is read."""

    failed = False
    read = 0

    def __init__(self) -> None:
        super().__init__(MemoryStorage())

    def delete_manifests(self, name: Name, digests: Collection[Digest]) -> None:
        """Delete manifests, or not."""
        if not self.failed:
            self.failed = True
            raise StorageError("the disk is read-only")
        super().delete_manifests(name, digests)

    def manifest(self, name: Name, reference: Tag | Digest) -> StoredManifest | None:
        """Read a manifest."""
        self.read += 1
        return super().manifest(name, reference)


@pytest.mark.row("GHD-30")
def test_a_deletion_that_fails_changes_nothing(ghes: Ghes) -> None:
    site = ghes.registry.github.site("container")
    assert site is not None
    site.storage = Failing()
    client, api = ghes.containers(), ghes.api()
    for tag in ("1.0", "2.0"):
        client.publish(NAME, tag, layer=tag.encode())
    before = api.get(f"{CONTAINER}/versions").get_json()
    response = api.delete(CONTAINER)
    assert (response.status_code, response.get_json()["status"]) == (503, "503")
    assert api.get(f"{CONTAINER}/versions").get_json() == before
    assert api.delete(CONTAINER).status_code == 204
    assert api.post(f"{CONTAINER}/restore").status_code == 204
    assert api.get(f"{CONTAINER}/versions").get_json() == before


def test_what_is_too_large_to_be_kept_is_not_read_either(ghes: Ghes, monkeypatch: pytest.MonkeyPatch) -> None:
    site = ghes.registry.github.site("container")
    assert site is not None
    site.storage = storage = Failing()
    storage.failed = True
    for tag in ("1.0", "2.0", "3.0"):
        ghes.containers().publish(NAME, tag, layer=tag.encode())
    for module in (deletions, restore):
        monkeypatch.setattr(module, "BYTES_LIMIT", 1)
    before = storage.read
    assert ghes.api().delete(CONTAINER).status_code == 204
    assert storage.read == before + 1
    assert ghes.api().get(CONTAINER).status_code == 404
    assert ghes.api().post(f"{CONTAINER}/restore").status_code == 404


@pytest.mark.row("GHD-30")
def test_a_deletion_that_comes_too_late_spares_the_next_package_of_that_name(ghes: Ghes, api: HostClient) -> None:
    """A request has found a package; before it changes anything somebody deletes that and publishes another."""
    ghes.containers().publish(NAME, "2.0", layer=b"another")
    packages, site = ghes.registry.github.packages, ghes.registry.github.site("container")
    assert site is not None
    package = ghes.package("container", NAME)
    new, old = packages.versions(site, package)
    restore.delete_version(packages, site, package, old, now=0)
    (deleted,) = packages.deleted.versions(package)
    assert api.delete(CONTAINER).status_code == 204
    ghes.containers("hubot").publish(NAME, "2.0", layer=b"another")
    late: list[Callable[[], None]] = [
        lambda: restore.delete_package(packages, site, package, now=0),
        lambda: restore.delete_version(packages, site, package, new, now=0),
        lambda: restore.restore_version(packages, site, deleted),
    ]
    for step in late:
        with pytest.raises(RegistryError) as refusal:
            step()
        assert refusal.value.status == 404
    assert ghes.containers("hubot").get(f"/v2/{NAME}/tags/list").get_json()["tags"] == ["2.0"]
