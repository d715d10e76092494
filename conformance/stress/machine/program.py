"""A generated program as data: its steps, and the recipes of its content. It can be saved as text and read again.

A step names a rule (`rules.py`) and its arguments. Names in arguments are short: a number stands for a repository, `@3`
for the digest of the manifest of recipe 3, `@blob1` for that of blob 1, with the suffix `/sha512` by that algorithm;
any other text stands for itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any

from conformance.client.client import DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX
from conformance.client.content import CONFIG, DOCKER_CONFIG, DOCKER_LAYER, FOREIGN_URL, LAYER, digest_of
from conformance.stress.common.odd_members import ODD_MANIFESTS

MISSING = -1
"""The number of content that is never pushed."""
AS_BLOB = 100
"""Added to the number of a standard manifest, for a blob of the same bytes."""

OTHER = "application/vnd.example.other+json"
MEDIA_TYPES = {"image": IMAGE, "index": INDEX, "docker": DOCKER_IMAGE, "list": DOCKER_LIST, "other": OTHER}
REPOSITORIES = 3
"""Number of the repositories that a program names by number."""

BLOB_SIZES = (40, 1, 300, 0, 90)
"""Sizes in bytes of the blobs that programs name by number."""

Value = str | int | bool | None
Arguments = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The recipe of a manifest.

    `blobs` are the numbers of its config and layers, or of the entries of an index after its `children`. These, the
    last layers of an image, and `subject` are other recipes with lower numbers, or MISSING. `foreign` is the media type
    of a foreign layer, `odd` the name of a way to change the manifest (`odd_members.ODD_MANIFESTS`).
    """

    kind: str = "image"
    blobs: tuple[int, ...] = (0, 1)
    children: tuple[int, ...] = ()
    subject: int | None = None
    artifact_type: str = ""
    annotation: str = ""
    foreign: str = ""
    odd: str = ""


STANDARD = (
    Recipe(),
    Recipe(blobs=(0, 2), annotation="second"),
    Recipe("index", (), (0, 1)),
    Recipe(subject=0, artifact_type="application/vnd.example.sbom"),
    Recipe(subject=0, blobs=(4, 3), annotation="signature"),
    Recipe("index", (), (2, 3), subject=1),
    Recipe("docker", (0, 2)),
    Recipe(subject=MISSING),
    Recipe("docker", (0, 1, 1)),
    Recipe("list", (), (6, 8)),
    Recipe("other", ()),
    Recipe("docker", foreign="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
    Recipe("index", (), (MISSING,)),
    Recipe("index", (1, 2)),
    Recipe(blobs=(0,), odd="null-list"),
    Recipe("index", (), odd="null-list"),
    Recipe(odd="types-with-parameter"),
    Recipe(blobs=(0, 1, 3), odd="all-members"),
    Recipe("index", (1, 3), (0,), odd="unknown-types"),
    Recipe(children=(0,)),
)
"""Recipes of every program; its own recipes follow them. From the index of blobs on, they are what some registries
refuse: a BuildKit cache, null for no layers and no manifests, a podman artifact of a text file, descriptors with all
their members, unknown types, and a manifest as a layer.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A rule with its arguments, and the identity that acts. `turn` varies what is read after it."""

    rule: str
    arguments: Arguments
    who: str = "writer"
    turn: int = 0

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.rule}({shown})" + ("" if self.who == "writer" else f" as {self.who}")


@dataclass(frozen=True, slots=True)
class Program:
    """Steps, and the recipes beside the standard ones."""

    steps: tuple[Step, ...]
    recipes: tuple[Recipe, ...] = ()

    def __str__(self) -> str:
        made = [f"recipe {number} = {recipe}" for number, recipe in enumerate(self.recipes, start=len(STANDARD))]
        return "\n".join([*made, *map(str, self.steps)])

    def to_json(self) -> str:
        """Return the program as text that `from_json` reads."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Program:
        """Read a program; raise ValueError if the text is none."""
        try:
            document = json.loads(text)
            recipes = tuple(Recipe(**{**entry, "blobs": tuple(entry["blobs"]), "children": tuple(entry["children"])})
                            for entry in document["recipes"])  # fmt: skip
            return cls(tuple(Step(**entry) for entry in document["steps"]), recipes)
        except (TypeError, KeyError, RecursionError) as error:
            raise ValueError(f"it must be a program of a stress run: {error!r}") from None


@dataclass(frozen=True)
class Made:
    """The bytes of a manifest, its media type, and the numbers of the blobs and recipes that it needs."""

    data: bytes
    media_type: str
    recipe: Recipe

    @cached_property
    def digest(self) -> str:
        return digest_of(self.data)


@lru_cache(maxsize=4096)
def blob(number: int, salt: str) -> bytes:
    """Return the bytes of a blob by its number: a descriptive text, cut to its size."""
    if number == MISSING:
        return f"missing {salt}".encode()
    if number >= AS_BLOB:
        return manifest(number - AS_BLOB, (), salt).data
    size = BLOB_SIZES[number]
    return (f"blob {number} {salt}\n".encode() * (size // 8 + 1))[:size] if size > 1 else b"x" * size


@lru_cache(maxsize=4096)
def manifest(number: int, recipes: tuple[Recipe, ...], salt: str) -> Made:
    """Return the manifest of a recipe, among all recipes."""
    recipe = (STANDARD + recipes)[number] if number != MISSING else Recipe("other", (), annotation="missing")
    media_type = MEDIA_TYPES[recipe.kind]
    document = {"schemaVersion": 2, "mediaType": media_type} | _content(recipe, recipes, salt)
    if recipe.subject is not None:
        document["subject"] = _descriptor(manifest(recipe.subject, recipes, salt))
    if recipe.artifact_type:
        document["artifactType"] = recipe.artifact_type
    document["annotations"] = {"org.example.of": salt} | ({"org.example.is": recipe.annotation} if recipe.annotation
                                                          else {})  # fmt: skip
    data = json.dumps(document).encode()
    return Made(ODD_MANIFESTS[recipe.odd](data) if recipe.odd else data, media_type, recipe)


def _content(recipe: Recipe, recipes: tuple[Recipe, ...], salt: str) -> dict[str, Any]:
    children = [_descriptor(manifest(child, recipes, salt)) for child in recipe.children]
    if recipe.kind in {"index", "list"}:
        return {"manifests": children + [_blob_descriptor(number, salt, LAYER) for number in recipe.blobs]}
    if recipe.kind == "other":
        return {}
    types = (DOCKER_CONFIG, DOCKER_LAYER) if recipe.kind == "docker" else (CONFIG, LAYER)
    found = [_blob_descriptor(number, salt, types[min(place, 1)]) for place, number in enumerate(recipe.blobs)]
    foreign = [_blob_descriptor(MISSING, salt, recipe.foreign) | {"urls": [FOREIGN_URL]}] if recipe.foreign else []
    return {"config": found[0], "layers": foreign + found[1:] + children}


def _descriptor(made: Made) -> dict[str, Any]:
    return {"mediaType": made.media_type, "digest": made.digest, "size": len(made.data)}


def _blob_descriptor(number: int, salt: str, media_type: str) -> dict[str, Any]:
    data = blob(number, salt)
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
