"""Images that run the docker-registry and nginx binaries of this machine, built from nothing else: none is pulled."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.clients import Docker, require_command, run

CONFIGURATION = """\
version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: /registry}
  delete: {enabled: true}
http: {addr: ':5000'}
"""

REGISTRY = """\
FROM scratch
COPY files /
EXPOSE 5000
ENTRYPOINT ["docker-registry"]
CMD ["serve", "/config.yml"]
"""

PROXY = """\
FROM scratch
COPY files /
EXPOSE 80
CMD ["nginx", "-g", "daemon off;"]
"""

USERS = {"etc/passwd": "nobody:x:65534:65534::/:\n", "etc/group": "nogroup:x:65534:\n"}
"""Whom nginx runs its workers as."""


def build_registry_image(docker: Docker, tag: str, folder: Path) -> None:
    """Build an image of docker-registry in an empty folder: binary, libraries, and a configuration.

    Storage is the file system of the container, and deletion is enabled.
    """
    _build(docker, tag, folder, program="docker-registry", dockerfile=REGISTRY, texts={"config.yml": CONFIGURATION})


def build_proxy_image(docker: Docker, tag: str, folder: Path) -> None:
    """Build an image of nginx in an empty folder: binary, libraries and users, but no configuration."""
    _build(docker, tag, folder, program="nginx", dockerfile=PROXY, texts=USERS)


def _build(docker: Docker, tag: str, folder: Path, *, program: str, dockerfile: str, texts: Mapping[str, str]) -> None:
    """Build an image that has a program of this machine where it is here, and files that hold some text.

    Its name is in it as a label, so that no two images are one to the engine.
    """
    binary = Path(require_command(program))
    for path in (binary, *shared_libraries(binary)):
        shutil.copy(path, _made(folder / "files" / path.relative_to("/")))
    for name, text in texts.items():
        _made(folder / "files" / name).write_text(text)
    (folder / "Dockerfile").write_text(f"{dockerfile}LABEL fakereg.image={tag}\n")
    docker.build(folder, tag)


def _made(path: Path) -> Path:
    """A path whose folder is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def shared_libraries(binary: Path) -> list[Path]:
    """Return the files that the dynamic loader needs for a program, the loader itself included."""
    return [Path(match) for match in re.findall(r"(/\S+) \(0x", run(("ldd", str(binary))).stdout)]
