"""Check the number of parts in image names of GitHub's registries (GP-3.32, GP-6.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Name


def check(name: Name, form: str) -> None:
    """Raise NAME_UNKNOWN or NAME_INVALID if `name` does not have the form; a form that is not GitHub's allows any."""
    if form in FORMS:
        FORMS[form](name)


def _owner_repository_image(name: Name) -> None:
    if name.count("/") != 2:
        message = "docker image push is only supported with a tag of the format :owner/:repo_name/:image_name."
        raise RegistryError(Code.NAME_UNKNOWN, message)


def _namespace_image(name: Name) -> None:
    if "/" not in name:
        raise RegistryError(
            Code.NAME_INVALID, "a repository name must be NAMESPACE/IMAGE_NAME", details=[{"name": name}]
        )


FORMS: Mapping[str, Callable[[Name], None]] = {
    "owner/repository/image": _owner_repository_image,
    "namespace/image": _namespace_image,
}
