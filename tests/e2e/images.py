"""Local images of content that no engine has seen before, and what docker says of them."""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.clients import Docker
from tests.e2e.layout import random_bytes

SMALL = {"first": 20_000, "second": 300_000, "third": 5}


def write_context(folder: Path, *, seed: int, sizes: Mapping[str, int] = SMALL) -> Path:
    """Make a folder to build an image from: a layer per file, of the given sizes in bytes, that does not compress."""
    folder.mkdir()
    for number, (file, size) in enumerate(sizes.items()):
        (folder / file).write_bytes(random_bytes(seed + number, size))
    (folder / "Dockerfile").write_text("\n".join(["FROM scratch", *(f"COPY {file} /" for file in sizes)]))
    return folder


def pushed_digest(text: str, tag: str) -> str:
    """The digest of the manifest in what `docker push` printed."""
    match = re.search(rf"^{tag}: digest: (sha256:[0-9a-f]{{64}}) size: [0-9]+$", text, re.MULTILINE)
    assert match is not None, text
    return match[1]


def pull_anew(docker: Docker, reference: str, image: tuple[str, list[str]]) -> str:
    """Remove a local image, see that a pull brings the same one back, and return what docker printed.

    `image` is what `docker.inspect` said of it: its identifier, and the digests of its layers.
    """
    docker.remove(image[0])
    assert not docker.has(image[0])
    text = docker("pull", reference).text
    assert docker.inspect(reference) == image
    return text
