"""An image that runs the docker-registry binary of this machine, built from nothing else: no image is pulled."""

import re
import shutil
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

DOCKERFILE = """\
FROM scratch
COPY files /
EXPOSE 5000
ENTRYPOINT ["/docker-registry"]
CMD ["serve", "/config.yml"]
"""


def build_registry_image(docker: Docker, tag: str, folder: Path) -> None:
    """Build the image in an empty folder: the binary, the libraries that it asks for, and a configuration.

    Storage is the file system of the container, and deletion is enabled.
    """
    binary = Path(require_command("docker-registry"))
    files = folder / "files"
    files.mkdir()
    shutil.copy(binary, files / "docker-registry")
    for library in shared_libraries(binary):
        target = files / library.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    (files / "config.yml").write_text(CONFIGURATION)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    docker.build(folder, tag)


def shared_libraries(binary: Path) -> list[Path]:
    """Return the files that the dynamic loader needs for a program, the loader itself included."""
    return [Path(match) for match in re.findall(r"(/\S+) \(0x", run(("ldd", str(binary))).stdout)]
