"""The pages in a real browser: headless Chromium, which is asked for a token and runs nothing."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

import pytest
import urllib3

import fakereg
from fakereg.server import Server
from tests.e2e.clients import Browser
from tests.fakereg.ghes import HOSTNAME, Ghes
from tests.guard import GUARD

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

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


@pytest.mark.parametrize("unguarded", [False, True], ids=["guarded", "unguarded"])
@pytest.mark.parametrize("reference", ["hostile", "missing-<script>", ""])
def test_the_browser_runs_nothing_of_what_a_client_has_uploaded(
    browser: Browser, unguarded: bool, reference: str
) -> None:
    """Without the headers that say so it does run a manifest of the type text/html.

    The page is in a frame, since a browser that saves an address as a file shows no page, and may never end.
    """
    middleware = [framing, without_headers] if unguarded else [framing]
    with fakereg.serve(dialect="github-container,auth=none", middleware=middleware) as registry:
        script = "<script>fetch('/v2/octocat/ran/tags/list')</script>"
        manifest = json.dumps({"a": script}).encode()
        url = f"{registry.url}/v2/octocat/app/manifests"
        pushed = urllib3.request("PUT", f"{url}/hostile", body=manifest, headers={"Content-Type": "text/html"})
        assert pushed.status == 201
        with browser.opened(f"{registry.url}/frame?{urlencode({'src': f'{url}/{reference}'})}"):
            registry.journal.wait(path="/v2/octocat/app/manifests/*", method="GET", timeout=GUARD)
            registry.journal.wait(path="/v2/octocat/seen/tags/list", timeout=GUARD)
            if unguarded and reference == "hostile":
                registry.journal.wait(path="/v2/octocat/ran/tags/list", timeout=GUARD)
            else:
                assert not registry.journal.filter(path="/v2/octocat/ran/*")


def framing(application: WSGIApplication) -> WSGIApplication:
    """Serve a page at `/frame` that frames the address `?src=`, and asks for `seen` a second later."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/frame":
            return application(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/html")])
        (source,) = parse_qs(environ["QUERY_STRING"])["src"]
        seen = "<script>setTimeout(() => fetch('/v2/octocat/seen/tags/list'), 1000)</script>"
        return [f'<!doctype html><iframe src="{html.escape(source)}"></iframe>{seen}'.encode()]

    return wrapped


def without_headers(application: WSGIApplication) -> WSGIApplication:
    """Let answers pass without the headers that are meant for browsers."""
    dropped = {"Content-Security-Policy", "Content-Disposition", "X-Content-Type-Options"}

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], /, *rest: Any) -> Any:
            return start_response(status, [header for header in headers if header[0] not in dropped], *rest)

        return application(environ, start)

    return wrapped


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
