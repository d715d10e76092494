"""What can be a target, and the one sentence for what cannot."""

from __future__ import annotations

import socket
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import trustme

import fakereg
from conformance.client.client import Client
from conformance.client.identity import Identity
from conformance.config.description import Description, Hosts
from conformance.config.settings import Settings
from conformance.errors import ConfigurationError
from conformance.targets.base import Target, UnusableTarget
from conformance.targets.open import attached, target_of
from tests.conformance.servers import answering, served
from tests.guard import GUARD


def target(name: str, **changes: object) -> Target:
    return target_of(replace(Settings(target=name, timeout=GUARD), **changes))  # type: ignore[arg-type]


def said_of(name: str, **changes: object) -> str:
    with pytest.raises(ConfigurationError) as caught, target(name, **changes):
        pytest.fail("the target was usable")
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", ["fake", "fake:oci-1.0", "socket", "socket:oci,referrers=false"])
def test_fakes(name: str) -> None:
    with target(name) as usable:
        assert Client(usable.transport()).ping().status == 200
        assert Client(usable.transport(wire=True)).ping().status == 200
        assert usable.name == name


def test_fake_has_a_socket_for_the_wire_only() -> None:
    with target("fake") as usable:
        assert usable.handover() is None
        assert usable.transport().base_url == "http://registry.test"
        wire = usable.transport(wire=True)
        assert wire.base_url.startswith("http://127.0.0.1:")
        assert usable.transport(wire=True) is wire


def test_socket_is_closed_at_the_end() -> None:
    with target("socket") as usable:
        port = int(usable.transport().base_url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=GUARD).close()


def test_url() -> None:
    with fakereg.serve(dialect="oci", storage="memory") as server, target(server.url) as usable:
        assert usable.shared
        assert usable.handover() == {"url": server.url, "hosts": asdict(Hosts()), "pings_openly": True}


def test_attached_to_what_the_controller_started() -> None:
    with fakereg.serve(dialect="oci", storage="memory") as server:
        handed = {"url": server.url, "hosts": asdict(Hosts()), "pings_openly": True}
        with attached(Settings(target="socket"), handed) as usable:
            assert (usable.name, usable.shared) == ("socket", False)
            assert usable.transport().base_url == server.url
        with attached(Settings(target=server.url), handed) as usable:
            assert usable.shared


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ftp://registry", "TARGET must be fake, "),
        ("container:", "TARGET must be fake, "),
        ("registry.example.com", "TARGET must be fake, "),
        ("http://", "must be a URL"),
        ("http://registry/path", "without a path, got"),
        ("fake:nosuch", "dialect of the fake cannot be used: .*oci"),
        ("socket:oci,nosuch=1", "dialect of the fake cannot be used: .*nosuch"),
    ],
)
def test_useless_name(name: str, said: str) -> None:
    with pytest.raises(UnusableTarget, match=said):
        target(name).__enter__()


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "nothing listens there" in said_of(f"http://127.0.0.1:{port}")


def test_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = said_of(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
    assert "no answer within 0.2 s" in text


def test_no_registry() -> None:
    with served(answering(418)) as url:
        assert "must be a registry, whose GET /v2/ answers 200 or 401, got 418" in said_of(url)


@pytest.mark.parametrize(
    ("challenge", "username", "said"),
    [
        ("Basic realm=x", None, "give --conformance-username and --conformance-password"),
        ("Basic realm=x", "ann", "does not accept the user name"),
        ("Bearer realm=x", None, "give --conformance-username and --conformance-password"),
        ("Bearer realm=x", "ann", "does not accept the user name"),
        ("Digest realm=x", "ann", "must come with a challenge"),
    ],
)
def test_asks_who_you_are(challenge: str, username: str | None, said: str) -> None:
    with served(answering(401, ("WWW-Authenticate", challenge))) as url:
        found = {"writer": Identity("writer", username, "hush")} if username else {}
        assert said in said_of(url, description=Description(identities=found))


def test_credentials_in_the_url_are_used_and_hidden() -> None:
    with served(answering(200)) as url, target(url.replace("://", "://ann:hush@")) as usable:
        assert usable.transport().base_url == url
        assert usable.writer == Identity("writer", "ann", "hush")
        assert "hush" not in usable.name


def test_certificates(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    with fakereg.serve(
        dialect="oci", storage="memory", tls_cert=str(tmp_path / "cert.pem"), tls_key=str(tmp_path / "key.pem")
    ) as server:
        assert "certificate" in said_of(server.url)
        for changes in ({"ca": tmp_path / "ca.pem"}, {"insecure": True}):
            with target(server.url, **changes) as usable:
                assert Client(usable.transport()).ping().status == 200


def test_no_packages_for_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker.errors", None)
    assert "pip install 'fakereg[containers]'" in said_of("container:registry:2")
