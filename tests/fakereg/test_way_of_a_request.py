"""How many of our files a request passes: its way has to stay short enough to be read at one sitting."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pytest

import fakereg
from fakereg import Registry
from tests.fakereg.client import RegistryClient, image

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MOST_FILES = 10
OURS = Path(fakereg.__file__).parent


class Way:
    """A WSGI application that counts the calls in each of our files while a registry answers."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.calls: Counter[str] = Counter()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        before = sys.getprofile()
        sys.setprofile(self._note)
        try:
            return self._registry(environ, start_response)
        finally:
            sys.setprofile(before)

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(OURS):
            self.calls[path.relative_to(OURS).as_posix()] += 1


def test_put_manifest_passes_few_files(capsys: pytest.CaptureFixture[str]) -> None:
    client = RegistryClient(Registry())
    client.push_image("team/app", "1.0")
    document = image(client.push_blob("team/app", b"{}"), client.push_blob("team/app", b"another layer"))
    client.application = way = Way(client.registry)
    assert client.put_manifest("team/app", "2.0", document).status_code == 201
    table = "\n".join(f"  {path:32} {calls:3} calls" for path, calls in way.calls.items())
    with capsys.disabled():
        sys.stdout.write(f"\nPUT manifest in the dialect oci passes {len(way.calls)} files:\n{table}\n")
    assert len(way.calls) <= MOST_FILES
