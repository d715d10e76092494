"""The pages in a real browser: headless Chromium, which is asked for a token and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakereg.server import Server
from tests.e2e.clients import Browser
from tests.fakereg.ghes import HOSTNAME, Ghes

NAME = "octo-org/service/monalisa"
HOSTILE = "</title><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


@pytest.fixture
def instance() -> Iterator[tuple[Ghes, str]]:
    """An instance on a socket, and HOST:PORT of its pages."""
    ghes = Ghes()
    with Server(ghes.registry, host="127.0.0.1", port=0) as server:
        yield ghes, f"{HOSTNAME}:{server.host.rpartition(':')[2]}"
    ghes.registry.close()


@pytest.mark.row("GHD-23")
def test_the_browser_shows_the_package_after_it_was_asked_for_a_token(
    browser: Browser, instance: tuple[Ghes, str]
) -> None:
    ghes, host = instance
    labels = {f"org.opencontainers.image.{field}": HOSTILE for field in ("description", "licenses", "source")}
    ghes.docker().publish(NAME, "1.0", labels=labels)
    path = f"/octo-org/service/packages/{ghes.package('docker', NAME).id}"
    outcome = browser(f"http://octocat:{ghes.secret('octocat')}@{host}{path}", "--dump-dom")
    assert f"<title>{NAME}</title>" in outcome.stdout
    assert f"docker pull docker.{host}/{NAME}:1.0" in outcome.stdout
    assert outcome.stdout.count("&lt;script&gt;") == 3
    assert "Content Security Policy" not in outcome.text  # the console tells what was refused
    assert [entry.status for entry in ghes.registry.journal.filter(path=path)] == [401, 200]


@pytest.mark.row("GHC-04")
def test_the_browser_finds_its_way_from_the_list_to_the_package(browser: Browser, instance: tuple[Ghes, str]) -> None:
    ghes, host = instance
    ghes.containers().publish("octo-org/team/tool", "1.0")
    ghes.registry.github.change_package("octo-org/team/tool", visibility="public")
    listed = browser(f"http://{host}/orgs/octo-org/packages", "--dump-dom").stdout
    (path,) = re.findall(r'href="(/orgs/octo-org/packages/container/package/[^"]+)"', listed)
    shown = browser(f"http://{host}{path}", "--dump-dom").stdout
    assert f"docker pull containers.{host}/octo-org/team/tool:1.0" in shown


def test_the_style_is_let_in_and_a_narrow_window_is_wide_enough(
    browser: Browser, instance: tuple[Ghes, str], tmp_path: Path
) -> None:
    ghes, host = instance
    ghes.containers().publish("octo-org/tool", "1.0")
    ghes.registry.github.change_package("octo-org/tool", visibility="public")
    picture = tmp_path / "page.png"
    url = f"http://{host}/orgs/octo-org/packages/container/package/tool"
    outcome = browser(url, f"--screenshot={picture}", "--window-size=500,900")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "Content Security Policy" not in outcome.text
