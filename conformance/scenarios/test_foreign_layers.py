"""Foreign layers, which are stored elsewhere: the Docker registry refuses them, the Container registry accepts them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from conformance.checks.checks import Checks
from conformance.checks.trials import Trials
from conformance.client.client import Client
from conformance.client.content import (
    DOCKER_FOREIGN_LAYER,
    DOCKER_LAYER,
    FOREIGN_URL,
    LAYER,
    OCI_FOREIGN_LAYERS,
    Content,
    Manifest,
)
from conformance.client.steps import Steps
from conformance.scene.actors import Variant
from conformance.scene.requirement import requirement

FOREIGN_TYPES = (DOCKER_FOREIGN_LAYER, *OCI_FOREIGN_LAYERS)


def image_with(content: Content, layer: Mapping[str, Any]) -> Manifest:
    """Return an image in the format of a layer's media type, with that layer and one of its own."""
    is_docker = layer["mediaType"] in {DOCKER_FOREIGN_LAYER, DOCKER_LAYER}
    return content.docker_image(foreign=[layer]) if is_docker else content.image(foreign=[layer])


@requirement("GHD-03")
@pytest.mark.parametrize(
    ("media_type", "urls"),
    [
        *(pytest.param(media_type, True, id=media_type.partition("image.")[2]) for media_type in FOREIGN_TYPES),
        pytest.param(DOCKER_FOREIGN_LAYER, False, id="without urls"),
        pytest.param(DOCKER_LAYER, True, id="layer of Docker with urls"),
        pytest.param(LAYER, True, id="layer of OCI with urls"),
    ],
)
def test_refused(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, media_type: str, urls: bool
) -> None:
    """The registry must refuse the image even if the layer exists, so that nothing else is wrong with it."""
    trials, own, layer = Trials(check, "GHD-03"), content.docker_image(), content.blob(media_type=media_type)
    foreign = image_with(content, layer.descriptor | ({"urls": [FOREIGN_URL]} if urls else {}))
    given.manifest(repository, own, "1.0")
    given.blob(repository, layer)
    given.parts(repository, foreign)
    for tag in ("1.0", "windows"):
        answer = client.put_manifest(repository, tag, foreign.data, media_type=foreign.media_type)
        trials.refused(answer)
    trials.pull(client, repository, "1.0", own)
    trials.absent(client, repository, "windows")
    trials.tags(client, repository, "1.0")


@requirement("GHD-04")
@pytest.mark.parametrize("media_type", [DOCKER_FOREIGN_LAYER, DOCKER_LAYER], ids=["foreign", "with urls"])
def test_not_pulled(variant: Callable[..., Variant], check: Checks, content: Content, media_type: str) -> None:
    """The registry must not serve an image with foreign layers that was pushed before they were refused."""
    world, trials = variant(foreign_layers=True), Trials(check, "GHD-04")
    repository, own = world.place(), content.docker_image()
    foreign = image_with(content, content.foreign_layer(media_type))
    world.given.manifest(repository, own, "1.0")
    world.given.manifest(repository, foreign, "windows")
    trials.pull(world.client, repository, "windows", foreign)
    world.configure(foreign_layers=False)
    trials.refused(world.client.get_manifest(repository, "windows"))
    trials.pull(world.client, repository, "1.0", own)


@requirement("GHC-06")
@pytest.mark.parametrize("media_type", FOREIGN_TYPES, ids=lambda media_type: media_type.partition("image.")[2])
def test_taken(client: Client, check: Checks, given: Steps, content: Content, repository: str, media_type: str) -> None:
    """The registry must accept the image without the layer, and must not fetch the layer."""
    trials, layer = Trials(check, "GHC-06"), content.foreign_layer(media_type)
    image = image_with(content, layer)
    trials.push(client, repository, image, "windows")
    trials.pull(client, repository, "windows", image)
    trials.pull(client, repository, image.digest, image)
    found = client.head_blob(repository, layer["digest"])
    got = f"status {found.status}"
    trials.that(found.status == 404, expected="status 404", got=got, exchange=found, grade="SHOULD")
