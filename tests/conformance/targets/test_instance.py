"""An instance with several hosts behind one socket of HTTPS, as a vendor describes it: names lead where a file says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

import fakereg
from conformance.fakes import accounts, identities, places
from conformance.targets.fakes import SCALED_BLOB
from tests.conformance.command.test_main import conformance, results

HOSTNAME = "ghes.invalid"
"""A name that no resolver knows."""

NAMES = (HOSTNAME, f"docker.{HOSTNAME}", f"containers.{HOSTNAME}")
DIALECTS = (f"github-docker,blob_size_limit={SCALED_BLOB}", "github-container")


SWITCHED = {"GHD-02", "GHD-04", "GHD-15", "GHD-22", "GHD-30", "GHD-31"}
"""Requirements of the Docker registry that need a server which can be switched."""


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file that describes a running instance, in a folder with the certificate of its authority."""
    folder = tmp_path_factory.mktemp("instance")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued = authority.issue_cert(*NAMES)
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    with fakereg.serve(tls_cert=cert, tls_key=key, dialect=DIALECTS, hostname=HOSTNAME, accounts=accounts()) as server:
        port = server.host.rpartition(":")[2]
        lines = [f'target = "https://docker.{HOSTNAME}:{port}"', 'profile = "github-docker"', 'ca = "ca.pem"']
        lines += [f"resolve = {[f'{name}:{port}:127.0.0.1' for name in NAMES]}"]
        for name, who in identities().items():
            lines += [f"[identities.{name}]", f'username = "{who.username}"', f'password = "{who.secret}"']
        lines += ["[places]", *(f'{name} = "{pattern}"' for name, pattern in places("docker").items())]
        lines += ["[hosts]", f'hostname = "{HOSTNAME}"', "[limits]", f"blob = {SCALED_BLOB}"]
        (folder / "instance.toml").write_text("\n".join(lines))
        yield folder / "instance.toml"


@pytest.mark.parametrize("workers", ["0", "2"])
def test_every_scenario_finds_its_host(instance: Path, tmp_path: Path, workers: str) -> None:
    done = conformance(tmp_path, str(instance), "--workers", workers)
    assert done.returncode == 0, done.stdout + done.stderr
    found = results(tmp_path)
    groups = {scenario["group"] for scenario in found["scenarios"] if scenario["outcome"] == "pass"}
    assert {"subdomain routing", "auth scopes", "packages", "layer limits"} <= groups
    open_outcomes = {"unsupported", "not applicable", "untested"}
    rows = {row["id"] for row in found["requirements"] if row["outcome"] in open_outcomes and not row["untestable"]}
    assert rows - {"OCI-R107", "OCI-R108", "OCI-R109", "OCI-R110", "OCI-R111"} <= SWITCHED


def test_a_name_without_an_address(instance: Path, tmp_path: Path) -> None:
    lines = [line for line in instance.read_text().splitlines() if not line.startswith("resolve")]
    alone = instance.with_name("alone.toml")
    alone.write_text("\n".join(lines))
    done = conformance(tmp_path, str(alone))
    assert done.returncode == 4
    assert "the name leads nowhere (--conformance-resolve HOST:PORT:ADDRESS can lead it)" in done.stderr


def test_an_address_on_the_command_line(instance: Path, tmp_path: Path) -> None:
    """It goes before those of the file, and leads to where nothing listens."""
    target = instance.read_text().split('"')[1]
    name, _, port = target.removeprefix("https://").partition(":")
    done = conformance(tmp_path, str(instance), f"--resolve={name}:{port}:127.0.0.2")
    assert done.returncode == 4
    assert "nothing listens there" in done.stderr
