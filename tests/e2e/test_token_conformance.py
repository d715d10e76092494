"""The rows about token authentication against docker-registry 2.8.2, which has its tokens issued by us."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fakereg
from conformance.fakes import accounts, identities, places
from tests.e2e.distribution import demanding_tokens

SERVICE, ISSUER = "registry.example", "somebody"
DIALECT = f"oci,auth=bearer,rights=repository,token_issuer={ISSUER},token_format="
NOT_SEEN = {
    "AUTH-21": "not applicable",  # needs a registry that everybody may pull from
    "AUTH-32": "not applicable",  # needs a clock
}
"""The outcomes of rows that cannot be seen kept there."""


@pytest.fixture(params=["ES256", "RS256"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The file that tells of a docker-registry and of our accounts."""
    with fakereg.serve(dialect=f"{DIALECT}{request.param}", tokens_only=True, accounts=accounts()) as tokens:
        certificate = tokens.sites.all[0].tokens.certificate or ""
        realm = f"{tokens.url}/token"
        with demanding_tokens(tmp_path, issuer=ISSUER, service=SERVICE, certificate=certificate, realm=realm) as url:
            file = tmp_path / "target.toml"
            file.write_text("\n".join(_lines(url)))
            yield file


def _lines(url: str) -> Iterator[str]:
    """A target's file, line by line; the quotes of JSON are TOML's."""
    yield f"target = {json.dumps(url)}"
    yield 'profile = "auth"'
    for name, identity in identities().items():
        yield f"[identities.{name}]"
        yield f"username = {json.dumps(identity.username)}"
        yield f"password = {json.dumps(identity.secret)}"
    yield "[places]"
    for name, pattern in places("docker").items():
        yield f"{name} = {json.dumps(pattern)}"


def test_every_row_is_kept_by_distribution_with_our_tokens(target: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "conformance", str(target), "--report", str(tmp_path / "report"), "--workers", "0"]
    finished = subprocess.run([*command, "--", "-k", "test_token"], capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    rows = json.loads((tmp_path / "report" / "results.json").read_text())["requirements"]
    outcomes = {row["id"]: row["outcome"] for row in rows if row["id"].startswith("AUTH")}
    assert {key: outcome for key, outcome in outcomes.items() if outcome != "pass"} == NOT_SEEN
