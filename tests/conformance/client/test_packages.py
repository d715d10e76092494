"""The client of the packages API: each endpoint is asked as it is documented, and answers of the fake are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from conformance.checks.verdict import Case
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.credentials import Authenticator
from conformance.client.exchange import Exchange
from conformance.client.packages import Packages, document, entries, name_of, tags_of
from conformance.client.steps import Steps
from conformance.client.transport import WsgiTransport
from conformance.config.settings import resolve
from conformance.scene.actors import Clients
from conformance.scene.github import packages_of
from conformance.scene.scene import tidy as _tidy
from conformance.targets.fakes import InProcessFake
from tests.conformance.servers import answering, exchange

REPOSITORY = {"docker": "conformance-org/shared/app", "container": "conformance-org/team/app"}


@pytest.fixture(params=["docker", "container"])
def type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def clients(type: str) -> Iterator[Clients]:
    name = f"fake:github-{type}"
    settings = resolve(command_line={"target": name}, environ={}, ini={}, new_seed=lambda: 1)
    with InProcessFake(name, f"github-{type}", settings) as target:
        yield Clients(target, Case(id="a case", bound=()))


@pytest.fixture
def api(clients: Clients, type: str) -> Packages:
    """The API, beside an image with two tags that was pushed."""
    image = Content(seed=1, label="image").docker_image()
    Steps(clients()).manifest(REPOSITORY[type], image, "1.0", "2.0")
    return packages_of(clients, REPOSITORY[type], type)


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        (lambda api: api.list_packages(), "GET /packages?package_type=container"),
        (lambda api: api.list_packages(page=2), "GET /packages?package_type=container&page=2"),
        (lambda api: api.get_package("a/b"), "GET /packages/container/a%2Fb"),
        (lambda api: api.delete_package("a"), "DELETE /packages/container/a"),
        (lambda api: api.restore_package("a"), "POST /packages/container/a/restore"),
        (lambda api: api.list_versions("a"), "GET /packages/container/a/versions"),
        (lambda api: api.list_versions("a", state="deleted"), "GET /packages/container/a/versions?state=deleted"),
        (lambda api: api.get_version("a", 7), "GET /packages/container/a/versions/7"),
        (lambda api: api.delete_version("a", 7), "DELETE /packages/container/a/versions/7"),
        (lambda api: api.restore_version("a", 7), "POST /packages/container/a/versions/7/restore"),
        (lambda api: api.list_conflicts(), "GET /docker/conflicts"),
    ],
)
def test_endpoints(call: Callable[[Packages], Exchange], sent: str) -> None:
    client = Client(WsgiTransport(answering(200), base_url="http://ghes.test"))
    request = call(Packages(client, "octo-org", "container")).request
    assert f"{request.method} {request.url}" == sent.replace(" ", " http://ghes.test/api/v3/orgs/octo-org", 1)


def test_a_package_is_found_looked_at_deleted_and_restored(api: Packages, type: str) -> None:
    name = name_of(REPOSITORY[type], type)
    assert [package["name"] for package in entries(api.list_packages())] == [name]
    assert document(api.get_package(name))["package_type"] == type
    versions = entries(api.list_versions(name))
    assert sorted(tag for version in versions for tag in tags_of(version)) == ["1.0", "2.0"]
    assert api.get_version(name, versions[0]["id"]).json() == versions[0]
    answers = [api.delete_package(name), api.get_package(name), api.restore_package(name), api.get_package(name)]
    assert [answer.status for answer in answers] == [204, 404, 204, 200]
    assert api.list_conflicts().json() == []


def test_a_version_is_deleted_and_restored(api: Packages, type: str, clients: Clients) -> None:
    other = Content(seed=1, label="other").docker_image()
    Steps(clients()).manifest(REPOSITORY[type], other, "3.0")
    name = name_of(REPOSITORY[type], type)
    (newest, *_) = entries(api.list_versions(name))
    assert api.delete_version(name, newest["id"]).status == 204
    assert [gone["id"] for gone in entries(api.list_versions(name, state="deleted"))] == [newest["id"]]
    assert api.restore_version(name, newest["id"]).status == 204
    assert newest["id"] in [version["id"] for version in entries(api.list_versions(name))]


def test_a_page_is_what_a_package_leads_to(api: Packages, type: str) -> None:
    shown = api.get_page(document(api.get_package(name_of(REPOSITORY[type], type)))["html_url"])
    assert shown.media_type == "text/html"
    assert REPOSITORY[type].encode() in shown.body


def test_all_pages_of_a_list_are_read(api: Packages, type: str, clients: Clients) -> None:
    for number in (1, 2):
        image = Content(seed=1, label=str(number)).docker_image()
        Steps(clients()).manifest(f"{REPOSITORY[type]}{number}", image, "1.0")
    first = api.list_packages(per_page=1)
    assert len(entries(first)) == 1
    assert len(api.pages(first)) == 3


@pytest.mark.parametrize(("identity", "status"), [("none", 403), ("nobody", 401), ("wrong", 401)])
def test_each_asks_as_who_it_is(clients: Clients, type: str, identity: str, status: int) -> None:
    api = packages_of(clients, REPOSITORY[type], type, identity=identity)
    assert api.list_packages().status == status


def test_without_a_host_for_the_api_there_is_nothing_to_ask() -> None:
    settings = resolve(command_line={"target": "fake"}, environ={}, ini={}, new_seed=lambda: 1)
    with InProcessFake("fake", "oci", settings) as target, pytest.raises(pytest.skip.Exception, match="packages API"):
        packages_of(Clients(target, Case(id="a case", bound=())), "a/b", "container")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"metadata": 1}', b'{"metadata": {"package_type": "docker", "docker": {"tags": 1}}}']
)
def test_what_is_no_version_has_no_tags(body: bytes) -> None:
    assert tags_of(document(exchange(200, body=body))) == []
    assert entries(exchange(200, body=body)) == []


def test_basic_credentials_go_to_hosts_that_ask_for_them(clients: Clients) -> None:
    """The Container registry refuses Basic without another chance."""
    hosts = clients.target.description.hosts
    assert clients(at=hosts.web).request("GET", "/api/v3/user/packages?package_type=docker").status == 200
    assert clients(at=hosts.containers).list_tags("conformance-org/public/none").status == 404
    assert clients(at=hosts.docker).list_tags("conformance-org/public/none").status == 404


def test_an_authenticator_may_send_before_it_is_asked(clients: Clients) -> None:
    sent: list[str] = []
    transport = WsgiTransport(answering(200))
    identity = clients.find("reader")
    for authenticator in (Authenticator(identity), Authenticator(identity, preemptive=True)):
        exchange = Client(transport, authenticator=authenticator).ping()
        sent += [name for name, _ in exchange.request.headers if name == "Authorization"]
    assert sent == ["Authorization"]


@pytest.mark.parametrize("place", ["", "shared"])
def test_a_shared_instance_is_left_without_the_packages_of_a_scenario(
    api: Packages, clients: Clients, type: str, place: str
) -> None:
    """But for those that other scenarios use, too."""
    target, repository, name = clients.target, REPOSITORY[type], name_of(REPOSITORY[type], type)
    target.description = replace(target.description, places={"shared": repository} if place else {})
    _tidy(target, repository)
    assert api.get_package(name).status == 200
    target.shared = True
    _tidy(target, repository)
    assert api.get_package(name).status == (200 if place else 404)
